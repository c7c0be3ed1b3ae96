"""Ranks among many values, against those in all of them sorted."""

import numpy as np
import pytest

from dave_jax.scoring.sorted_near import SortedNear

_RNG = np.random.default_rng(0)
_VALUES = {
  'uniform': _RNG.random(5000, np.float32),
  'both signs': _RNG.standard_normal(5000).astype(np.float32),
  'small': _RNG.random(5000).astype(np.float32) ** 20,
  'float64': 1 + 1e-12 * _RNG.standard_normal(5000),
  'ties': _RNG.integers(-2, 3, 5000).astype(np.float32),
  'signed zeros': np.where(_RNG.random(5000) < 0.5, -0.0, 0.0),
  'one': np.array([0.25]),
}


@pytest.mark.parametrize('kind', _VALUES)
@pytest.mark.parametrize('width', [0, 1e-7, 0.3])
def test_ranks_are_those_in_all_values_sorted(kind, width):
  values = _VALUES[kind]
  chosen = _RNG.choice(values, 20).astype(np.float64)
  ends = np.array([values.min() - 1, values.max() + 1, 0.0])
  low = np.concatenate([chosen, ends])
  high = low + width * np.ptp(values)
  found = SortedNear(values, low, high)
  ordered = np.sort(values)
  begin = np.searchsorted(ordered, low)
  end = np.searchsorted(ordered, high, side='right')
  np.testing.assert_array_equal(found.below, begin)
  for place, first in enumerate(found.first):
    inside = ordered[begin[place] : end[place]]
    np.testing.assert_array_equal(
      found.values[first : first + len(inside)], inside
    )


def test_most_values_are_left_out():
  """Of 5,000 values in buckets of 1 / 4,096 of an octave, near one."""
  values = _VALUES['uniform']
  assert len(SortedNear(values, values[:1], values[:1]).values) < 20
