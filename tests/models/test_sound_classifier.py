"""The sound classifier and its encoder."""

import jax
import numpy as np
import pytest
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.models.sound_classifier import SoundClassifier

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.fixture(scope='module')
def classifier():
  return SoundClassifier(labels=3, depth=10, width=2, lax_kernels=True)


@pytest.fixture(scope='module')
def variables(classifier):
  return classifier.initialise(0)


def test_encoder_has_the_variables_of_the_saliency_network(variables):
  shapes = DAVE(modality='audio', depth=10, width=2).variable_shapes()
  expected = {p: s for p, s in shapes.items() if p[1] == 'audio_encoder'}
  actual = {
    path: leaf.shape
    for path, leaf in traverse_util.flatten_dict(variables).items()
    if path[1] == 'audio_encoder'
  }
  assert actual == expected


def test_logits_are_linear_in_the_audio_features(classifier, variables):
  """The features that `DAVE` computes with the same encoder weights."""
  audio = np.random.default_rng(0).normal(-2, 1, (2, 16, 64, 64)).astype('f')
  logits = classifier.apply(variables, audio, train=False)
  assert logits.shape == (2, 3)
  assert logits.dtype == np.float32
  network = DAVE(modality='audio', depth=10, width=2, lax_kernels=True)
  fresh = network.initialise(1)
  for collection in fresh:
    fresh[collection]['audio_encoder'] = variables[collection]['audio_encoder']
  _, kept = network.apply(
    fresh, None, audio, train=False, mutable=['intermediates']
  )
  (features,) = kept['intermediates']['audio_features']
  head = variables['params']['classifier']
  expected = np.asarray(features) @ np.asarray(head['kernel']) + head['bias']
  np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_only_training_updates_the_statistics(classifier, variables):
  audio = np.random.default_rng(0).normal(-2, 1, (2, 16, 64, 64)).astype('f')
  for train in (False, True):
    _, updated = classifier.apply(
      variables, audio, train=train, mutable=['batch_stats']
    )
    moved = [
      not np.array_equal(a, b)
      for a, b in zip(
        jax.tree.leaves(updated['batch_stats']),
        jax.tree.leaves(variables['batch_stats']),
        strict=True,
      )
    ]
    assert all(moved) if train else not any(moved)
