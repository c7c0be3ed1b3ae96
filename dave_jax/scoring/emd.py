"""The earth mover's distance, as in the MIT saliency benchmark."""

import functools

import numpy as np
from PIL import Image
from scipy.spatial import distance

_SHRINK = 32  # The benchmark compares maps of 1/32 of the size.


def emd(saliency: np.ndarray, density: np.ndarray) -> np.ndarray:
  """Returns the earth mover's distance between two maps; 0 is best.

  Both are shrunk to 1/32 of their height and width (antialiased bicubic, as
  MATLAB's `imresize`) and divided by their sums. The distance between pixels is
  Euclidean, in pixels of the small maps, without a threshold.

  Args:
    saliency: [n, h, w], not negative.
    density: [n, h, w], not negative.

  Returns:
    float64 [n]; NaN where a map is zero.

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
  if saliency.shape != density.shape or saliency.ndim != 3:
    raise ValueError(
      f'expected saliency and density of one shape [n, h, w], got '
      f'{saliency.shape} and {density.shape}'
    )
  if min(saliency.min(), density.min()) < 0:
    raise ValueError('EMD requires maps without negative values')
  h, w = (-(-side // _SHRINK) for side in saliency.shape[1:])
  scores = []
  for frames in zip(saliency, density, strict=True):
    a, b = (_small(frame, (h, w)) for frame in frames)
    if not (a.sum() and b.sum()):
      scores.append(np.nan)
      continue
    scores.append(ot.emd2(a / a.sum(), b / b.sum(), _distances(h, w)))
  return np.array(scores, np.float64)


def _small(frame, size):
  image = Image.fromarray(frame.astype(np.float32))
  small = image.resize(size[::-1], Image.Resampling.BICUBIC)
  return np.maximum(np.asarray(small, np.float64).ravel(), 0)


@functools.lru_cache(maxsize=8)
def _distances(h, w):
  places = np.stack(np.indices((h, w)), axis=-1).reshape(-1, 2).astype(float)
  return distance.cdist(places, places)
