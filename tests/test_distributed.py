"""Several devices and processes learn what one does."""

import json
import socket
import subprocess

import numpy as np
import pytest

from tests.runs import ROOT, final_leaves, main_command, rows_of


def _assert_same(found, wanted):
  losses = [[row['loss'] for row in rows_of(w)] for w in (found, wanted)]
  np.testing.assert_allclose(*losses, rtol=1e-5)
  found, wanted = final_leaves(found), final_leaves(wanted)
  assert found.keys() == wanted.keys()
  for path, value in wanted.items():
    np.testing.assert_allclose(
      found[path], value, rtol=1e-3, atol=2e-5, err_msg=path
    )


FIVE = {'train.steps': 5, 'train.batch_size': 8}


@pytest.fixture(scope='module')
def one_device(run, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('one')
  run(workdir, **FIVE)
  return workdir


def test_eight_devices_learn_what_one_does(run, one_device, tmp_path):
  run(tmp_path, xla_flags='--xla_force_host_platform_device_count=8', **FIVE)
  assert json.loads((tmp_path / 'runs.jsonl').read_text())['mesh'] == {
    'data': 8
  }
  _assert_same(tmp_path, one_device)


def test_two_processes_learn_what_one_does(environment, one_device, tmp_path):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  flags = '--xla_force_host_platform_device_count=4'
  processes = [
    subprocess.Popen(
      main_command(
        tmp_path,
        '--distributed',
        f'--coordinator=localhost:{port}',
        '--processes=2',
        f'--process={number}',
        **FIVE,
      ),
      cwd=ROOT,
      env=environment | {'XLA_FLAGS': flags},
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in (0, 1)
  ]
  try:
    for process in processes:
      _, said = process.communicate(timeout=300)
      assert process.returncode == 0, said
  finally:
    for process in processes:
      process.kill()
  assert json.loads((tmp_path / 'runs.jsonl').read_text())['processes'] == 2
  _assert_same(tmp_path, one_device)
