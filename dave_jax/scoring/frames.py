"""What every score needs of its arrays: checks, pixels, randomness."""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np

Protocol = Literal['videosal', 'pysaliency']


def check_protocol(protocol: str) -> None:
  if protocol not in get_args(Protocol):
    raise ValueError(
      f'protocol is {protocol!r}; want one of {get_args(Protocol)}'
    )


def frames(
  saliency: np.ndarray, truth: np.ndarray, name: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields a frame's saliency and its truth, flat, checked.

  Args:
    saliency: Real or whole numbers [n, h, w].
    truth: [n, h, w], compared with it.
    name: The truth's, for errors.

  Yields:
    Float saliency [h * w], finite; and the truth [h * w] as it came.

  Raises:
    ValueError: Shapes differ, or a map holds NaN or infinity.
    TypeError: Something is no array of numbers.
  """
  _check_array(saliency, 'saliency')
  _check_array(truth, name)
  if saliency.shape != truth.shape:
    raise ValueError(
      f'saliency is {saliency.shape} and {name} is {truth.shape}; resize the '
      "predictions to the ground truth's size (bicubic) and pass as many "
      'frames of each'
    )
  for number, (predicted, true) in enumerate(zip(saliency, truth, strict=True)):
    yield finite(predicted, 'saliency', number), true.ravel()


def _check_array(array, name):
  if not isinstance(array, np.ndarray) or array.dtype.kind not in 'buif':
    got = getattr(array, 'dtype', type(array).__name__)
    raise TypeError(f'{name} is {got}; want a NumPy array of real numbers')
  if array.ndim != 3 or not array[0:1].size:
    raise ValueError(
      f'{name} has the shape {array.shape}; want [n, h, w] of at least one '
      'frame and one pixel (a single map is map[None])'
    )


def finite(frame: np.ndarray, name: str, number: int) -> np.ndarray:
  """Returns a map flat, as float32 or float64 that holds its values exactly.

  Raises:
    ValueError: The map holds NaN or infinity.
  """
  exact = frame.dtype.itemsize < 4 or frame.dtype == np.float32
  values = frame.ravel().astype(np.float32 if exact else np.float64, copy=False)
  if not (np.isfinite(values.min()) and np.isfinite(values.max())):
    wrong = np.count_nonzero(~np.isfinite(values))
    raise ValueError(
      f'frame {number} of {name} holds {wrong} NaN or infinite values; drop or '
      'repair the frame, a map has a finite number in every pixel'
    )
  return values


def fixated_pixels(fixation_map: np.ndarray, *, repeated: bool) -> np.ndarray:
  """Returns the flat indices of fixated pixels, in order.

  Args:
    fixation_map: Counts of fixations (or 0 and any other whole number).
    repeated: Whether a pixel appears as often as it was fixated.

  Raises:
    ValueError: The map holds fractions or negative numbers.
  """
  counts = fixation_map.ravel()
  pixels = np.flatnonzero(counts != 0)
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
  return np.repeat(pixels, counts[pixels].astype(np.int64))


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
