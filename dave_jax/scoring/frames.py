"""What every score needs of its arrays: checks, pixels, randomness."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

Protocol = Literal['videosal', 'pysaliency']


class Frame(NamedTuple):
  """A map with its extremes.

  Attributes:
    values: float32 or float64 [h * w], finite.
    low: The smallest.
    high: The largest.
  """

  values: np.ndarray
  low: float
  high: float

  @property
  def constant(self) -> bool:
    # The standard deviation of a constant 0.1 rounds to above 0.
    return self.low == self.high

  def scaled(self, pixels: np.ndarray) -> np.ndarray:
    """Scales the map to 0..1; returns float64 at some pixels."""
    values = self.values[pixels].astype(np.float64)
    return (values - self.low) / (self.high - self.low)


def check_protocol(protocol: str) -> None:
  if protocol not in get_args(Protocol):
    raise ValueError(
      f'protocol is {protocol!r}; want one of {get_args(Protocol)}'
    )


def density_frames(
  saliency: np.ndarray, density: np.ndarray, name: str
) -> Iterator[tuple[Frame, Frame]]:
  """Returns the saliency and the density of each frame in turn.

  Args:
    saliency: [n, h, w].
    density: [n, h, w].
    name: The density's, for errors.

  Raises:
    ValueError: Shapes differ, or a map holds NaN or infinity.
    TypeError: Something is no array of numbers.
  """
  _check_arrays(saliency, density, name)
  return (
    (_frame(saliency[k], 'saliency', k), _frame(density[k], name, k))
    for k in range(len(saliency))
  )


def fixation_frames(
  saliency: np.ndarray, fixation_maps: np.ndarray, *, repeated: bool
) -> Iterator[tuple[Frame, np.ndarray]]:
  """Returns the saliency of each frame in turn, and its fixated pixels.

  Args:
    saliency: [n, h, w].
    fixation_maps: Counts [n, h, w].
    repeated: See `fixated_pixels`.

  Raises:
    ValueError: Shapes differ, a saliency map holds NaN or infinity, or a
      fixation map anything but whole counts.
    TypeError: Something is no array of numbers.
  """
  _check_arrays(saliency, fixation_maps, 'fixation_maps')
  return (
    (
      _frame(saliency[k], 'saliency', k),
      fixated_pixels(fixation_maps[k], repeated=repeated),
    )
    for k in range(len(saliency))
  )


def _check_arrays(saliency, truth, name):
  _check_array(saliency, 'saliency')
  _check_array(truth, name)
  if saliency.shape != truth.shape:
    raise ValueError(
      f'saliency is {saliency.shape} and {name} is {truth.shape}; resize the '
      "predictions to the ground truth's size (bicubic) and pass as many "
      'frames of each'
    )


def _check_array(array, name):
  if not isinstance(array, np.ndarray) or array.dtype.kind not in 'buif':
    got = getattr(array, 'dtype', type(array).__name__)
    raise TypeError(
      f'{name} is {got}; want a NumPy array of real numbers '
      '(np.asarray of other arrays)'
    )
  if array.ndim != 3 or not array.size:
    raise ValueError(
      f'{name} has the shape {array.shape}; want [n, h, w] of at least one '
      'frame and one pixel (a single map is map[None])'
    )


def _frame(array, name, number):
  exact = array.dtype.itemsize < 4 or array.dtype == np.float32
  values = array.ravel().astype(np.float32 if exact else np.float64, copy=False)
  low, high = float(values.min()), float(values.max())
  if not (np.isfinite(low) and np.isfinite(high)):
    wrong = np.count_nonzero(~np.isfinite(values))
    raise ValueError(
      f'frame {number} of {name} holds {wrong} NaN or infinite values; drop or '
      'repair the frame, a map has a finite number in every pixel'
    )
  return Frame(values, low, high)


def fixated_pixels(fixation_map: np.ndarray, *, repeated: bool) -> np.ndarray:
  """Returns the flat indices of fixated pixels, in order.

  Args:
    fixation_map: Counts of fixations (or 0 and any other whole number).
    repeated: Whether a pixel appears as often as it was fixated.

  Raises:
    ValueError: The map holds fractions or negative numbers.
  """
  counts = fixation_map.ravel()
  (pixels,) = (counts != 0).nonzero()
  if counts.dtype.kind in 'if':
    found = counts[pixels]
    if (found < 0).any() or (found != np.rint(found)).any():
      raise ValueError(
        'a fixation map holds negative or broken numbers, such as '
        f'{found[(found < 0) | (found != np.rint(found))][0]}; want counts of '
        'fixations (is it a density map?)'
      )
  if not repeated:
    return pixels
  return pixels.repeat(counts[pixels].astype(np.int64))


def generators(
  seed: int | np.random.Generator,
  frame_numbers: Sequence[int] | np.ndarray,
  n: int,
) -> Iterator[np.random.Generator]:
  """Returns a generator per frame, the same whatever batch holds the frame.

  Args:
    seed: An integer of 0 or more; from a generator, one is drawn.
    frame_numbers: [n], each frame's own number in the whole evaluation, 0 or
      more.
    n: Number of frames.

  Raises:
    ValueError: Seed or numbers are missing, or not as many as frames.
  """
  if seed is None or frame_numbers is None or len(frame_numbers) != n:
    got = None if frame_numbers is None else len(frame_numbers)
    raise ValueError(
      f'got seed {seed} and {got} frame_numbers; a random score wants a seed '
      f"and the {n} frames' numbers in the whole evaluation"
    )
  if isinstance(seed, np.random.Generator):
    seed = int(seed.integers(2**63))
  return (np.random.default_rng((seed, int(k))) for k in frame_numbers)
