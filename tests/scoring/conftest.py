import types

import numpy as np
import pytest


@pytest.fixture(scope='session')
def golden(goldens):
  """What the benchmark's MATLAB code gave, run in GNU Octave."""
  return np.load(goldens / 'saliency_metrics.npz')


@pytest.fixture
def maps():
  """Six random frames: smooth saliency, density, counts up to 2."""
  rng = np.random.default_rng(0)
  n, h, w = shape = 6, 20, 30
  saliency = rng.random(shape).cumsum(axis=1).astype(np.float32)
  fixation_maps = np.zeros(shape, np.uint8)
  for frame, counts in enumerate(fixation_maps):
    for pixel in rng.choice(h * w, 8 + frame, replace=False):
      counts.flat[pixel] = rng.integers(1, 3)
  others = (rng.random(shape) < 0.1).astype(np.uint8)
  return types.SimpleNamespace(
    saliency=saliency,
    density=rng.random(shape),
    fixation_maps=fixation_maps,
    others=others,
    numbers=np.arange(n),
  )
