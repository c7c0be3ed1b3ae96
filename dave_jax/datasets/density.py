"""Density maps: how likely each place of a frame is looked at."""

import cv2
import numpy as np
from scipy import special


def gaussian_density(
  xy: np.ndarray,
  *,
  sigma: float,
  height: int,
  width: int,
  size: tuple[int, int],
) -> np.ndarray:
  """Returns the density of fixations: a Gaussian at each, of one sigma.

  Each pixel holds the integral of the Gaussians over it, so that maps of all
  sizes agree; what falls beside the frame is lost. A fixation that several
  viewers share counts as often.

  Args:
    xy: [n, 2], pixels of the original.
    sigma: Standard deviation in pixels of the original; one degree of visual
      angle is usual.
    height, width: Of the original.
    size: Height and width of the map.

  Returns:
    float32 [h, w] that sums to 1, or zeros without fixations.
  """
  h, w = size

  def share(centres, pixels, cells):
    edges = np.linspace(0, pixels, cells + 1)
    below = special.ndtr((edges - centres[:, None]) / sigma)
    return np.diff(below, axis=1)

  rows = share(xy[:, 1], height, h)
  columns = share(xy[:, 0], width, w)
  density = rows.T @ columns
  total = density.sum()
  return (density / total if total else density).astype(np.float32)


def record_density(
  record: dict, place: int, size: tuple[int, int] | None = None
) -> np.ndarray | None:
  """Returns the density map of one frame of a record.

  The source's own map where there is one, else its fixations blurred.

  Args:
    record: See `schema.features`.
    place: Which of the record's frames.
    size: Height and width; None is that of the source's map, or of the
      original.

  Returns:
    float32 [h, w] that sums to 1; zeros where nobody looked; None where the
    record has neither map nor sigma.

  Raises:
    ValueError: The source's map does not decode.
  """
  if len(record['density']) and record['density'][place]:
    return _resized(_decoded(record, place), size)
  if not record['sigma']:
    return None
  xy = record['fixation_xy'][record['fixation_frame'] == place]
  return gaussian_density(
    xy,
    sigma=record['sigma'],
    height=record['height'],
    width=record['width'],
    size=size or (int(record['height']), int(record['width'])),
  )


def _decoded(record, place):
  data = np.frombuffer(record['density'][place], np.uint8)
  density = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
  if density is None:
    raise ValueError(
      f'clip {record["clip"].decode()}, frame {record["first_frame"] + place}: '
      'its density map does not decode; build the data set again'
    )
  return density.astype(np.float32)


def _resized(density, size):
  if size is not None and size != density.shape:
    # As the field does; cubic filters overshoot below zero.
    h, w = size
    density = cv2.resize(density, (w, h), interpolation=cv2.INTER_CUBIC)
    density = np.maximum(density, 0)
  total = density.sum(dtype=np.float64)
  return density if not total else (density / total).astype(np.float32)
