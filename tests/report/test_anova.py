"""Analyses of variance, against sums done by hand and SciPy."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dave_jax.report.anova import Pair, anova, compact_letters, holm

_INDEPENDENT = {
  'a': np.array([1.0, 2, 3]),
  'b': np.array([2.0, 3, 4]),
  'c': np.array([5.0, 6, 7]),
}
_REPEATED = {
  'a': np.array([1.0, 2, 3]),
  'b': np.array([2.0, 4, 3]),
  'c': np.array([4.0, 5, 6]),
}


def test_independent_by_hand():
  found = anova(_INDEPENDENT, design='independent')
  # Means 2, 3, 6, of all 11/3. Between: 3 (25 + 4 + 49) / 9 = 26 with 2
  # degrees; within: 3 groups of 2 = 6 with 6. F = 13 / 1.
  assert (found.f, found.between, found.error) == (pytest.approx(13), 2, 6)
  # 26 / 32, and (26 - 2 * 1) / (32 + 1).
  assert found.effects['eta_squared'] == pytest.approx(26 / 32)
  assert found.effects['omega_squared'] == pytest.approx(24 / 33)
  assert found.p == pytest.approx(stats.f_oneway(*_INDEPENDENT.values()).pvalue)
  pair = found.pairs[1]
  assert (pair.first, pair.second) == ('a', 'c')
  # Each group has variance 1, so d is the difference itself.
  assert pair.difference == pytest.approx(-4)
  assert pair.effect == pytest.approx(-4)
  tukey = stats.tukey_hsd(*_INDEPENDENT.values())
  assert pair.p == pytest.approx(tukey.pvalue[0, 2])


def test_repeated_by_hand():
  found = anova(_REPEATED, design='repeated')
  # Models 2, 3, 5, videos 7/3, 11/3, 4, all 10/3. Models: 3 (16 + 1 + 25) / 9
  # = 14; videos: 3 (1 + 1/9 + 4/9) = 14/3; total 120 - 100 = 20; error 4/3.
  # F = (14 / 2) / (4/3 / 4).
  assert (found.f, found.between, found.error) == (pytest.approx(21), 2, 4)
  assert found.effects['partial_eta_squared'] == pytest.approx(14 / (46 / 3))
  assert found.effects['generalised_eta_squared'] == pytest.approx(14 / 20)
  # Differences a - b are -1, -2, 0: mean -1, standard deviation 1.
  pair = found.pairs[0]
  assert (pair.difference, pair.effect) == (pytest.approx(-1),) * 2
  # t = -sqrt(3) and, b - c being -2, -1, -3, -2 sqrt(3), with 2 degrees: p
  # 0.2254 and 0.0742; a - c is -3 in every video, p 0. Times 1, 2 and 3.
  first, second, last = (pair.p for pair in found.pairs)
  assert (first, second) == (pytest.approx(0.2254, abs=1e-4), 0)
  assert last == pytest.approx(2 * 0.0742, abs=1e-4)


def test_two_models_repeated_are_a_paired_t_test():
  rng = np.random.default_rng(0)
  scores = {'a': rng.normal(size=12), 'b': rng.normal(0.5, size=12)}
  found = anova(scores, design='repeated')
  t = stats.ttest_rel(scores['a'], scores['b'])
  assert found.f == pytest.approx(t.statistic**2)
  assert found.p == pytest.approx(t.pvalue)
  assert found.effects['epsilon'] == pytest.approx(1)
  interval = t.confidence_interval()
  assert found.pairs[0].low == pytest.approx(interval.low)
  assert found.pairs[0].high == pytest.approx(interval.high)


def test_epsilon_is_one_for_equal_and_least_for_one_difference():
  rng = np.random.default_rng(1)
  even = {name: rng.normal(size=20_000) for name in 'abcd'}
  assert anova(even, design='repeated').effects['epsilon'] > 0.99
  # Only one model varies: 1 / (k - 1) at the worst, here the covariance has
  # one direction.
  common = rng.normal(size=50)
  line = {name: k * common for k, name in enumerate('abcd')}
  found = anova(line, design='repeated')
  assert found.effects['epsilon'] == pytest.approx(1 / 3)


def test_equal_models_do_not_differ():
  scores = {name: np.array([0.1, 0.2, 0.4]) for name in 'abc'}
  for design in ('repeated', 'independent'):
    found = anova(scores, design=design)
    assert np.isnan(found.f) if design == 'repeated' else found.f == 0
  shifted = {'a': np.array([0.1, 0.2]), 'b': np.array([0.3, 0.4])}
  found = anova(shifted, design='repeated')
  assert (found.f, found.p) == (np.inf, 0)


def test_videos_without_a_score_are_dropped():
  holed = {name: np.append(v, 9.0) for name, v in _REPEATED.items()}
  holed['b'][3] = np.nan
  found = anova(holed, design='repeated')
  assert (found.units, found.dropped) == (3, 1)
  assert found.f == pytest.approx(21)


def test_holm_by_hand():
  # Sorted 0.01 x 3, 0.03 x 2, 0.04 x 1, which may not fall below the one
  # before.
  found = holm(np.array([0.01, 0.04, 0.03, np.nan]))
  np.testing.assert_allclose(found, [0.03, 0.06, 0.06, np.nan])


def test_too_few_models_or_videos_are_refused():
  with pytest.raises(ValueError, match='got 1 with'):
    anova({'a': np.ones(3)}, design='repeated')
  with pytest.raises(ValueError, match=r'got 1$'):
    anova({'a': np.ones(1), 'b': np.ones(1)}, design='repeated')


def test_letters_are_shared_by_models_that_do_not_differ():
  def pair(first, second, p):
    return Pair(first, second, 0.0, 0.0, 0.0, p, 0.0)

  # A chain: a and b do not differ, nor do b and c, but a and c do.
  chain = [pair('a', 'b', 0.3), pair('a', 'c', 0.01), pair('b', 'c', 0.2)]
  found = compact_letters(['a', 'b', 'c'], chain, 0.05)
  assert found == {'a': 'a', 'b': 'ab', 'c': 'b'}
  apart = [pair('a', 'b', 0.01), pair('a', 'c', 0.01), pair('b', 'c', 0.01)]
  found = compact_letters(['c', 'b', 'a'], apart, 0.05)
  assert found == {'c': 'a', 'b': 'b', 'a': 'c'}
  alike = [pair('a', 'b', 0.9), pair('a', 'c', float('nan'))]
  found = compact_letters(['a', 'b', 'c'], alike, 0.05)
  assert set(found.values()) == {'a'}


@pytest.mark.parametrize('seed', range(20))
def test_letters_say_all_differences_and_no_others(seed):
  rng = np.random.default_rng(seed)
  names = 'abcdefg'
  pairs = [
    Pair(first, second, 0.0, 0.0, 0.0, rng.choice([0.01, 0.5]), 0.0)
    for first, second in itertools.combinations(names, 2)
  ]
  letters = compact_letters(names, pairs, 0.05)
  for pair in pairs:
    shared = set(letters[pair.first]) & set(letters[pair.second])
    assert bool(shared) == (pair.p >= 0.05)
