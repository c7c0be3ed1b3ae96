"""Runs in buckets, on servers on this machine: killed, damaged, distributed."""

import json
import pathlib
import signal
import socket
import subprocess
import time
import uuid

import jax
import numpy as np
import pytest

import dave_jax
from dave_jax import buckets
from tests.bucket_servers import serving
from tests.runs import ROOT, main_command

pytestmark = pytest.mark.slow

SETTINGS = {
  'train.steps': 14,
  'checkpoint.every': 2,
  'checkpoint.keep': 3,
  'data.images': '',
  'model.modality': 'audio',
}


@pytest.fixture(scope='module')
def server(request):
  """Protocol, 'gs' unless parametrised, and environment of programs."""
  protocol = getattr(request, 'param', 'gs')
  with serving(protocol) as variables:
    yield protocol, variables


@pytest.fixture(scope='module')
def on_disk(environment, tmp_path_factory):
  """Workdir of a run on a disk that was not killed."""
  workdir = tmp_path_factory.mktemp('disk')
  command = main_command(workdir, **SETTINGS)
  subprocess.run(command, cwd=ROOT, env=environment, check=True)
  return workdir


@pytest.fixture
def bucket(server):
  return f'{server[0]}://runs/{uuid.uuid4().hex}'


@pytest.fixture
def start(server, environment):
  """Starts programs, and kills those that a failed test leaves."""
  started = []

  def call(workdir, *flags, **overrides):
    process = subprocess.Popen(
      main_command(workdir, *flags, **SETTINGS | overrides),
      cwd=ROOT,
      env=environment | server[1],
      stderr=subprocess.PIPE,
      text=True,
    )
    started.append(process)
    return process

  yield call
  for process in started:
    process.kill()
    process.wait()


def _read(bucket, name):
  return buckets.filesystem(bucket).cat_file(f'{bucket}/{name}')


def _rows(bucket):
  return _read(bucket, 'train.jsonl').decode().splitlines()


def _saved(bucket):
  """Returns the steps of the checkpoints that count."""
  names = map(pathlib.PurePath, buckets.files_in(bucket))
  return sorted(int(n.stem) for n in names if n.parent.name == 'checksums')


def _wait_for_step(process, bucket, step):
  deadline = time.monotonic() + 300
  while not any(saved >= step for saved in _saved(bucket)):
    assert process.poll() is None, process.stderr.read()
    assert time.monotonic() < deadline
    time.sleep(0.05)


def _flip_a_bit(bucket, step):
  sizes = buckets.files_in(f'{bucket}/checkpoints/{step}')
  largest = f'checkpoints/{step}/{max(sizes, key=sizes.get)}'
  content = bytearray(_read(bucket, largest))
  content[len(content) // 2] ^= 1
  buckets.filesystem(bucket).pipe_file(f'{bucket}/{largest}', bytes(content))


@pytest.mark.parametrize('server', ['gs', 's3'], indirect=True, scope='module')
def test_a_killed_run_resumes_from_the_newest_whole_checkpoint(
  bucket, start, on_disk
):
  """Ends with the same rows as a run on a disk that was not killed."""
  process = start(bucket)
  _wait_for_step(process, bucket, 4)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert 'lock' in buckets.files_in(bucket)
  *_, before, last = _saved(bucket)
  # The bucket alone has all rows up to the checkpoint: the machine may be lost.
  steps = [json.loads(row)['step'] for row in _rows(bucket)]
  assert steps[:last] == list(range(1, last + 1))
  _flip_a_bit(bucket, last)

  process = start(bucket)
  said = process.communicate()[1]
  assert process.returncode == 0, said
  assert f'the checkpoint of step {last} is damaged' in said
  assert f'resuming after step {before}\n' in said
  assert f'Done: {bucket}/last (weights of the last step)' in said
  expected = (on_disk / 'train.jsonl').read_text().splitlines()
  assert _rows(bucket) == expected
  assert len(expected) == 14
  names = buckets.files_in(bucket)
  assert 'lock' not in names
  for folder in (f'damaged/{last}/', 'tensorboard/', 'checkpoints/14/'):
    assert any(name.startswith(folder) for name in names)
  found, expected = (dave_jax.load(f'{w}/last') for w in (bucket, on_disk))
  assert found.origin == expected.origin
  jax.tree.map(
    np.testing.assert_array_equal, found.variables, expected.variables
  )


def test_a_stopped_run_saves_to_the_bucket(bucket, start):
  process = start(bucket, '--stopped_status=75', **{'train.steps': 1000})
  _wait_for_step(process, bucket, 2)
  process.send_signal(signal.SIGTERM)
  said = process.communicate()[1]
  assert process.returncode == 75, said
  last = max(_saved(bucket))
  assert f'stopped after step {last}' in said
  assert json.loads(_rows(bucket)[-1])['step'] == last


def test_several_processes_share_a_run_in_a_bucket(bucket, start):
  """Each has a copy; process 0 writes all of the sharded optimizer state."""

  def train(steps):
    with socket.socket() as free:
      free.bind(('localhost', 0))
      port = free.getsockname()[1]
    processes = [
      start(
        bucket,
        '--distributed',
        f'--coordinator=localhost:{port}',
        '--processes=2',
        f'--process={number}',
        **{'mesh.shard_optimizer': True, 'train.steps': steps},
      )
      for number in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    return said

  train(4)
  assert _saved(bucket) == [2, 4]
  _flip_a_bit(bucket, 4)
  said = train(6)
  assert 'resuming after step 2\n' in said[0]
  assert _saved(bucket) == [2, 4, 6]
  assert [json.loads(row)['step'] for row in _rows(bucket)] == list(range(1, 7))
