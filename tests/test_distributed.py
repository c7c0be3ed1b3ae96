"""Several processes compute the same as one."""

import json
import socket
import subprocess

import numpy as np
import pytest

from dave_jax.train import train
from tests.runs import ROOT, final_leaves, main_command, rows_of, tiny_config

pytestmark = pytest.mark.slow

FIVE = {'train.steps': 5, 'train.batch_size': 8}


@pytest.fixture(scope='module')
def one_device(quick_to_compile, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('one')
  assert train(tiny_config(**FIVE), workdir)
  return workdir


def _assert_same(found, expected):
  losses = [[row['loss'] for row in rows_of(w)] for w in (found, expected)]
  np.testing.assert_allclose(*losses, rtol=1e-5)
  found, expected = final_leaves(found), final_leaves(expected)
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    np.testing.assert_allclose(
      found[path], value, rtol=1e-3, atol=2e-5, err_msg=path
    )


@pytest.mark.parametrize(
  ('processes', 'devices'), [(2, 4), (2, 1)], ids=['2x4', '2x1']
)
def test_several_processes_train_like_one_device(
  processes, devices, environment, one_device, tmp_path
):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  made = f'--xla_force_host_platform_device_count={devices}'
  flags = f'{environment["XLA_FLAGS"]} {made}'
  running = [
    subprocess.Popen(
      main_command(
        tmp_path,
        '--distributed',
        f'--coordinator=localhost:{port}',
        f'--processes={processes}',
        f'--process={number}',
        **{'mesh.shard_optimizer': True},
        **FIVE,
      ),
      cwd=ROOT,
      env=environment | {'XLA_FLAGS': flags},
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in range(processes)
  ]
  try:
    for process in running:
      _, said = process.communicate(timeout=300)
      assert process.returncode == 0, said
  finally:
    for process in running:
      process.kill()
  row = json.loads((tmp_path / 'runs.jsonl').read_text())
  assert row['processes'] == processes
  assert row['mesh'] == {'data': processes * devices}
  _assert_same(tmp_path, one_device)
