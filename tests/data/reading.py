"""Batches of small data sets, with the settings of most tests."""

import dataclasses

import numpy as np

from dave_jax.data.augmentation import BrightnessContrast, HorizontalFlip
from dave_jax.data.batches import Loading
from dave_jax.data.pipeline import evaluation_batches, train_batches
from dave_jax.data.transforms import Reading
from tests.data import sets

READING = {
  'frame_size': sets.FRAME_SIZE,
  'alignment': 'exact',
  'sigma': None,
  'fixation_map': True,
  'process_index': 0,
  'process_count': 1,
  'workers': 0,
  'prefetch': 0,
}
TRAINING = READING | {
  'batch_size': 12,
  'seed': 3,
  'stride': 1,
  'random_frames': False,
  'augmentations': (),
  'views': None,
  'weights': None,
  'sound': 'own',
}
AUGMENTATIONS = (HorizontalFlip(0.5), BrightnessContrast(0.1, 0.1))
# Frames with a fixation: 50, 14 and 20 of the three clips.
EXAMPLES = 84


def train(*datasets, **changes):
  sources = [(dataset, 'train') for dataset in datasets]
  return train_batches(sources, **split_settings(TRAINING | changes))


def evaluate(dataset, split='train', **changes):
  settings = {
    'batch_size': 12,
    'stride': 1,
    'fixated_only': False,
    'sound': 'own',
  }
  return evaluation_batches(
    dataset, split, **split_settings(READING | settings | changes)
  )


def split_settings(settings):
  """Returns settings with those of `Reading` and `Loading` as such."""
  settings = dict(settings)
  for name, kind in (('reading', Reading), ('loading', Loading)):
    fields = [field.name for field in dataclasses.fields(kind)]
    settings[name] = kind(**{key: settings.pop(key) for key in fields})
  return settings


def take(batches, count):
  with_end = [next(batches) for _ in range(count)]
  batches.close()
  return with_end


def windows_in(batches):
  """Returns (source, clip, frame) of each row."""
  return [
    tuple(int(value) for value in row)
    for batch in batches
    for row in zip(
      *(batch[k] for k in ('source', 'clip', 'frame')), strict=True
    )
  ]


def assert_same(batches, others):
  assert len(batches) == len(others)
  for batch, other in zip(batches, others, strict=True):
    assert batch.keys() == other.keys()
    for key in batch:
      np.testing.assert_array_equal(batch[key], other[key], err_msg=key)
