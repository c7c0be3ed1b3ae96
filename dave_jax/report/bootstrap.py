"""Confidence intervals of means over networks and videos that are crossed."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Bootstrap:
  """How intervals are computed.

  Attributes:
    resamples: Number of random resamples.
    level: Confidence level, between 0 and 1.
    seed: Seed of the resamples.

  Raises:
    ValueError: A value is out of range.
  """

  resamples: int
  level: float
  seed: int

  def __post_init__(self):
    if self.resamples < 1 or not 0 < self.level < 1:
      raise ValueError(
        'expected 1 or more bootstrap resamples and a level between 0 and 1, '
        f'got {self.resamples} and {self.level}'
      )


def interval(values: np.ndarray, settings: Bootstrap) -> tuple[float, float]:
  """Returns the percentile interval of the mean of values.

  The bootstrap resamples both factors: seeds and, independently, videos, which
  are the same for each seed (the pigeonhole bootstrap of Owen, 2007, 'The
  pigeonhole bootstrap', Annals of Applied Statistics 1(2); where videos are
  nested in seeds it is the hierarchical bootstrap of Saravanan et al., 2020).
  Owen shows its variance to be conservative. With one seed it is the ordinary
  bootstrap over videos.

  Args:
    values: [seeds, videos], such as differences of paired scores; NaN is left
      out.
    settings: Number of resamples, level and seed.

  Returns:
    Low and high; NaN if all values are.
  """
  known = ~np.isnan(values)
  rng = np.random.default_rng(settings.seed)
  # How often each row and each column is drawn.
  rows, columns = (
    rng.multinomial(size, np.full(size, 1 / size), settings.resamples)
    for size in values.shape
  )
  total = np.sum((rows @ np.where(known, values, 0)) * columns, axis=1)
  count = np.sum((rows @ known.astype(np.float64)) * columns, axis=1)
  means = total[count > 0] / count[count > 0]
  if not means.size:
    return np.nan, np.nan
  tail = (1 - settings.level) / 2
  low, high = np.quantile(means, (tail, 1 - tail))
  return float(low), float(high)
