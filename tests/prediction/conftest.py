"""Small networks with random weights, and a clip to predict."""

import jax
import numpy as np
import pytest

import dave_jax
from dave_jax.model.dave import DAVE
from dave_jax.weights import store
from tests.media import clips


def _checkpoint(folder, **fields):
  module = DAVE(depth=10, width=2, frame_size=(64, 96), **fields)
  variables = jax.jit(module.initialise)(jax.random.key(0))
  # Random weights often make maps of zeros; this keeps the last ReLU open.
  variables['params']['saliency']['bias'] += 5.0
  store.save(folder, module, variables, origin={'made': 'at random'})
  return folder


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
  """Folder of an audio-visual network."""
  return _checkpoint(tmp_path_factory.mktemp('checkpoints') / 'audio_visual')


@pytest.fixture(scope='session')
def model(checkpoint):
  return dave_jax.load(checkpoint)


@pytest.fixture(scope='session', params=['video', 'audio'])
def single_modality_model(request, tmp_path_factory):
  folder = tmp_path_factory.mktemp('checkpoints') / request.param
  return dave_jax.load(_checkpoint(folder, modality=request.param))


@pytest.fixture(scope='session')
def clip(tmp_path_factory):
  """40 frames at 25 a second, pictures and sound of noise."""
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 255, (40, 8, 12, 3), np.uint8)
  pictures = pictures.repeat(8, axis=1).repeat(8, axis=2)
  sound = rng.uniform(-0.5, 0.5, round(1.6 * 16000)).astype(np.float32)
  path = tmp_path_factory.mktemp('clips') / 'noise.mp4'
  return clips.write_clip(path, frames=pictures, sound=sound)
