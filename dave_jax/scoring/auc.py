"""Areas under the ROC curve of fixated pixels against others.

Protocols as in `scoring.metrics`; all maps are [h, w].
"""

import numpy as np

from dave_jax.scoring.frames import (
  Protocol,
  check_protocol,
  fixated_pixels,
  read_fixated,
)
from dave_jax.scoring.sorted_near import SortedNear

# As Octave's 0:0.1:1 has them. The original stops at the largest value
# sampled; a threshold above it only repeats the curve's start.
_THRESHOLDS = 0.1 * np.arange(11)


def auc_judd(
  saliency: np.ndarray,
  fixation_map: np.ndarray,
  *,
  jitter: np.random.Generator | None,
  protocol: Protocol = 'videosal',
) -> float:
  """Returns AUC-Judd (Judd et al., 2009): thresholds at the fixated values.

  Negatives are all pixels without a fixation.

  Args:
    saliency: The map.
    fixation_map: Number of fixations in each pixel.
    jitter: Draws uniform noise of 1e-7 that breaks ties, as the original does
      by default; None adds none. The original adds it to the map as it is,
      which hides the small values of a map that sums to 1; here the map is
      scaled to 0..1 first.
    protocol: 'videosal' counts a pixel once and takes tied fixations one after
      the other. 'pysaliency' (its `AUC_Judd`) counts every fixation and takes
      tied ones together.

  Returns:
    0 to 1; NaN if no pixel or every pixel is fixated. A constant map without
    jitter is NaN in 'videosal', 0.5 in 'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  frame, fixated = read_fixated(saliency, fixation_map, repeated=not original)
  pixels, weights = np.unique(fixated, return_counts=True)
  n, p = len(pixels), len(frame.values)
  if n in (0, p) or (original and jitter is None and frame.constant):
    return np.nan
  weights = weights[np.argsort(frame.values[pixels])]
  thresholds = np.sort(frame.values[pixels])
  if jitter is None:
    above = p - SortedNear(frame.values, thresholds, thresholds).below
  else:
    thresholds, above = _jittered(frame, thresholds, jitter)
    order = np.argsort(thresholds)
    thresholds, above = thresholds[order], above[order]
    weights = weights[order]
  # From the highest threshold down.
  fixated_above = np.arange(n) + 1
  hits = fixated_above / n
  if not original:
    fixated_above = _at_least(thresholds, thresholds)[::-1]
    hits = weights[::-1].cumsum()[fixated_above - 1] / len(fixated)
  return _area(hits, (above[::-1] - fixated_above) / (p - n))


def shuffled_auc(
  saliency: np.ndarray,
  fixation_map: np.ndarray,
  negatives: np.ndarray,
  *,
  splits: int | None = 100,
  rng: np.random.Generator | None = None,
  protocol: Protocol = 'videosal',
) -> float:
  """Returns the shuffled AUC: negatives are fixations of other frames.

  A model gains nothing by knowing that viewers look at the centre (Zhang et
  al., 2008). `scoring.negatives` chooses the other frames.

  Args:
    saliency: The map.
    fixation_map: Number of fixations in each pixel.
    negatives: A fixation map [h, w] of other frames, or flat pixel indices [m].
    splits: Number of random choices of as many negatives as there are fixated
      pixels, over which 'videosal' averages. The score is linear in what is
      drawn, so None, all negatives at once, gives the exact mean over all
      possible choices.
    rng: Draws the choices; not used without them.
    protocol: 'videosal' has thresholds 0, 0.1 .. 1 of the map scaled to 0..1
      and counts pixels once (Borji et al., 2013). 'pysaliency' has all
      thresholds, counts every fixation, and ignores `splits`.

  Returns:
    0 to 1; NaN without fixations or negatives. A constant map is NaN in
    'videosal' and 0.5 in 'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  if original and splits is not None:
    _check_random(splits, rng)
  frame, pixels = read_fixated(saliency, fixation_map, repeated=not original)
  others = _negative_pixels(negatives, saliency.shape, repeated=not original)
  if not len(pixels) or not len(others):
    return np.nan
  if not original:
    return _exact_area(frame.values[pixels], frame.values[others])
  if frame.constant:
    return np.nan
  positive = _histogram(frame.scaled(pixels))
  negative = _histogram(frame.scaled(others))
  if splits is not None and len(pixels) < len(others):
    # What a choice without replacement leaves in each bin.
    negative = rng.multivariate_hypergeometric(
      negative, len(pixels), size=splits
    ).sum(axis=0)
  return _binned_area(positive, negative)


def auc(saliency: np.ndarray, fixation_map: np.ndarray) -> float:
  """Returns the AUC of the Tuebingen benchmark, saliency.tuebingen.ai.

  Positives are the fixations, negatives all pixels including fixated ones; a
  tie counts half.

  Returns:
    0 to 1; NaN without fixations.
  """
  frame, pixels = read_fixated(saliency, fixation_map, repeated=True)
  if not len(pixels):
    return np.nan
  return _exact_area(frame.values[pixels], frame.values)


