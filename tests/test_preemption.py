"""Processes of a run that is killed in part."""

import json
import signal
import subprocess
import sys

import pytest

from tests.runs import ROOT


@pytest.fixture(scope='module')
def folder(environment, tmp_path_factory):
  """What tests/killed_run.py leaves."""
  folder = tmp_path_factory.mktemp('killed')
  command = [sys.executable, '-m', 'tests.killed_run', folder]
  subprocess.run(command, cwd=ROOT, env=environment, check=True)
  return folder


def test_others_stop_within_a_minute_of_one_that_is_killed(folder):
  end = json.loads((folder / 'end.json').read_text())
  assert end['seconds'] < 60
  assert end['statuses'][2] == -signal.SIGKILL
  for process in (0, 1, 3):
    # JAX's service ends them, unless they hear of it earlier.
    assert end['statuses'][process] in (-signal.SIGABRT, 75)
    said = (folder / f'{process}.log').read_text()
    reasons = ('stopped sending heartbeats):\n2\n', 'main: lost a process')
    assert any(reason in said for reason in reasons)


def test_a_run_says_what_it_found(folder):
  said = (folder / '0.log').read_text()
  assert 'found 4 processes on 1 host, 4 x cpu' in said
  assert 'mesh of data=4, space=1' in said
