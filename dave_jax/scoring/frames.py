"""Checked maps and fixated pixels, which every score takes."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from dave_jax.checks import check_choice

Protocol = Literal['videosal', 'pysaliency']


class Frame(NamedTuple):
  """A map with its extremes.

  Attributes:
    values: float32 or float64 [h * w], finite.
    low, high: Smallest and largest value.
  """

  values: np.ndarray
  low: float
  high: float

  @property
  def constant(self) -> bool:
    """Whether all values are equal."""
    # The standard deviation of a constant 0.1 rounds to above 0.
    return self.low == self.high

  def scaled(self, pixels: np.ndarray) -> np.ndarray:
    """Returns values of the map scaled to 0..1, float64, at some pixels."""
    values = self.values[pixels].astype(np.float64)
    return (values - self.low) / (self.high - self.low)


def check_protocol(protocol: str) -> None:
  """Raises a ValueError for an unknown protocol."""
  check_choice('protocol', protocol, get_args(Protocol))


def read_maps(
  saliency: np.ndarray, density: np.ndarray, name: str
) -> tuple[Frame, Frame]:
  """Returns two maps [h, w], checked.

  Args:
    saliency, density: The maps.
    name: Name of the second, for errors.

  Raises:
    ValueError: Shapes differ, or a map holds NaN or infinity.
    TypeError: An argument is not an array of real numbers.
  """
  _check_shapes(saliency, density, name)
  return _frame(saliency, 'saliency'), _frame(density, name)


def read_fixated(
  saliency: np.ndarray, fixation_map: np.ndarray, *, repeated: bool
) -> tuple[Frame, np.ndarray]:
  """Returns a map [h, w], checked, and its fixated pixels.

  Args:
    saliency: The map.
    fixation_map: Counts [h, w].
    repeated: See `fixated_pixels`.

  Raises:
    ValueError: Shapes differ, the saliency holds NaN or infinity, or a count is
      not a whole number of 0 or more.
    TypeError: An argument is not an array of real numbers.
  """
  _check_shapes(saliency, fixation_map, 'fixation_map')
  pixels = fixated_pixels(fixation_map, repeated=repeated)
  return _frame(saliency, 'saliency'), pixels


def _check_shapes(saliency, truth, name):
  for array, what in ((saliency, 'saliency'), (truth, name)):
    if not isinstance(array, np.ndarray) or array.dtype.kind not in 'buif':
      got = getattr(array, 'dtype', type(array).__name__)
      raise TypeError(
        f'{what}: expected a NumPy array of real numbers, got {got}; convert '
        'it by np.asarray'
      )
    if array.ndim != 2 or not array.size:
      raise ValueError(f'{what}: expected a map [h, w], got {array.shape}')
  if saliency.shape != truth.shape:
    raise ValueError(
      f'expected saliency and {name} of one shape, got {saliency.shape} and '
      f'{truth.shape}; resize the saliency (bicubic)'
    )


def _frame(array, name):
  exact = array.dtype.itemsize < 4 or array.dtype == np.float32
  values = array.ravel().astype(np.float32 if exact else np.float64, copy=False)
  low, high = float(values.min()), float(values.max())
  if not (np.isfinite(low) and np.isfinite(high)):
    wrong = np.count_nonzero(~np.isfinite(values))
    raise ValueError(
      f'{name}: expected finite values, got {wrong} of NaN or infinity; leave '
      'the frame out'
    )
  return Frame(values, low, high)


def fixated_pixels(fixation_map: np.ndarray, *, repeated: bool) -> np.ndarray:
  """Returns the flat indices of fixated pixels, ascending.

  Args:
    fixation_map: Number of fixations in each pixel.
    repeated: Whether a pixel occurs once for each of its fixations.

  Raises:
    ValueError: A value is not a whole number of 0 or more.
  """
  counts = fixation_map.ravel()
  (pixels,) = (counts != 0).nonzero()
  if counts.dtype.kind in 'if':
    found = counts[pixels]
    wrong = found[(found < 0) | (found != np.rint(found))]
    if wrong.size:
      raise ValueError(
        'fixation_map: expected whole numbers of 0 or more, got '
        f'{wrong[0]}; a density map is not a fixation map'
      )
  if not repeated:
    return pixels
  return pixels.repeat(counts[pixels].astype(np.int64))
