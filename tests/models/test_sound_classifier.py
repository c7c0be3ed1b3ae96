"""The classifier of sounds and its encoder."""

import jax
import numpy as np
import pytest

from dave_jax.models.dave import DAVE
from dave_jax.models.sound_classifier import SoundClassifier

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.fixture(scope='module')
def classifier():
  return SoundClassifier(labels=3, depth=10, width=2)


@pytest.fixture(scope='module')
def variables(classifier):
  return classifier.initialise(0)


def test_encoder_is_that_of_the_saliency_network(variables):
  shapes = DAVE(modality='audio', depth=10, width=2).variable_shapes()
  wanted = {p: s for p, s in shapes.items() if p[1] == 'audio_encoder'}
  found = {
    (collection, *path): leaf.shape
    for collection, tree in variables.items()
    for path, leaf in _leaves(tree)
    if path[0] == 'audio_encoder'
  }
  assert found == wanted


def _leaves(tree, path=()):
  for name, value in tree.items():
    if isinstance(value, dict):
      yield from _leaves(value, (*path, name))
    else:
      yield (*path, name), value


def test_logits_are_linear_in_what_the_saliency_network_hears(
  classifier, variables
):
  """The mean over time and place of the same encoder in `DAVE`."""
  audio = np.random.default_rng(0).normal(-2, 1, (2, 16, 64, 64)).astype('f')
  logits = classifier.apply(variables, audio, train=False)
  assert logits.shape == (2, 3)
  assert logits.dtype == np.float32
  network = DAVE(modality='audio', depth=10, width=2)
  fresh = network.initialise(1)
  for collection in fresh:
    fresh[collection]['audio_encoder'] = variables[collection]['audio_encoder']
  _, kept = network.apply(
    fresh, None, audio, train=False, mutable=['intermediates']
  )
  (features,) = kept['intermediates']['audio_features']
  names = [n for n in variables['params'] if n != 'audio_encoder']
  (head,) = (variables['params'][name] for name in names)
  wanted = np.asarray(features) @ np.asarray(head['kernel']) + head['bias']
  np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-4)


def test_only_training_moves_the_statistics(classifier, variables):
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
