"""Analysis of variance of scores with models as the factor; post-hoc tests."""

import dataclasses
import itertools
import string
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from scipy import stats

from dave_jax.checks import check_choice

Design = Literal['repeated', 'independent']
_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Pair:
  """Post-hoc comparison of two models.

  Attributes:
    first, second: Their names.
    difference: Mean of the first minus that of the second.
    low, high: 95% confidence interval of the difference.
    p: p value, adjusted for the number of pairs.
    effect: Cohen's d: in units of the standard deviation of the differences
      ('repeated', d_z) or of the pooled one ('independent').
  """

  first: str
  second: str
  difference: float
  low: float
  high: float
  p: float
  effect: float


@dataclasses.dataclass(frozen=True)
class Anova:
  """A one-way analysis of variance.

  Attributes:
    design: See `anova`.
    f: Ratio of mean squares; infinite if only models vary, NaN if nothing
      varies.
    between, error: Degrees of freedom.
    p: p value of the null hypothesis that the models' means are equal.
    effects: 'repeated': partial and generalised eta squared, and the
      Greenhouse-Geisser epsilon that corrects p; 'independent': eta squared
      and omega squared.
    units: Videos that every model has a score of.
    dropped: Other videos.
    pairs: Every two models, by paired t-tests with Holm's correction or by
      Tukey's honest significant difference.
  """

  design: Design
  f: float
  between: int
  error: int
  p: float
  effects: dict[str, float]
  units: int
  dropped: int
  pairs: tuple[Pair, ...]


def anova(scores: dict[str, np.ndarray], *, design: Design) -> Anova:
  """Returns a one-way analysis of variance of scores.

  Args:
    scores: {model: score of each video [n]}, of the same videos in the same
      order; videos with any NaN are dropped.
    design: 'repeated' treats videos as subjects that all models share (repeated
      measures with the Greenhouse-Geisser correction). 'independent' treats
      each model as having its own videos (the classical analysis).

  Raises:
    ValueError: There are fewer than two models or two videos.
  """
  check_choice('design', design, get_args(Design))
  names = list(scores)
  lengths = {len(values) for values in scores.values()}
  if len(names) < 2 or len(lengths) != 1:
    raise ValueError(
      'expected two or more models with equally many scores, got '
      f'{len(names)} with {sorted(lengths)}'
    )
  table = np.stack([scores[name] for name in names], axis=1).astype(np.float64)
  known = ~np.isnan(table).any(axis=1)
  table = table[known]
  if len(table) < 2:
    raise ValueError(
      'expected two or more videos that every model has a score of, got '
      f'{len(table)}'
    )
  analyse = _repeated if design == 'repeated' else _independent
  # Equal models have no variance to divide by.
  with np.errstate(divide='ignore', invalid='ignore'):
    found = analyse(names, table)
  return Anova(
    design=design,
    **found,
    units=len(table),
    dropped=int((~known).sum()),
  )


def _repeated(names, table):
  n, k = table.shape
  mean = table.mean()
  between = n * ((table.mean(axis=0) - mean) ** 2).sum()
  subjects = k * ((table.mean(axis=1) - mean) ** 2).sum()
  residual = (
    table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + mean
  )
  error = _no_rounding((residual**2).sum(), table)
  between = _no_rounding(between, table)
  degrees = k - 1, (n - 1) * (k - 1)
  f = np.divide(between / degrees[0], error / degrees[1])
  covariance = np.cov(residual.T, ddof=1)
  epsilon = covariance.trace() ** 2 / (k - 1) / (covariance**2).sum()
  p = stats.f.sf(f, epsilon * degrees[0], epsilon * degrees[1])
  if not error:
    p, epsilon = (0.0 if between else np.nan), np.nan
  return {
    'f': float(f),
    'between': degrees[0],
    'error': degrees[1],
    'p': float(p),
    'effects': {
      'partial_eta_squared': float(np.divide(between, between + error)),
      'generalised_eta_squared': float(
        np.divide(between, between + subjects + error)
      ),
      'epsilon': float(epsilon),
    },
    'pairs': _paired(names, table),
  }