def auc_borji(
  saliency: np.ndarray,
  fixation_map: np.ndarray,
  *,
  splits: int,
  rng: np.random.Generator,
) -> float:
  """Returns AUC-Borji (Borji et al., 2013): negatives are random pixels.

  As many uniformly random pixels, fixated or not, as there are fixated ones,
  with thresholds 0, 0.1 .. 1 of the map scaled to 0..1; the mean over `splits`
  random choices. A pixel that was fixated twice counts once.

  Returns:
    0 to 1; NaN for a constant map, without fixations, and with a single fixated
    pixel, on which the original stops.
  """
  _check_random(splits, rng)
  frame, pixels = read_fixated(saliency, fixation_map, repeated=False)
  if len(pixels) < 2 or frame.constant:
    return np.nan
  drawn = rng.integers(len(frame.values), size=splits * len(pixels))
  positive = _histogram(frame.scaled(pixels))
  negative = _histogram(frame.scaled(drawn))
  return _binned_area(positive, negative)


def _check_random(splits, rng):
  if splits < 1 or rng is None:
    raise ValueError(
      f'expected 1 or more splits and a random generator, got {splits} and '
      f'{rng}'
    )


def _negative_pixels(given, size, *, repeated):
  """Reads a fixation map, or flat indices, as flat indices."""
  if not isinstance(given, np.ndarray) or given.dtype.kind not in 'buif':
    raise TypeError(
      'negatives: expected a fixation map [h, w] or flat pixel indices, got '
      f'{type(given).__name__}'
    )
  if given.shape == tuple(size):
    return fixated_pixels(given, repeated=repeated)
  if given.ndim != 1 or (given.size and given.dtype.kind not in 'ui'):
    raise ValueError(
      f'negatives: expected a fixation map {tuple(size)} or whole numbers [m], '
      f'got {given.dtype} {given.shape}'
    )
  pixels = size[0] * size[1]
  if given.size and not 0 <= given.min() <= given.max() < pixels:
    raise ValueError(
      f'negatives: expected flat indices from 0 to {pixels - 1}, got '
      f'{given.min()} to {given.max()}'
    )
  return given if repeated else np.unique(given)


def _jittered(frame, thresholds, rng):
  """Adds noise to a map where it can change a rank.

  Noise of 1e-7 of the range matters only for values within that of a threshold;
  these are few, and the others need no random number.

  Args:
    frame: The map.
    thresholds: Values of the fixated pixels, ascending.
    rng: Draws the noise.

  Returns:
    The noisy thresholds, scaled to 0..1, and the number of pixels of the
    noisy map that reach each.
  """
  span = frame.high - frame.low
  exact = thresholds.astype(np.float64)
  # Twice the noise, as sums round.
  found = SortedNear(frame.values, exact - 2e-7 * span, exact + 2e-7 * span)
  ordered, first = found.values, found.first
  last = np.searchsorted(ordered, exact + 2e-7 * span, side='right')
  near = np.zeros(len(ordered), bool)
  for start, stop in zip(first, last, strict=True):
    near[start:stop] = True
  places = np.flatnonzero(near)
  values = ordered[places]
  noisy = (values.astype(np.float64) - frame.low) / (span or 1)
  noisy += rng.random(len(noisy)) / 1e7
  # The thresholds are among them: the first of as many equal values.
  ties = np.arange(len(thresholds)) - np.searchsorted(thresholds, thresholds)
  noisy_thresholds = noisy[np.searchsorted(values, thresholds) + ties]
  not_below = len(frame.values) - found.below
  far_above = not_below - _at_least(places, first)
  return noisy_thresholds, far_above + _at_least(
    np.sort(noisy), noisy_thresholds
  )


def _at_least(ordered, thresholds):
  return len(ordered) - np.searchsorted(ordered, thresholds)


def _area(hits, false_alarms):
  """Returns the area under the curve from (0, 0) over points to (1, 1)."""
  x = np.concatenate(([0], false_alarms, [1]))
  y = np.concatenate(([0], hits, [1]))
  return np.trapezoid(y, x)


def _histogram(scaled):
  bins = np.searchsorted(_THRESHOLDS, scaled, side='right') - 1
  return np.bincount(bins, minlength=len(_THRESHOLDS))


def _binned_area(positive, negative):
  hits, false_alarms = (
    counts[::-1].cumsum() / counts.sum() for counts in (positive, negative)
  )
  return _area(hits, false_alarms)


def _exact_area(positive, negative):
  """Returns the share of pairs in the right order; a tie counts half."""
  ordered = np.sort(negative)
  below = ordered.searchsorted(positive)
  not_above = ordered.searchsorted(positive, side='right')
  pairs = len(positive) * len(ordered)
  return (below.sum() + not_above.sum()) / (2 * pairs)
