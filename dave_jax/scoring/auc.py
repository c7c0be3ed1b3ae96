"""Areas under the ROC curve: how well a map tells fixated pixels from others.

Protocols as in `metrics`. The random ones are seeded, and each frame draws
from a generator of its own, so that its score does not depend on its batch.
"""

from collections.abc import Sequence

import numpy as np

from dave_jax.scoring.frames import (
  Protocol,
  check_protocol,
  fixated_pixels,
  fixation_frames,
  generators,
)

# As Octave's 0:0.1:1 has them. The original stops at the largest value
# sampled; a threshold above it only repeats the curve's start.
_THRESHOLDS = 0.1 * np.arange(11)


def auc_judd(
  saliency: np.ndarray,
  fixation_maps: np.ndarray,
  *,
  jitter: bool,
  seed: int | np.random.Generator | None = None,
  frame_numbers: Sequence[int] | np.ndarray | None = None,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns AUC-Judd (Judd et al., 2009): thresholds at the fixated values.

  Negatives are all pixels without fixation.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w].
    jitter: Whether ties are broken by uniform noise of 1e-7, as the original
      does unless told otherwise. The original adds it to the map as it comes,
      which in one that sums to 1 drowns the small values; here the map is
      scaled to 0..1 first.
    seed, frame_numbers: For the jitter only; see `frames.generators`.
    protocol: 'videosal' counts a pixel once and takes tied fixations one
      after the other. 'pysaliency' (its `AUC_Judd`) counts every fixation and
      takes tied ones together.

  Returns:
    float64 [n] in 0..1; NaN where no pixel or every pixel is fixated. A
    constant map without jitter is NaN in 'videosal', 0.5 in 'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  pairs = fixation_frames(saliency, fixation_maps, repeated=not original)
  rngs = generators(seed, frame_numbers, len(saliency)) if jitter else None
  scores = []
  for frame, fixated in pairs:
    rng = next(rngs) if jitter else None
    pixels, weights = np.unique(fixated, return_counts=True)
    n, p = len(pixels), len(frame.values)
    if n in (0, p) or (original and not jitter and frame.constant):
      scores.append(np.nan)
      continue
    weights = weights[np.argsort(frame.values[pixels])]
    thresholds = np.sort(frame.values[pixels])
    # Sorting 82,000 float32 takes 0.2 ms, a search of each among 60 0.8 ms.
    ordered = np.sort(frame.values)
    if jitter:
      thresholds, above = _jittered(frame, ordered, thresholds, rng)
      order = np.argsort(thresholds)
      thresholds, above = thresholds[order], above[order]
      weights = weights[order]
    else:
      above = _at_least(ordered, thresholds)
    # From the highest threshold down.
    fixated_above = np.arange(n) + 1
    hits = fixated_above / n
    if not original:
      fixated_above = _at_least(thresholds, thresholds)[::-1]
      hits = weights[::-1].cumsum()[fixated_above - 1] / len(fixated)
    above = above[::-1]
    scores.append(_area(hits, (above - fixated_above) / (p - n)))
  return np.array(scores, np.float64)


def shuffled_auc(
  saliency: np.ndarray,
  fixation_maps: np.ndarray,
  negatives: Sequence[np.ndarray],
  *,
  splits: int | None = 100,
  seed: int | np.random.Generator | None = None,
  frame_numbers: Sequence[int] | np.ndarray | None = None,
  protocol: Protocol = 'videosal',
) -> np.ndarray:
  """Returns the shuffled AUC: negatives are fixations of other frames.

  It pays no model for knowing that viewers look at the centre (Zhang et al.,
  2008). `negatives.choose_other_frames` says which frames.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w].
    negatives: A frame's pixels to compare with: n fixation maps [h, w], or n
      arrays of flat pixel indices, of whole numbers.
    splits: 'videosal': number of random choices of as many negatives as there
      are fixated pixels, over which the score is the mean. The score is linear
      in what is drawn, so None, all negatives at once, is exactly the mean
      over all possible choices.
    seed, frame_numbers: For the random choices only; see `frames.generators`.
    protocol: 'videosal' has thresholds 0, 0.1 .. 1 of the map scaled to 0..1
      and counts pixels once (Borji et al., 2013); 'pysaliency' has all
      thresholds, and every fixation counts; `splits` and `seed` it ignores.

  Returns:
    float64 [n] in 0..1; NaN without fixations or negatives. A constant map is
    NaN in 'videosal' and 0.5 in 'pysaliency'.
  """
  check_protocol(protocol)
  original = protocol == 'videosal'
  pairs = fixation_frames(saliency, fixation_maps, repeated=not original)
  if len(negatives) != len(saliency):
    raise ValueError(
      f'got negatives of {len(negatives)} frames for {len(saliency)}; want '
      "each frame's own"
    )
  random = original and splits is not None
  if random:
    _check_splits(splits)
    rngs = generators(seed, frame_numbers, len(saliency))
  scores = []
  for number, (frame, pixels) in enumerate(pairs):
    rng = next(rngs) if random else None
    others = _negative_pixels(
      negatives[number], saliency.shape[1:], number, repeated=not original
    )
    if not len(pixels) or not len(others):
      scores.append(np.nan)
    elif not original:
      scores.append(_exact_area(frame.values[pixels], frame.values[others]))
    elif frame.constant:
      scores.append(np.nan)
    else:
      positive = _histogram(frame.scaled(pixels))
      negative = _histogram(frame.scaled(others))
      if random and len(pixels) < len(others):
        # What a choice without replacement leaves in each bin.
        negative = rng.multivariate_hypergeometric(
          negative, len(pixels), size=splits
        ).sum(axis=0)
      scores.append(_binned_area(positive, negative))
  return np.array(scores, np.float64)


