"""Tiny training runs for several test modules."""

import json
import pathlib
import sys

import jax
import numpy as np

from dave_jax.configs import davos
from dave_jax.weights import model_folder as store

ROOT = pathlib.Path(__file__).resolve().parents[1]
# configs/davos.py, reduced to what a test has time for.
TINY = {
  'fake_data': True,
  'model.depth': 10,
  'model.width': 2,
  'model.lax_kernels': True,  # Compiles sooner; as on an accelerator.
  'model.frame_size': (64, 64),
  'train.batch_size': 2,
  'train.schedule': 'steps',
  'log.every': 1,
  'optimizer.warmup': 0.2,
  # The gradients of biases in front of batch norm are rounding errors, which
  # Adam scales up: no two ways to compute them would agree.
  'model.decoder_batch_norm': False,
}


def tiny_config(**overrides):
  """Returns the config TINY with some fields overridden."""
  config = davos.get_config()
  config.update_from_flattened_dict(TINY | overrides)
  return config


def main_command(workdir, *flags, **overrides):
  """Returns the command line that trains this config."""
  values = [f'--config.{k}={v}' for k, v in (TINY | overrides).items()]
  return [
    *(sys.executable, '-m', 'dave_jax.main', '--config=configs/davos.py'),
    *(f'--workdir={workdir}', *values, *flags),
  ]


def rows_of(workdir):
  """Returns the rows of a run's log."""
  lines = (workdir / 'train.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def final_leaves(workdir):
  """Returns {path: array} of all leaves of the newest checkpoint."""
  folders = (workdir / 'checkpoints').iterdir()
  newest = max((p for p in folders if p.name.isdecimal()), key=step_of)
  state = store._restore(newest / 'state')
  leaves = jax.tree_util.tree_leaves_with_path(state)
  return {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}


def step_of(folder):
  """Returns the step of a checkpoint's folder."""
  return int(folder.name)
