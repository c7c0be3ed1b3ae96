"""Scores as the AIM 2024 and NTIRE 2026 challenges compute them.

`protocol='msu'`. A map is taken as it is stored, colours averaged and min-max
scaled; the prediction is then resized to the size of the true map (bilinear).
Every fixation counts, repeats too. NaN where a score is undefined.
"""

import cv2
import numpy as np

_SCALE_EPSILON = np.finfo(np.float32).eps
_EPSILON = 1e-7


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
  return float(_z_scores(saliency)[tuple(fixations.T)].mean())


def cc(saliency: np.ndarray, density: np.ndarray) -> float:
  """Returns the correlation of two prepared maps [h, w]."""
  a, b = _z_scores(saliency), _z_scores(density)
  return float(
    (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + _EPSILON)
  )


def sim(saliency: np.ndarray, density: np.ndarray) -> float:
  """Returns the sum of minima of two prepared maps [h, w]."""
  a, b = (m.astype(np.float64) for m in (saliency, density))
  return float(
    np.minimum(a / (a.sum() + _EPSILON), b / (b.sum() + _EPSILON)).sum()
  )


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
  above = len(values) - np.searchsorted(np.sort(values), thresholds)
  columns = 1 if (fixations[:, 0] == fixations[:, 1]).all() else 2
  rank = np.arange(1, n + 1)
  hits = np.concatenate(([0], rank / n, [1]))
  false_alarms = (above[::-1] - rank) / (len(values) - columns)
  return float(np.trapezoid(hits, np.concatenate(([0], false_alarms, [1]))))


def _z_scores(frame):
  frame = frame.astype(np.float64)
  return (frame - frame.mean()) / (frame.std() + _EPSILON)
