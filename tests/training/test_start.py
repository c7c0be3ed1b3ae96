"""Weights that a run starts from."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from dave_jax.models.dave import DAVE
from dave_jax.training.start import starting_variables
from dave_jax.weights import model_folder as store
from tests.conftest import random_variables

MODEL = DAVE(depth=10, width=2, frame_size=(64, 64))


@pytest.fixture(scope='module')
def network(tmp_path_factory):
  folder = tmp_path_factory.mktemp('start') / 'network'
  store.save(folder, MODEL, random_variables(MODEL, 1), origin={})
  return folder


@pytest.fixture(scope='module')
def encoders(tmp_path_factory):
  folder = tmp_path_factory.mktemp('start') / 'encoders'
  variables = random_variables(MODEL, 2)
  variables = {
    c: {'video_encoder': tree['video_encoder']} for c, tree in variables.items()
  }
  store.save(folder, MODEL, variables, origin={}, contents='encoders')
  return folder


def _start(model=MODEL, **fields):
  start = {
    'network': '',
    'video_encoder': '',
    'audio_encoder': '',
    'head_scale': 0.5,
    'head_bias': 3.0,
    'mix': 'fresh',
  }
  return starting_variables(model, ConfigDict(start | fields), 0)


def _assert_equal(found, expected):
  jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_random_weights_are_those_of_the_network_except_the_head():
  variables, lines = _start()
  expected = MODEL.initialise(0)
  head = expected['params'].pop('saliency')
  found = variables['params'].pop('saliency')
  _assert_equal(variables, expected)
  np.testing.assert_array_equal(found['kernel'], 0.5 * head['kernel'])
  np.testing.assert_array_equal(found['bias'], 3.0)
  assert lines == [
    'video_encoder: random weights',
    'audio_encoder: random weights',
  ]


def test_identity_passes_the_visual_features_through():
  variables, _ = _start(mix='identity')
  kernel = variables['params']['combined_embedding']['kernel'][0, 0]
  c = kernel.shape[1]
  np.testing.assert_array_equal(kernel[:c], np.eye(c))
  fresh = MODEL.initialise(0)['params']['combined_embedding']['kernel'][0, 0]
  np.testing.assert_allclose(kernel[c:], 0.3 * fresh[c:], rtol=1e-6)


def test_unknown_mix_is_refused():
  with pytest.raises(ValueError, match=r"start\.mix: expected .*, got 'half'"):
    _start(mix='half')


def test_encoders_replace_those_of_the_network(network, encoders):
  variables, lines = _start(network=str(network), video_encoder=str(encoders))
  expected = random_variables(MODEL, 1)
  video = random_variables(MODEL, 2)
  for collection, tree in expected.items():
    tree['video_encoder'] = video[collection]['video_encoder']
  _assert_equal(variables, expected)
  assert lines == [f'video_encoder: {encoders}', f'audio_encoder: {network}']


def test_video_only_network_starts_the_modules_it_has(tmp_path):
  seeing = DAVE('video', depth=10, width=2, frame_size=(64, 64))
  known = random_variables(seeing, 3)
  store.save(tmp_path / 'video', seeing, known, origin={})
  variables, lines = _start(network=str(tmp_path / 'video'))
  for collection, fresh in MODEL.initialise(0).items():
    expected = fresh | known[collection]
    _assert_equal(variables[collection], expected)
  assert lines == [
    f'video_encoder: {tmp_path / "video"}',
    'audio_encoder: random weights',
  ]


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'network': 'encoders'}, 'expected a whole network, got encoders'),
    ({'audio_encoder': 'encoders'}, 'expected audio_encoder, got video'),
  ],
)
def test_missing_weights_are_refused(fields, message, encoders):
  fields = dict.fromkeys(fields, str(encoders))
  with pytest.raises(ValueError, match=message):
    _start(**fields)


def test_another_network_is_refused_by_name(encoders):
  other = DAVE(depth=10, width=4, frame_size=(64, 64))
  with pytest.raises(ValueError, match='holds another network') as error:
    _start(other, video_encoder=str(encoders))
  assert 'layer2_0/bn2/bias: expected shape (8,), got (4,)' in str(error.value)
