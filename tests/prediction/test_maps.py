"""Maps on disk."""

import cv2
import numpy as np
import pytest

from dave_jax.prediction.maps import MapFiles


def _saliency(h=8, w=10):
  return np.random.default_rng(0).random((h, w), dtype=np.float32) + 0.1


@pytest.mark.parametrize('format', ['png', 'npz'])
def test_probability_maps_sum_to_one(tmp_path, format):
  files = MapFiles(tmp_path / 'maps', format, 'probability', None)
  saliency = _saliency()
  row = files.write(4, saliency)
  assert row['file'] == f'maps/000005.{format}'
  probability = files.read(4) * row['scale']
  # Rounding to 1 of 65535 levels of the largest value.
  tolerance = 0.5 * probability.max() / 65535 if format == 'png' else 1e-8
  np.testing.assert_allclose(
    probability, saliency / saliency.sum(), atol=1.01 * tolerance
  )


def test_png_holds_sixteen_bits(tmp_path):
  files = MapFiles(tmp_path / 'maps', 'png', 'minmax', None)
  files.write(0, _saliency())
  pixels = cv2.imread(
    str(tmp_path / 'maps' / '000001.png'), cv2.IMREAD_UNCHANGED
  )
  assert pixels.dtype == np.uint16
  assert pixels.min() == 0
  assert pixels.max() == 65535


def test_maps_of_the_videos_size_keep_their_sum(tmp_path):
  files = MapFiles(tmp_path / 'maps', 'npz', 'probability', (72, 128))
  files.write(0, _saliency())
  assert files.read(0).shape == (72, 128)
  assert files.read(0).min() >= 0
  assert files.read(0).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('values', ['probability', 'minmax'])
@pytest.mark.parametrize('format', ['png', 'npz'])
def test_a_map_of_zeros_stays_zeros(tmp_path, format, values):
  """The original's min-max scaling made NaN of it."""
  files = MapFiles(tmp_path / 'maps', format, values, None)
  row = files.write(0, np.zeros((8, 10), np.float32))
  assert np.all(files.read(0) * row['scale'] == 0)


def test_nothing_half_written_stays(tmp_path):
  files = MapFiles(tmp_path / 'maps', 'png', 'minmax', None)
  files.write(0, _saliency())
  assert [p.name for p in (tmp_path / 'maps').iterdir()] == ['000001.png']
