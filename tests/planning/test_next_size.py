"""Sizes that are tried, of memory that grows as a line."""

import pytest

from dave_jax.planning.next_size import next_size


def _search(needs, has, first=1):
  tried = {first: needs(first)}
  while (size := next_size(tried, has)) is not None:
    assert size not in tried
    tried[size] = needs(size)
  return tried


def test_a_line_is_found_in_four_trials():
  """3 + 2 n of 32: by hand, 14 fits with 31, and 15 does not with 33."""
  assert list(_search(lambda n: 3 + 2 * n, 32)) == [1, 2, 14, 15]


@pytest.mark.parametrize(
  'needs',
  [
    lambda n: 3 + 2 * n + 0.01 * n**2,
    lambda n: 40 * (1 - 0.98**n),
    lambda n: 3 + 2 * n if n < 12 else None,  # It does not say how much.
    lambda n: 1 + 5 * (n > 10),  # The line from 1 to 2 is level.
  ],
)
def test_the_largest_is_found_whatever_the_curve(needs):
  has = 5.5 if needs(1) == 1 else 25
  wanted = max(n for n in range(1, 99) if (needs(n) or 99) <= has)
  tried = _search(needs, has)
  assert wanted in tried
  assert wanted + 1 in tried
  assert len(tried) < 12


def test_where_the_next_is_too_large_nothing_is_left_to_try():
  assert next_size({4: 10.0, 5: None}, 12.0) is None
