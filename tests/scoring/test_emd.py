"""The earth mover's distance, by hand."""

import numpy as np
import pytest

from dave_jax.scoring.emd import emd

pytest.importorskip('ot')


def _blocks(places, size=(96, 128)):
  """Returns a map with mass in cells of 32 x 32 pixels."""
  saliency = np.zeros(size, np.float32)
  for (row, column), mass in places.items():
    saliency[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = mass
  return saliency


def test_mass_moves_by_euclidean_distance():
  # Bicubic shrinking spreads a block to its neighbours in the same way wherever
  # it is inside, so that the distance of two is that of their centres.
  size = (32 * 16, 32 * 16)
  first = _blocks({(5, 5): 1.0}, size)
  second = _blocks({(8, 9): 1.0}, size)
  assert emd(first, second) == pytest.approx(5, rel=1e-3)


def test_equal_maps_have_no_distance_and_scale_does_not_matter():
  rng = np.random.default_rng(0)
  saliency = rng.random((96, 128), np.float32)
  assert emd(saliency, 7 * saliency) == pytest.approx(0, abs=1e-6)


def test_zero_maps_are_undefined_and_negative_ones_refused():
  assert np.isnan(emd(_blocks({}), _blocks({(0, 0): 1.0})))
  with pytest.raises(ValueError, match='negative'):
    emd(-_blocks({(0, 0): 1.0}), _blocks({(0, 0): 1.0}))
