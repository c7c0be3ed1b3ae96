"""What a model has to beat: the centre, the mean eye position, chance."""

from collections.abc import Iterable

import numpy as np


def centre_gaussian(size: tuple[int, int], sigma: float) -> np.ndarray:
  """Returns a Gaussian around the centre, float32 [h, w] that sums to 1.

  Args:
    size: Height and width.
    sigma: Standard deviation, as a share of height and of width, so that its
      lines of equal height have the frame's own proportions.
  """

  def bell(n):
    offset = (np.arange(n) + 0.5) / n - 0.5
    return np.exp(-0.5 * (offset / sigma) ** 2)

  density = np.outer(bell(size[0]), bell(size[1]))
  return (density / density.sum()).astype(np.float32)


def mean_eye_position(densities: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
  """Returns the mean eye position (MEP): where people look on average.

  The mean over the frames of each video, then over videos, of densities that
  sum to 1, in a size that all frames are stretched to.

  Args:
    densities: For each video its density maps [h, w]; zeros, where nobody
      looked, are left out.

  Returns:
    float64 [h, w] that sums to 1.

  Raises:
    ValueError: Nobody looked at any frame.
  """
  total, videos = 0.0, 0
  for video in densities:
    inside, frames = 0.0, 0
    for density in video:
      mass = density.sum(dtype=np.float64)
      if mass:
        inside = inside + density / mass
        frames += 1
    if frames:
      total = total + inside / frames
      videos += 1
  if not videos:
    raise ValueError('no frame was looked at; a mean eye position wants one')
  return total / videos


def chance(
  size: tuple[int, int], seed: int, clip: int, frame: int
) -> np.ndarray:
  """Returns uniformly random numbers, float32 [h, w], a frame's own.

  A constant map would have no NSS, CC and SIM.
  """
  rng = np.random.default_rng((seed, clip, frame))
  return rng.random(size, np.float32)


def split_viewers(
  viewers: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Splits viewers in two at random, for Human Infinite.

  Of an odd number, which half has one more is random too.

  Args:
    viewers: [v], their numbers.
    rng: Draws.

  Raises:
    ValueError: There are fewer than two.
  """
  if len(viewers) < 2:
    raise ValueError(
      f'got {len(viewers)} viewers; two at least are wanted, to predict one '
      'half by the other'
    )
  shuffled = rng.permutation(viewers)
  half = (len(viewers) + int(rng.integers(2))) // 2
  half = min(max(half, 1), len(viewers) - 1)
  return np.sort(shuffled[:half]), np.sort(shuffled[half:])
