"""Every config loads, and trains two steps of what it says on made-up data."""

import importlib
import pathlib

import numpy as np
import pytest
from ml_collections import ConfigDict

from dave_jax.datasets import folds
from dave_jax.train import train
from dave_jax.weights import model_folder as store
from dave_jax.weights.bundled import BUNDLED
from tests.runs import TINY

FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'configs'
VARIANTS = {'davos': ('', 'video', 'audio')}
# See test_study.py, test_small.py, and below.
ELSEWHERE = {'demo', 'sounding_shapes', 'small', 'crowdsal'}
NAMES = sorted({path.stem for path in FOLDER.glob('[!_]*.py')} - ELSEWHERE)
CASES = [(name, v) for name in NAMES for v in VARIANTS.get(name, ('',))]


def _config(name, variant) -> ConfigDict:
  module = importlib.import_module(f'dave_jax.configs.{name}')
  return module.get_config(*[variant] * bool(variant))


@pytest.mark.usefixtures('quick_to_compile')
@pytest.mark.parametrize(('name', 'variant'), CASES)
def test_config_trains(name, variant, tmp_path):
  config = _config(name, variant)
  known = _flat(config)
  config.update_from_flattened_dict(
    {key: value for key, value in TINY.items() if key in known}
    | {'train.steps': 2}
  )
  assert train(config, tmp_path)


def _flat(config, prefix=''):
  names = set()
  for key, value in config.items():
    if isinstance(value, ConfigDict):
      names |= _flat(value, f'{prefix}{key}.')
    else:
      names.add(f'{prefix}{key}')
  return names


@pytest.mark.slow
def test_the_bundled_network_trains_on_own_photographs(tmp_path):
  """On made-up ones, without `TINY`'s smaller network."""
  config = _config('small', 'own')
  assert config.start.network == str(BUNDLED)
  config.update_from_flattened_dict(
    {'fake_data': True, 'train.batch_size': 1, 'train.steps': 1}
  )
  assert train(config, tmp_path)
  text = (tmp_path / 'runs.jsonl').read_text()
  assert str(BUNDLED) in text


def test_unknown_variant_is_refused():
  with pytest.raises(ValueError, match=r"variant.*got 'smell'"):
    _config('davos', 'smell')


def test_small_is_the_recipe_of_the_bundled_network():
  """In the order of training; see its model card."""
  photographs, sound = (_config('small', v) for v in ('', 'sound'))
  for config in (photographs, sound):
    module = store.load(BUNDLED).module
    fields = store.network_fields(module)
    assert fields == {name: config.model[name] for name in fields}
  assert _config('small', 'own').model == photographs.model
  assert photographs.start.video_encoder and not photographs.data.audio_visual
  assert sound.start.network == 'runs/small/best'
  assert sound.optimizer.video_encoder_rate == 0


@pytest.mark.parametrize(
  ('variant', 'modality'),
  [('', 'audio_visual'), ('video', 'video'), ('audio', 'audio')],
)
def test_davos_is_the_papers_recipe(variant, modality):
  """Tavakoli et al., arXiv 1905.10693, sections 3.1 and 3.2."""
  config = _config('davos', variant)
  model, train, optimizer = config.model, config.train, config.optimizer
  assert model.modality == modality
  assert (model.depth, model.width, model.frame_size) == (18, 64, (256, 320))
  assert (train.batch_size, train.epochs, train.schedule) == (10, 10, 'epochs')
  assert optimizer.learning_rate == 1e-3
  assert (config.loss.kl, config.loss.cc) == (1.0, 0.0)
  data = config.data
  named = {data.audio_visual, data.validation, data.test}
  splits = {video.split for video in folds.davos()}
  assert named == {f'davos:{split}' for split in splits}
  assert bool(config.data.images) == (modality != 'audio')


@pytest.mark.usefixtures('quick_to_compile')
def test_network_trained_on_crowdsal_is_fine_tuned_on_davos(tmp_path):
  """The command of configs/crowdsal.py, on made-up data."""
  first, second = tmp_path / 'crowdsal', tmp_path / 'davos'
  overrides = TINY | {'train.steps': 2}
  config = _config('crowdsal', '')
  config.update_from_flattened_dict(overrides)
  assert train(config, first)
  config = _config('davos', '')
  config.update_from_flattened_dict(
    overrides
    | {
      'start.network': str(first / 'last'),
      'start.video_encoder': '',
      'start.audio_encoder': '',
      'optimizer.learning_rate': 1e-4,
    }
  )
  assert train(config, second)
  before, after = (
    store.load(folder / 'last').variables['params']['saliency']['kernel']
    for folder in (first, second)
  )
  # Two steps of 1e-4 move each weight by 2e-4 at most.
  np.testing.assert_allclose(after, before, atol=2.1e-4)
  assert (after != before).any()
