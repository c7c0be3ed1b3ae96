"""Scores over the course of a video."""

from collections.abc import Sequence

import numpy as np

POINTS = 1000  # As in the paper (section 5.4, figure 6).


def resample(times: np.ndarray, values: np.ndarray, points: int) -> np.ndarray:
  """Resamples a score at equal steps from the first frame to the last.

  Interpolates linearly between the frames that have the score.

  Args:
    times: [n], ascending, in any unit.
    values: [n], NaN where undefined.
    points: Number of steps.

  Returns:
    float64 [points]; NaN if no frame has the score.
  """
  known = ~np.isnan(values)
  if not known.any():
    return np.full(points, np.nan)
  places = np.linspace(times[0], times[-1], points)
  return np.interp(places, times[known], values[known])


def mean_curve(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
  """Returns the mean over videos and its standard error, [points] each.

  Args:
    curves: The curve [points] of each video; curves with NaN are dropped.

  Returns:
    (mean, standard error); the mean of no curves is NaN, and so is the error of
    fewer than two.
  """
  table = np.array([curve for curve in curves if not np.isnan(curve).any()])
  if not len(table):
    undefined = np.full(len(curves[0]) if len(curves) else 0, np.nan)
    return undefined, undefined
  error = np.full(table.shape[1], np.nan)
  if len(table) > 1:
    error = table.std(axis=0, ddof=1) / np.sqrt(len(table))
  return table.mean(axis=0), error


def smoothed(curve: np.ndarray, width: int) -> np.ndarray:
  """Returns the running mean over `width` points, fewer at the ends."""
  window = np.ones(min(width, len(curve)))
  counts = np.convolve(np.ones_like(curve), window, 'same')
  return np.convolve(curve, window, 'same') / counts


def share_better(
  first: Sequence[np.ndarray], second: Sequence[np.ndarray], *, lower: bool
) -> tuple[float, float, int]:
  """Returns the share of frames in which one model scores better than another.

  The mean over videos of the share within each video. Frames in which either
  has no score are ignored; a tie counts for neither.

  Args:
    first, second: For each video, the scores of its frames [n].
    lower: Whether lower is better.

  Returns:
    (share in which the first is better, share of ties, frames compared); NaN if
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
