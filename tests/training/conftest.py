"""A tiny network, its optimizer and batches for tests of training."""

import jax
import numpy as np
import optax
import pytest

from dave_jax.data.batches import batch_shapes
from dave_jax.models.dave import DAVE
from dave_jax.training import steps
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import Optimizer
from dave_jax.training.task import TrainState
from tests.conftest import random_variables

SIZE = (64, 64)


def make_batch(b: int, *, still: bool, seed: int = 0) -> dict:
  """Returns a batch of noise, see `data.batches`."""
  rng = np.random.default_rng(seed)
  shapes = batch_shapes(
    batch_size=b,
    frame_size=SIZE,
    still=still,
    fixation_map=True,
    evaluation=False,
  )
  batch = {
    key: np.zeros(shape, dtype) for key, (shape, dtype) in shapes.items()
  }
  batch['frames'] = rng.integers(0, 256, batch['frames'].shape, np.uint8)
  density = rng.random(batch['density'].shape) ** 4
  density /= density.sum(axis=(1, 2), keepdims=True)
  batch['density'] = density.astype(np.float32)
  batch['fixations'] = (density > density.mean()).astype(np.uint8)
  if not still:
    batch['log_mel'] = rng.normal(-2, 1, batch['log_mel'].shape).astype('f')
    batch['offsets'] = np.tile(np.arange(16, dtype=np.int32) * 4, (b, 1))
  return batch


def make_steps(
  accumulate=1, transform=None, modality='audio_visual', rematerialise=False
):
  """Returns the training steps of a tiny network."""
  model = DAVE(
    depth=10,
    width=2,
    lax_kernels=True,
    frame_size=SIZE,
    decoder_batch_norm=True,
    modality=modality,
    rematerialise=rematerialise,
  )
  objective = Objective(1.0, 0.0, 0.0, 0.0, epsilon=1e-3)
  optimizer = Optimizer(
    steps.groups(model),
    optax.constant_schedule(1e-2),
    transform or optax.scale_by_adam(),
    clip_norm=0.0,
    rates={},
  )
  return steps.RoutedSteps(model, optimizer, objective, accumulate)


def make_state(branches: steps.RoutedSteps) -> TrainState:
  """Returns an initial state with random weights."""
  variables = jax.tree.map(np.asarray, random_variables(branches.model))
  return TrainState(
    step=np.int32(0),
    params=variables['params'],
    batch_stats=variables['batch_stats'],
    opt_state=branches.optimizer.init(variables['params']),
  )


@pytest.fixture(scope='module', autouse=True)
def quick(quick_to_compile):
  """Makes all of these tests quick to compile."""


@pytest.fixture(scope='session')
def windows():
  return make_batch(2, still=False)


@pytest.fixture(scope='session')
def images():
  return make_batch(2, still=True, seed=1)
