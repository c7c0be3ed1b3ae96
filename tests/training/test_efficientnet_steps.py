"""Training steps of a network whose video encoder sees single frames."""

import jax
import numpy as np
import pytest

from dave_jax.models.dave import DAVE
from dave_jax.training import steps
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import make_optimizer
from tests.training.conftest import SIZE, make_state
from tests.training.test_optimizer import SETTINGS


def _branches(frozen):
  model = DAVE(
    video_backbone='efficientnet_lite0',
    depth=10,
    width=2,
    lax_kernels=True,
    frame_size=SIZE,
  )
  optimizer = make_optimizer(
    steps.groups(model, frozen),
    **SETTINGS | {'learning_rate': 1e-2, 'rates': {'video_encoder': 0.1}},
  )
  objective = Objective(1.0, 0.0, 0.0, 0.0, epsilon=1e-4)
  return steps.RoutedSteps(model, optimizer, objective, 1)


def _changed(before, after):
  """Returns the modules of which a parameter or statistic has changed."""
  changed = set()
  for collection in ('params', 'batch_stats'):
    one, other = getattr(before, collection), getattr(after, collection)
    for module in one:
      pairs = zip(
        jax.tree.leaves(one[module]),
        jax.tree.leaves(other[module]),
        strict=True,
      )
      if any(np.any(np.asarray(a) != np.asarray(b)) for a, b in pairs):
        changed.add((collection, module))
  return changed


def test_a_frozen_encoder_stays_bit_identical_on_both_routes(windows, images):
  branches = _branches(frozen=('video_encoder',))
  start = make_state(branches)
  seen, _ = jax.jit(branches.visual)(start, images)
  visual = {'video_embedding', 'upscale1', 'saliency', 'centre'}
  assert _changed(start, seen) == {('params', name) for name in visual}
  heard, _ = jax.jit(branches.audio_visual)(seen, windows)
  assert _changed(seen, heard) == {
    *(('params', name) for name in visual),
    ('params', 'frame_mixing'),
    ('params', 'audio_encoder'),
    ('batch_stats', 'audio_encoder'),
    ('params', 'combined_embedding'),
  }


@pytest.mark.slow
def test_a_trained_encoder_keeps_the_statistics_of_its_batch_norm(images):
  branches = _branches(frozen=())
  start = make_state(branches)
  after, _ = jax.jit(branches.visual)(start, images)
  changed = _changed(start, after)
  assert ('params', 'video_encoder') in changed
  assert not any(collection == 'batch_stats' for collection, _ in changed)
