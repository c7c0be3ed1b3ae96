"""A run that is killed, preempted and resumed with fewer processes."""

import collections
import json
import signal
import subprocess
import sys

import pytest

from tests.runs import ROOT, rows_of

pytestmark = pytest.mark.slow

KILLED, PREEMPTED, ENDED = range(3)


class Start:
  """The output of one start of the run, see tests/preempted_runs.py."""

  def __init__(self, folder):
    end = json.loads((folder / 'end.json').read_text())
    self.statuses = end['statuses']
    self.seconds = end.get('seconds')
    self.said = [
      (folder / f'{n}.log').read_text() for n in range(len(self.statuses))
    ]
    self.frames = collections.defaultdict(list)
    for file in folder.glob('*.jsonl'):
      for row in map(json.loads, file.read_text().splitlines()):
        self.frames[row['step']] += row['frames']


@pytest.fixture(scope='module')
def folder(environment, tmp_path_factory):
  folder = tmp_path_factory.mktemp('preempted')
  command = [sys.executable, '-m', 'tests.preempted_runs', folder]
  subprocess.run(command, cwd=ROOT, env=environment, check=True)
  return folder


@pytest.fixture(scope='module')
def starts(folder):
  return [Start(folder / str(place)) for place in (KILLED, PREEMPTED, ENDED)]


def test_processes_stop_within_a_minute_of_a_killed_one(starts):
  killed = starts[KILLED]
  assert killed.seconds < 60
  assert killed.statuses[2] == -signal.SIGKILL
  for process in (0, 1, 3):
    # JAX's service ends them, unless they hear of it earlier.
    assert killed.statuses[process] in (-signal.SIGABRT, 75)
    reasons = ('stopped sending heartbeats):\n2\n', 'main: lost a process')
    assert any(reason in killed.said[process] for reason in reasons)


def test_restart_resumes_after_the_last_saved_step(starts):
  """Of five steps, the second is saved and the fourth may be."""
  first = min(starts[PREEMPTED].frames)
  assert first in (3, 5)
  assert f'resuming after step {first - 1}\n' in starts[PREEMPTED].said[0]


def test_all_processes_stop_after_the_same_step(starts):
  preempted, after = starts[PREEMPTED], starts[ENDED]
  assert set(preempted.statuses) == {0}, preempted.said
  assert f'stopped after step {max(preempted.frames)};' in preempted.said[0]
  assert min(after.frames) == max(preempted.frames) + 1


def test_each_epoch_has_every_example_once(starts):
  """Repeated steps replace those that were lost."""
  assert starts[ENDED].statuses == [0]
  frames = {}
  for start in starts:
    frames |= start.frames
  for epoch in range(4):
    steps = range(10 * epoch + 1, 10 * epoch + 11)
    seen = [frame for step in steps for frame in frames[step]]
    assert sorted(seen) == list(range(40))


def test_run_reports_devices_and_stragglers(folder, starts):
  said = starts[KILLED].said[0]
  assert '4 processes on 1 host, 4 x cpu' in said
  assert 'mesh: data=4' in said
  assert [row['step'] for row in rows_of(folder / 'run')] == [*range(1, 41)]
  lines = (folder / 'run' / 'progress.jsonl').read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  assert [row['step'] for row in rows] == [*range(1, 41)]
  # A single process has no stragglers.
  assert ('stragglers' in rows[0], 'stragglers' in rows[-1]) == (True, False)
