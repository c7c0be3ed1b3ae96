import numpy as np
import pytest

from dave_jax.scoring.frames import fixated_pixels


@pytest.mark.parametrize(
  'dtype', [bool, np.uint8, np.int8, np.uint16, np.int64, np.float32]
)
@pytest.mark.parametrize('size', [(16, 6), (5, 7)])
def test_fixated_pixels_are_found_in_every_kind_of_map(dtype, size):
  rng = np.random.default_rng(0)
  counts = rng.integers(0, 4, size) * (rng.random(size) < 0.3)
  counts = counts.astype(dtype)
  expected = [k for k, count in enumerate(counts.flat) if count]
  pixels = fixated_pixels(counts, repeated=False)
  np.testing.assert_array_equal(pixels, expected)
  pixels = fixated_pixels(counts[:, ::-1], repeated=True)
  expected = [
    k for k, count in enumerate(counts[:, ::-1].flat) for _ in range(int(count))
  ]
  np.testing.assert_array_equal(pixels, expected)
  assert len(fixated_pixels(np.zeros(size, dtype), repeated=True)) == 0
