"""Tests of augmentation."""

import numpy as np

from dave_jax.data.augmentation import (
  BrightnessContrast,
  Colour,
  HorizontalFlip,
  RandomView,
)


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


def test_saturation_and_grey_by_hand():
  """Luma of (255, 0, 100) is 0.299 * 255 + 0.114 * 100 = 87.6."""
  before = {'frames': np.full((2, 4, 4, 3), (255, 0, 100), np.uint8)}
  grey = Colour(saturation=0.4, grey=1.0)(before, np.random.default_rng(0))
  assert (grey['frames'] == 88).all()
  half = Colour(saturation=0.5, grey=0.0)(before, _Script(-0.5, 0.9))
  # Half way to grey: (255 + 87.6) / 2, 87.6 / 2, (100 + 87.6) / 2.
  assert (half['frames'] == (171, 44, 94)).all()


class _Script:
  """Draws these numbers, or arrays, one after the other."""

  def __init__(self, *values):
    self._values = list(values)

  def uniform(self, low, high, size=None):
    value = np.asarray(self._values.pop(0), float)
    assert (low <= value).all() and (value <= high).all()
    return value[()]

  def random(self):
    return self._values.pop(0)


# Twice as large as the frames of the views, so that one of half its height and
# width shows its pixels unchanged.
_SIZE = (64, 96)


def _photograph():
  """128x192, with its only fixation, and all density, in cell (4, 7)."""
  rng = np.random.default_rng(0)
  density = np.zeros((16, 24), np.float32)
  density[4, 7] = 1
  return {
    'frames': rng.integers(0, 256, (1, 128, 192, 3), np.uint8),
    'density': density,
    'fixations': density.astype(np.uint8),
  }


def _view(frames, **fields):
  settings = {
    'scale': (0.4, 1.25),
    'aspect': 1.3,
    'bars': 0.1,
    'pan': 0.5,
    'zoom': 1.4,
    'still': 0.2,
  }
  return RandomView(frames=frames, size=_SIZE, **settings | fields)


def test_fixation_and_density_move_with_the_picture():
  """Half of the height and width from row 16 and column 24, 2 and 3 cells."""
  photograph = _photograph()
  # Height, aspect, bars, place of the centre.
  draws = _Script(np.log(0.5), 0.0, 0.9, (-0.125, -0.125))
  after = _view(1)(photograph, draws)
  np.testing.assert_array_equal(
    after['frames'][0], photograph['frames'][0, 16:80, 24:120]
  )
  for key in ('density', 'fixations'):
    assert after[key].shape == (8, 12)
    assert np.argwhere(after[key]).tolist() == [[2, 4]]
    assert after[key].sum() == 1


def test_a_panned_photograph_ends_at_its_view_with_its_targets():
  photograph = _photograph()
  # As above; then at rest or not, zoom, motion as a share of the view.
  draws = _Script(
    np.log(0.5), 0.0, 0.9, (-0.125, -0.125), 0.9, 0.0, (0.25, -0.25)
  )
  after = _view(16)(photograph, draws)
  assert after['frames'].shape == (16, 64, 96, 3)
  picture = photograph['frames'][0]
  np.testing.assert_array_equal(after['frames'][-1], picture[16:80, 24:120])
  # A quarter of the view's 64 rows above, of its 96 columns to the right.
  np.testing.assert_array_equal(after['frames'][0], picture[0:64, 48:144])
  assert np.argwhere(after['fixations']).tolist() == [[2, 4]]


def test_a_view_at_rest_repeats_one_frame():
  draws = _Script(np.log(0.5), 0.0, 0.9, (-0.125, -0.125), 0.1)
  frames = _view(16)(_photograph(), draws)['frames']
  assert (frames == frames[0]).all() and len(frames) == 16


def test_bars_are_black_and_without_density():
  """1.25 times the height: a tenth of the frame above and below."""
  photograph = _photograph()
  # Bars above and below: how much larger, and which sides.
  draws = _Script(0.0, 0.0, 0.05, 1.25, 0.3, (0.0, 0.0))
  after = _view(1)(photograph, draws)
  assert not after['frames'][0, [0, 5, -6, -1]].any()
  assert after['frames'][0, 8:-8].any(axis=-1).mean() > 0.99
  # Row 36 of 128 of the fixation's cell is 16 rows further down of 160.
  row = np.argwhere(after['density'] == after['density'].max())[0, 0]
  assert row == int((36 + 16) / 160 * 8)
  assert not after['density'][[0, -1]].any()


def test_a_view_without_what_people_look_at_is_not_taken():
  """Four views of the lower right corner, then the whole photograph."""
  corner = [np.log(0.5), 0.0, 0.9, (0.25, 0.25)]
  after = _view(1)(_photograph(), _Script(*corner * 5))
  assert np.unravel_index(after['density'].argmax(), (8, 12)) == (2, 3)
