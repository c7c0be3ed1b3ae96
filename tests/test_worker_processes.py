"""Parts of a program in processes of their own."""

import json
import os
import pathlib
import signal
import threading
import time

import pytest

from dave_jax.training.preemption import Preemption
from dave_jax.worker_processes import Call, run_at_once

pytestmark = pytest.mark.slow


def _run(function, titles):
  return run_at_once(function, [Call(t) for t in titles], 2, lambda title: None)


def _meet(path):
  """Waits for the other process, so that it fails if there is only one."""
  path = pathlib.Path(path)
  path.touch()
  deadline = time.monotonic() + 60
  while len(list(path.parent.iterdir())) < 2:
    if time.monotonic() > deadline:
      raise TimeoutError('expected two processes at once')
    time.sleep(0.05)


def _fail(path):
  raise ValueError(f'{path}: wrong')


def _work_until_asked(path):
  with Preemption() as preemption:
    pathlib.Path(path).touch()
    while not preemption.requested(0):
      time.sleep(0.05)
  return False


def test_processes_run_at_once(tmp_path):
  paths = [str(tmp_path / name) for name in 'ab']
  assert _run(_meet, paths)


def test_errors_are_raised():
  with pytest.raises(ValueError, match='here: wrong'):
    _run(_fail, ['here'])


def test_a_request_to_stop_reaches_them(tmp_path):
  """The third does not begin."""
  paths = [str(tmp_path / name) for name in 'abc']

  def ask():
    while len(list(tmp_path.iterdir())) < 2:
      time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)

  asking = threading.Thread(target=ask)
  asking.start()
  assert not _run(_work_until_asked, paths)
  asking.join()
  assert {path.name for path in tmp_path.iterdir()} == {'a', 'b'}


def _cores(path):
  _meet(path)
  pathlib.Path(path).write_text(json.dumps(sorted(os.sched_getaffinity(0))))


@pytest.mark.skipif(
  not hasattr(os, 'sched_getaffinity') or len(os.sched_getaffinity(0)) < 2,
  reason='needs two cores that processes can be tied to',
)
def test_processes_share_the_cores(tmp_path):
  paths = [str(tmp_path / name) for name in 'ab']
  assert _run(_cores, paths)
  a, b = (set(json.loads(pathlib.Path(path).read_text())) for path in paths)
  assert a | b == os.sched_getaffinity(0)
  assert not a & b


def _touch(path):
  time.sleep(0.3)
  pathlib.Path(path).touch()


def test_calls_wait_for_those_that_they_need(tmp_path):
  """The second waits for the first; the third does not, and begins before."""
  first, second, third = (str(tmp_path / name) for name in 'abc')
  begun = []

  def begins(title):
    begun.append(title)
    assert title != second or pathlib.Path(first).exists()

  calls = [Call(first), Call(second, (first,)), Call(third)]
  assert run_at_once(_touch, calls, 2, begins)
  assert begun == [first, third, second]
  assert len(list(tmp_path.iterdir())) == 3
