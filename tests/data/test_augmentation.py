"""Tests of augmentation."""

import numpy as np

from dave_jax.data.augmentation import BrightnessContrast, HorizontalFlip


def example(seed=0):
  rng = np.random.default_rng(seed)
  return {
    'frames': rng.integers(0, 256, (16, 8, 12, 3), np.uint8),
    'density': rng.random((4, 6), np.float32),
    'fixations': rng.integers(0, 2, (4, 6), np.uint8),
    'offsets': np.arange(16),
  }


def test_a_flip_mirrors_picture_and_targets_and_nothing_else():
  before = example()
  after = HorizontalFlip(1.0)(before, np.random.default_rng(0))
  for column in range(12):
    np.testing.assert_array_equal(
      after['frames'][:, :, column], before['frames'][:, :, 11 - column]
    )
  for key in ('density', 'fixations'):
    for column in range(6):
      np.testing.assert_array_equal(
        after[key][:, column], before[key][:, 5 - column]
      )
  assert after['offsets'] is before['offsets']


def test_flips_come_as_often_as_asked():
  rng = np.random.default_rng(0)
  before = example()
  flip = HorizontalFlip(0.25)
  flips = sum(flip(before, rng) is not before for _ in range(2000))
  # Binomial: 500 give or take 19.4; five deviations.
  assert abs(flips - 500) < 97


class _Fixed:
  """Draws these numbers one after the other."""

  def __init__(self, *values):
    self._values = list(values)

  def uniform(self, low, high):
    value = self._values.pop(0)
    assert low <= value <= high
    return value


def test_brightness_and_contrast_by_hand():
  before = example()
  before['frames'][0, 0, 0] = [0, 100, 250]
  change = BrightnessContrast(brightness=0.1, contrast=0.5)
  after = change(before, _Fixed(0.1, -0.5))['frames']
  # (0 - 127.5) / 2 + 127.5 + 25.5 = 89.25; 139.25; 214.25.
  assert after[0, 0, 0].tolist() == [89, 139, 214]
  assert before['frames'][0, 0, 0].tolist() == [0, 100, 250]
  after = change(before, _Fixed(0.1, 0.5))['frames']
  # -63.75 + 25.5 below 0; 111.75; 336.75 above 255.
  assert after[0, 0, 0].tolist() == [0, 112, 255]


def test_no_change_is_none():
  before = example()
  after = BrightnessContrast(0.0, 0.0)(before, np.random.default_rng(0))
  np.testing.assert_array_equal(after['frames'], before['frames'])
