"""What sound adds, by hand."""

import pathlib

import numpy as np
import pytest
from scipy import stats

from dave_jax.report.anova import anova
from dave_jax.report.bootstrap import Bootstrap
from dave_jax.report.runs import Run
from dave_jax.report.sound_gain import (
  differences_table,
  gain_table,
  seeds_table,
)


def _run(name, social, nature):
  """Returns an evaluation of two social videos and one of nature."""
  videos = {
    'talk': {'category': 'Social', 'NSS': social[0], 'CC': 0.5},
    'chat': {'category': 'Social', 'NSS': social[1], 'CC': 0.7},
    'bear': {'category': 'Nature', 'NSS': nature, 'CC': 0.3},
  }
  metrics = {'videos': videos, 'categories': {'Nature': {}, 'Social': {}}}
  return Run(name, metrics, pathlib.Path())


HEARING = [_run('a', (3.0, 5.0), 2.0), _run('b', (4.0, 6.0), 2.0)]
SEEING = [_run('c', (2.0, 4.0), 2.0), _run('d', (2.0, 4.0), 1.0)]
SWAPPED = [_run('e', (2.0, 4.0), 2.0), _run('f', (3.5, 5.5), 2.0)]


def test_gain_is_of_the_same_seeds():
  """Social: 4 and 5 against 3 and 3: 1.5, deviation of 1 and 2: 0.7071.

  Another clip's sound costs 1 and 0.5: 0.75, half of the gain. Nature: 2
  against 1.5; sound costs nothing.
  """
  table = gain_table(HEARING, SEEING, SWAPPED)
  nature, social, everything = table.rows
  assert nature[:4] == ['Nature', 2.0, 1.5, 0.5]
  assert nature[5:] == [0.0, 0.0]
  assert social[:4] == ['Social', 4.5, 3.0, 1.5]
  assert social[4:] == pytest.approx([0.5**0.5, 0.75, 0.5])
  # (3 + 5 + 2) / 3 and 4 against 8 / 3 and 7 / 3.
  assert everything[:4] == ['all', *map(pytest.approx, (11 / 3, 2.5, 7 / 6))]


def test_one_seed_has_no_spread_and_no_gain_no_share():
  table = gain_table(SEEING[:1], HEARING[:1], SEEING[:1])
  social = table.rows[1]
  assert social[3] == -1.0
  assert social[4] is None and social[6] is None


def test_differences_have_intervals_and_tests():
  """Social: 1 and 2 in each of two videos, so that only seeds vary.

  The mean of two resampled seeds is 1, 1.5 or 2. p: paired t-tests over the
  videos' means over seeds, by SciPy; Holm multiplies the least p of three by 3
  and the next by 2, and lets none fall below one before it. Nature has one
  video: no test.
  """
  models = {'hearing': HEARING, 'seeing': SEEING, 'swapped': SWAPPED}
  pairs = [
    ('sound', 'hearing', 'seeing'),
    ('right sound', 'hearing', 'swapped'),
  ]
  table = differences_table(models, pairs, Bootstrap(1000, 0.95, 0))
  places = [row[:3] for row in table.rows]
  assert places[3:6] == [
    ['Social', 'any difference', '3 models'],
    ['Social', 'sound', 'hearing - seeing'],
    ['Social', 'right sound', 'hearing - swapped'],
  ]
  _, nature, _, _, social, right, any_difference, everything, _ = table.rows
  assert social[3:7] == [2, 1.5, 1.0, 2.0]
  assert right[3:7] == [2, 0.75, 0.5, 1.0]
  assert nature[3:5] == [1, 0.5] and nature[7] is None
  first, second, other = (3.5, 5.5, 2), (2, 4, 1.5), (2.75, 4.75, 2)
  raw = [
    stats.ttest_rel(first, second).pvalue,
    stats.ttest_rel(first, other).pvalue,
    stats.ttest_rel(second, other).pvalue,
  ]
  multiplied = [k * p for k, p in zip((3, 2, 1), sorted(raw), strict=True)]
  expected = max(multiplied[: sorted(raw).index(raw[0]) + 1])
  assert everything[7] == pytest.approx(expected) and expected < 1
  scores = dict(zip('abc', map(np.array, (first, second, other)), strict=True))
  assert any_difference[3:] == [3, None, None, None, pytest.approx(_p(scores))]


def _p(scores):
  return anova(scores, design='repeated').p


def test_models_are_listed_per_category():
  table = seeds_table({'people': HEARING[:1], 'network': SEEING})
  assert [row[:3] for row in table.rows] == [
    ['Nature', 'people', 1],
    ['Nature', 'network', 2],
    ['Social', 'people', 1],
    ['Social', 'network', 2],
    ['all', 'people', 1],
    ['all', 'network', 2],
  ]
  assert table.rows[1][3:5] == pytest.approx([1.5, 0.5**0.5])
  assert table.rows[3][5] == pytest.approx(0.6)
