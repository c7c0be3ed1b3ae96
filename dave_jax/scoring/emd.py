"""The earth mover's distance, as in the MIT saliency benchmark."""

import functools

import numpy as np
from PIL import Image
from scipy.spatial import distance

_SHRINK = 32  # The benchmark compares maps of 1/32 of the size.


def emd(saliency: np.ndarray, density: np.ndarray) -> float:
  """Returns the earth mover's distance between two maps [h, w]; 0 is best.

  Both are shrunk to 1/32 of their height and width (antialiased bicubic, as
  MATLAB's `imresize`) and divided by their sums. The distance between pixels is
  Euclidean, in pixels of the small maps, without a threshold.

  Returns:
    NaN if a map is zero.

  Raises:
    ValueError: Shapes differ, or a map is negative.
    ModuleNotFoundError: The package POT is missing.
  """
  try:
    import ot
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
      "EMD needs the package POT; install it with pip install 'dave-jax[emd]'"
    ) from error
  if saliency.shape != density.shape or saliency.ndim != 2:
    raise ValueError(
      f'expected saliency and density of one shape [h, w], got '
      f'{saliency.shape} and {density.shape}'
    )
  if min(saliency.min(), density.min()) < 0:
    raise ValueError('EMD requires maps without negative values')
  h, w = (-(-side // _SHRINK) for side in saliency.shape)
  a, b = (shrunk(frame, (h, w)) for frame in (saliency, density))
  if not (a.sum() and b.sum()):
    return np.nan
  return ot.emd2(a / a.sum(), b / b.sum(), _distances(h, w))


def shrunk(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns a map at the height and width `size`, flattened, not negative."""
  image = Image.fromarray(frame.astype(np.float32))
  small = image.resize(size[::-1], Image.Resampling.BICUBIC)
  return np.maximum(np.asarray(small, np.float64).ravel(), 0)


@functools.lru_cache(maxsize=8)
def _distances(h, w):
  places = np.stack(np.indices((h, w)), axis=-1).reshape(-1, 2).astype(float)
  return distance.cdist(places, places)