def _independent(names, table):
  n, k = table.shape
  mean = table.mean()
  between = n * ((table.mean(axis=0) - mean) ** 2).sum()
  between = _no_rounding(between, table)
  error = _no_rounding(((table - table.mean(axis=0)) ** 2).sum(), table)
  degrees = k - 1, (n - 1) * k
  square = error / degrees[1]
  f = np.divide(between / degrees[0], square)
  p = stats.f.sf(f, *degrees) if error else (0.0 if between else np.nan)
  total = between + error
  return {
    'f': float(f),
    'between': degrees[0],
    'error': degrees[1],
    'p': float(p),
    'effects': {
      'eta_squared': float(np.divide(between, total)),
      'omega_squared': float(
        np.divide(between - degrees[0] * square, total + square)
      ),
    },
    'pairs': _tukey(names, table),
  }


def _paired(names, table):
  n = len(table)
  pairs = list(itertools.combinations(range(len(names)), 2))
  differences = [table[:, i] - table[:, j] for i, j in pairs]
  spreads = np.array([d.std(ddof=1) for d in differences])
  means = np.array([d.mean() for d in differences])
  raw = 2 * stats.t.sf(np.abs(means) / (spreads / np.sqrt(n)), n - 1)
  reach = stats.t.ppf((1 + _CONFIDENCE) / 2, n - 1) * spreads / np.sqrt(n)
  return tuple(
    Pair(
      first=names[i],
      second=names[j],
      difference=float(mean),
      low=float(mean - half),
      high=float(mean + half),
      p=float(p),
      effect=float(np.divide(mean, spread)),
    )
    for (i, j), mean, half, p, spread in zip(
      pairs, means, reach, holm(raw), spreads, strict=True
    )
  )


def _tukey(names, table):
  found = stats.tukey_hsd(*table.T)
  interval = found.confidence_interval(_CONFIDENCE)
  return tuple(
    Pair(
      first=names[i],
      second=names[j],
      difference=float(found.statistic[i, j]),
      low=float(interval.low[i, j]),
      high=float(interval.high[i, j]),
      p=float(found.pvalue[i, j]),
      effect=float(
        np.divide(
          found.statistic[i, j],
          np.sqrt(table[:, [i, j]].var(axis=0, ddof=1).mean()),
        )
      ),
    )
    for i, j in itertools.combinations(range(len(names)), 2)
  )


def holm(p: np.ndarray) -> np.ndarray:
  """Returns p values [m] adjusted for multiple tests (Holm, 1979).

  NaN stays NaN and does not count as a test.
  """
  p = np.asarray(p, np.float64)
  adjusted = np.full(len(p), np.nan)
  order = [k for k in np.argsort(p) if not np.isnan(p[k])]
  largest = 0.0
  for rank, k in enumerate(order):
    largest = max(largest, min(1.0, (len(order) - rank) * p[k]))
    adjusted[k] = largest
  return adjusted


def _no_rounding(squares, table):
  """Returns 0 for a sum of squares that is only rounding error."""
  scale = np.abs(table).max() ** 2 * table.size
  return 0.0 if squares <= 1e-24 * scale else float(squares)


def compact_letters(
  names: Sequence[str], pairs: Sequence[Pair], alpha: float
) -> dict[str, str]:
  """Returns a compact letter display: models that share a letter do not differ.

  Insert and absorb (Piepho, 2004).

  Args:
    names: The models, best first, so that the best one has the letter 'a'.
    pairs: Every two of them.
    alpha: Two models differ if their p is below it.
  """
  groups = [frozenset(names)]
  for pair in pairs:
    if not pair.p < alpha:
      continue
    both = {pair.first, pair.second}
    groups = [
      part
      for group in groups
      for part in ([group - {n} for n in both] if both <= group else [group])
    ]
    groups = [
      group
      for place, group in enumerate(groups)
      if not any(
        group < other or (group == other and place > k)
        for k, other in enumerate(groups)
      )
    ]
  groups.sort(key=lambda group: sorted(map(names.index, group)))
  return {
    name: ''.join(
      string.ascii_letters[k % 52]
      for k, group in enumerate(groups)
      if name in group
    )
    for name in names
  }