def auc(saliency: np.ndarray, fixation_maps: np.ndarray) -> np.ndarray:
  """Returns the AUC of the Tuebingen benchmark, saliency.tuebingen.ai.

  Positives are the fixations, negatives all pixels, fixated ones included; a
  tie counts half.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w]; every fixation counts.

  Returns:
    float64 [n] in 0..1; NaN without fixations.
  """
  return np.array(
    [
      _exact_area(frame.values[pixels], frame.values) if len(pixels) else np.nan
      for frame, pixels in fixation_frames(
        saliency, fixation_maps, repeated=True
      )
    ],
    np.float64,
  )


def auc_borji(
  saliency: np.ndarray,
  fixation_maps: np.ndarray,
  *,
  splits: int = 100,
  seed: int | np.random.Generator,
  frame_numbers: Sequence[int] | np.ndarray,
) -> np.ndarray:
  """Returns AUC-Borji (Borji et al., 2013): negatives are random pixels.

  As many uniformly random pixels, fixated or not, as there are fixated ones,
  against thresholds 0, 0.1 .. 1 of the map scaled to 0..1; the mean over the
  splits. Only 'videosal' defines it.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w]; a pixel counts once.
    splits: Number of random choices.
    seed, frame_numbers: See `frames.generators`.

  Returns:
    float64 [n] in 0..1; NaN for a constant map, without fixations, and with a
    single fixated pixel, on which the original stops.
  """
  pairs = fixation_frames(saliency, fixation_maps, repeated=False)
  _check_splits(splits)
  rngs = generators(seed, frame_numbers, len(saliency))
  scores = []
  for (frame, pixels), rng in zip(pairs, rngs, strict=True):
    if len(pixels) < 2 or frame.constant:
      scores.append(np.nan)
      continue
    drawn = rng.integers(len(frame.values), size=splits * len(pixels))
    positive = _histogram(frame.scaled(pixels))
    negative = _histogram(frame.scaled(drawn))
    scores.append(_binned_area(positive, negative))
  return np.array(scores, np.float64)


def _check_splits(splits):
  if splits < 1:
    raise ValueError(f'splits is {splits}; want 1 or more')


def _negative_pixels(given, size, number, *, repeated):
  """Reads a fixation map, or flat indices, as flat indices."""
  if not isinstance(given, np.ndarray) or given.dtype.kind not in 'buif':
    raise TypeError(
      f'negatives of frame {number} are {type(given).__name__}; want a '
      'fixation map [h, w] or flat pixel indices'
    )
  if given.ndim == 2:
    if given.shape != tuple(size):
      raise ValueError(
        f'negatives of frame {number} are {given.shape}, the saliency '
        f'{tuple(size)}; bring them to its size (`negatives.negative_pixels`)'
      )
    return fixated_pixels(given, repeated=repeated)
  pixels = size[0] * size[1]
  if given.ndim != 1 or (given.size and given.dtype.kind not in 'ui'):
    raise ValueError(
      f'negatives of frame {number} are {given.dtype} {given.shape}; want a '
      'fixation map [h, w] or whole numbers [m]'
    )
  if given.size and not 0 <= given.min() <= given.max() < pixels:
    raise ValueError(
      f'negatives of frame {number} run from {given.min()} to {given.max()}; '
      f'want flat indices into its {pixels} pixels'
    )
  return given if repeated else np.unique(given)


def _jittered(frame, ordered, thresholds, rng):
  """Adds noise to a map where it can change a rank.

  Noise of 1e-7 of the range only matters among values as near as that to a
  threshold; they are few, and the others need no random number.

  Args:
    frame: The map.
    ordered: Its values, ascending.
    thresholds: Values of the fixated pixels, ascending.
    rng: The frame's generator.

  Returns:
    The noisy thresholds, scaled to 0..1, and how many pixels of the noisy map
    reach each.
  """
  span = frame.high - frame.low
  exact = thresholds.astype(np.float64)
  # Twice the noise, as sums round.
  first = np.searchsorted(ordered, exact - 2e-7 * span)
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
  far_above = (len(ordered) - first) - _at_least(places, first)
  return noisy_thresholds, far_above + _at_least(
    np.sort(noisy), noisy_thresholds
  )


def _at_least(ordered, thresholds):
  return len(ordered) - np.searchsorted(ordered, thresholds)


def _area(hits, false_alarms):
  """Trapezoids under the curve from (0, 0) over the points to (1, 1)."""
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
  """Share of pairs in the right order, a tie counting half."""
  ordered = np.sort(negative)
  below = ordered.searchsorted(positive)
  not_above = ordered.searchsorted(positive, side='right')
  pairs = len(positive) * len(ordered)
  return (below.sum() + not_above.sum()) / (2 * pairs)
