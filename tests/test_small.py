"""The recipe of the bundled network, on data made up for the test."""

import numpy as np
import pytest

import dave_jax
from dave_jax.configs import small
from dave_jax.models.dave import DAVE
from dave_jax.train import train
from dave_jax.weights import model_folder
from tests.conftest import random_variables
from tests.data import sets

_TINY = {
  'model.width': 2,
  'model.lax_kernels': True,
  'model.frame_size': (64, 96),
  'data.views.read_size': (128, 192),
  'data.images': 'made/photographs:train',
  'data.validation': 'made/photographs:val',
  'data.workers': 0,
  'data.prefetch': 1,
  'train.batch_size': 2,
  'train.steps': 2,
  'evaluation.every': 2,
  'evaluation.batch_size': 2,
  'evaluation.scoring.scores': 'NSS,CC',
  'log.every': 1,
}


@pytest.fixture
def data_dir(tmp_path):
  """Photographs, and clips with sound."""
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 256, (6, 1, *sets.FRAME_SIZE, 3), np.uint8)
  photographs = [
    sets.make_clip(
      f'photo{i}',
      rate=0.0,
      pictures=pictures,
      split='val' if i > 3 else 'train',
    )
    for i, pictures in enumerate(noise)
  ]
  sets.write_set(tmp_path, 'photographs', photographs)
  clips = [
    sets.make_clip(split, frames=20, waveform=sets.noise(0.8), split=split)
    for split in ('train', 'val')
  ]
  sets.write_set(tmp_path, 'clips', clips)
  return tmp_path


def _imagenet(folder):
  """Writes what `convert` makes of EfficientNet-Lite0, with random weights."""
  module = DAVE(video_backbone='efficientnet_lite0', modality='video')
  variables = {
    collection: {'video_encoder': tree['video_encoder']}
    for collection, tree in random_variables(module).items()
  }
  model_folder.save(folder, module, variables, origin={}, contents='encoders')
  return variables['params']['video_encoder']


def _weights(run):
  return model_folder.load(run / 'best').variables['params']


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_both_stages_train_one_after_the_other(data_dir, tmp_path):
  imagenet = _imagenet(tmp_path / 'imagenet')
  shared = _TINY | {'data.data_dir': str(data_dir)}
  photographs = small.get_config()
  photographs.update_from_flattened_dict(
    shared | {'start.video_encoder': str(tmp_path / 'imagenet')}
  )
  first = tmp_path / 'photographs'
  assert train(photographs, first)
  seen = _weights(first)
  kernel = seen['video_encoder']['block3']['project']['kernel']
  start = imagenet['block3']['project']['kernel']
  # Two steps of Adam, at three tenths of a rate of 1e-3 at most.
  assert 0 < np.abs(kernel - start).max() < 6.3e-4

  sound = small.get_config('sound')
  sound.update_from_flattened_dict(
    shared
    | {
      'start.network': str(first / 'best'),
      'data.audio_visual': 'made/clips:train,made/photographs:train',
      'data.audio_visual_weights': '1,1',
      'data.validation': 'made/clips:val',
      'data.speech': '',
    }
  )
  second = tmp_path / 'sound'
  assert train(sound, second)
  heard = _weights(second)
  np.testing.assert_array_equal(
    heard['video_encoder']['block3']['project']['kernel'], kernel
  )
  stem = [w['audio_encoder']['stem']['kernel'] for w in (seen, heard)]
  assert np.any(stem[0] != stem[1])
  assert dave_jax.load(second).module.video_backbone == 'efficientnet_lite0'
