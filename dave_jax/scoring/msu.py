"""Scores as the AIM 2024 and NTIRE 2026 challenges compute them.

`protocol='msu'`. A map is taken as it is stored, colours averaged and min-max
scaled; the prediction is then resized to the size of the true map (bilinear).
Every fixation counts, repeats too. NaN where a score is undefined.
"""

import cv2
import numpy as np

_SCALE_EPSILON = np.finfo(np.float32).eps
_EPSILON = 1e-7
_BINS = 4096
_BLOCK = 1 << 15  # Pixels that stay in a processor's cache.


def prepared(frame: np.ndarray) -> np.ndarray:
  """Returns a map [h, w] or [h, w, 3] of any type, scaled to 0..1, [h, w].

  Grey maps are float32 and averaged colours float64, as in the challenges'
  code: ties, and so AUC-Judd, depend on it.
  """
  if frame.ndim == 3:
    frame = frame.mean(axis=2, dtype=np.float64)
  elif frame.dtype != np.float64:
    frame = frame.astype(np.float32)
  low, high = frame.min(), frame.max()
  return (frame - low) / (high - low + _SCALE_EPSILON)


def resized(saliency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns a prepared map resized to another height and width."""
  if saliency.shape == tuple(size):
    return saliency
  return cv2.resize(saliency, size[::-1], interpolation=cv2.INTER_LINEAR)


def nss(saliency: np.ndarray, fixations: np.ndarray) -> float:
  """Returns the mean z-score at the fixations.

  Args:
    saliency: Prepared map [h, w].
    fixations: Rows and columns, integers [n, 2].
  """
  if not len(fixations):
    return np.nan
  centred, deviation = _centred(saliency)
  return float(centred[tuple(fixations.T)].mean() / deviation)


def cc(saliency: np.ndarray, density: np.ndarray) -> float:
  """Returns the correlation of two prepared maps [h, w]."""
  (a, a_deviation), (b, b_deviation) = map(_centred, (saliency, density))
  scale = a_deviation * b_deviation
  of_z_scores = np.sqrt(np.vdot(a, a) * np.vdot(b, b) / scale**2 + _EPSILON)
  return float(np.vdot(a, b) / scale / of_z_scores)


def sim(saliency: np.ndarray, density: np.ndarray) -> float:
  """Returns the sum of minima of two prepared maps [h, w]."""
  a, b = (frame.ravel() for frame in (saliency, density))
  a_scale, b_scale = (1 / (m.sum(dtype=np.float64) + _EPSILON) for m in (a, b))
  total = 0.0
  for first in range(0, len(a), _BLOCK):
    block = slice(first, first + _BLOCK)
    total += np.minimum(a[block] * a_scale, b[block] * b_scale).sum()
  return float(total)


def auc_judd(saliency: np.ndarray, fixations: np.ndarray) -> float:
  """Returns AUC-Judd, with a threshold at every fixation and no jitter.

  The number of negatives is that of the challenges' code, which subtracts from
  the pixels the number of distinct columns of the list of fixations: 2, or 1
  where rows and columns are equal. It is kept to give their numbers.

  Args:
    saliency: Prepared map [h, w].
    fixations: Rows and columns, integers [n, 2].
  """
  n = len(fixations)
  if not n:
    return np.nan
  values = saliency.ravel()
  thresholds = np.sort(saliency[tuple(fixations.T)])
  above = _at_least(values, thresholds)
  columns = 1 if (fixations[:, 0] == fixations[:, 1]).all() else 2
  rank = np.arange(1, n + 1)
  hits = np.concatenate(([0], rank / n, [1]))
  false_alarms = (above[::-1] - rank) / (len(values) - columns)
  return float(np.trapezoid(hits, np.concatenate(([0], false_alarms, [1]))))


def _at_least(values, thresholds):
  """Returns how many values are at or above each threshold.

  Counts coarse bins, and sorts only the values that share one with a threshold,
  which takes a fourth of the time of sorting all.

  Args:
    values: [n].
    thresholds: Some of the values, ascending.
  """
  low, high = values.min(), values.max()
  scale = (_BINS - 1) / ((high - low) or 1)
  bins = ((values - low) * scale).astype(np.int32)
  own = ((thresholds - low) * scale).astype(np.int32)
  counts = np.bincount(bins, minlength=_BINS)
  shared = np.zeros(_BINS, bool)
  shared[own] = True
  candidates = np.sort(values[shared[bins]])
  up_to_bin = np.cumsum(np.where(shared, counts, 0))[own]
  in_bin = up_to_bin - np.searchsorted(candidates, thresholds)
  return len(values) - np.cumsum(counts)[own] + in_bin


def _centred(frame):
  """Returns a map minus its mean, and the divisor of its z-scores."""
  centred = frame - frame.mean(dtype=np.float64)
  deviation = np.sqrt(np.vdot(centred, centred) / centred.size)
  return centred, deviation + _EPSILON
