"""Scores over the course of a video, and which of two models leads when."""

from collections.abc import Sequence

import numpy as np

POINTS = 1000  # Of the paper (section 5.4, figure 6).


def resample(times: np.ndarray, values: np.ndarray, points: int) -> np.ndarray:
  """Returns a score at equal steps from a video's start to its end.

  Linear between frames; frames without a score are left out.

  Args:
    times: [n], ascending, in any unit.
    values: [n], NaN where undefined.
    points: How many.

  Returns:
    float64 [points]; NaN without a single score; a video with one score has it
    at every point.
  """
  known = ~np.isnan(values)
  if not known.any():
    return np.full(points, np.nan)
  places = np.linspace(times[0], times[-1], points)
  return np.interp(places, times[known], values[known])


def mean_curve(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and standard error [points] over videos.

  Args:
    curves: Of each video [points]; those that are NaN are left out.

  Returns:
    (mean, standard error); NaN without a video, the error with fewer than two.
  """
  table = np.array([curve for curve in curves if not np.isnan(curve).any()])
  if not len(table):
    nowhere = np.full(len(curves[0]) if len(curves) else 0, np.nan)
    return nowhere, nowhere
  error = np.full(table.shape[1], np.nan)
  if len(table) > 1:
    error = table.std(axis=0, ddof=1) / np.sqrt(len(table))
  return table.mean(axis=0), error


def smoothed(curve: np.ndarray, width: int) -> np.ndarray:
  """Returns the running mean [points] over `width` points, less at the ends."""
  half = width // 2
  sums = np.concatenate([[0], np.cumsum(curve)])
  at = np.arange(len(curve))
  first = np.maximum(at - half, 0)
  last = np.minimum(at + half + 1, len(curve))
  return (sums[last] - sums[first]) / (last - first)


def share_better(
  first: Sequence[np.ndarray], second: Sequence[np.ndarray], *, lower: bool
) -> tuple[float, float, int]:
  """Returns in what share of frames one model beats another.

  The share within each video, then the mean over videos. A frame counts where
  both have a score; a tie counts for neither.

  Args:
    first, second: For each video the scores of its frames [n].
    lower: Whether lower is better.

  Returns:
    (share in which the first leads, share of ties, frames compared); NaN where
    no frame can be compared.
  """
  wins, ties, frames = [], [], 0
  for a, b in zip(first, second, strict=True):
    known = ~(np.isnan(a) | np.isnan(b))
    if not known.any():
      continue
    lead = (b - a if lower else a - b)[known]
    wins.append(np.mean(lead > 0))
    ties.append(np.mean(lead == 0))
    frames += len(lead)
  if not frames:
    return float('nan'), float('nan'), 0
  return float(np.mean(wins)), float(np.mean(ties)), frames
