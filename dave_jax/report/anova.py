"""Analysis of variance of scores, with the models as the factor."""

import dataclasses
import itertools
from typing import Literal, get_args

import numpy as np
from scipy import stats

Design = Literal['repeated', 'independent']
_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two models compared after the analysis.

  Attributes:
    first, second: Their names.
    difference: Mean of the first less that of the second.
    low, high: 95% confidence interval of the difference.
    p: Adjusted for the number of pairs.
    effect: Cohen's d; 'repeated': of the differences (d_z), 'independent': of
      the pooled standard deviation.
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
    f: The ratio of mean squares; infinite where models differ and nothing else
      varies, NaN where nothing varies.
    between, error: Degrees of freedom.
    p: Of the null hypothesis that the models' means are equal.
    effects: 'repeated': partial and generalised eta squared, and the
      Greenhouse-Geisser epsilon that p is corrected with; 'independent': eta
      squared and omega squared.
    units: Videos that every model has a score of.
    dropped: Videos that one has none of.
    pairs: Every two models: paired t-tests with Holm's correction, or Tukey's
      honest significant difference.
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
  """Analyses how scores vary between models.

  Args:
    scores: {model: its score of each video [n]}, the same videos in the same
      order; videos with NaN in any are left out.
    design: 'repeated': all models see the same videos, whose differences in
      difficulty are set apart (repeated measures, Greenhouse-Geisser).
      'independent': as if every model had videos of its own (the classical
      one-way analysis).

  Raises:
    ValueError: There are fewer than two models or two videos.
  """
  if design not in get_args(Design):
    raise ValueError(f'design is {design!r}; want one of {get_args(Design)}')
  names = list(scores)
  lengths = {len(values) for values in scores.values()}
  if len(names) < 2 or len(lengths) != 1:
    raise ValueError(
      f'got {len(names)} models with {sorted(lengths)} scores; want two or '
      'more with as many each'
    )
  table = np.stack([scores[name] for name in names], axis=1).astype(np.float64)
  known = ~np.isnan(table).any(axis=1)
  table = table[known]
  if len(table) < 2:
    raise ValueError(
      f'got {len(table)} videos that every model has a score of; an analysis '
      'of variance wants two or more'
    )
  analyse = _repeated if design == 'repeated' else _independent
  # Models alike in every video leave no variance to divide by.
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
  """Returns p values [m] adjusted for their number (Holm, 1979).

  NaN stays and does not count.
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
  """Returns 0 for a sum of squares that is nothing but rounding."""
  scale = np.abs(table).max() ** 2 * table.size
  return 0.0 if squares <= 1e-24 * scale else float(squares)
