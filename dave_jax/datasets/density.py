"""Density maps: the probability that each pixel of a frame is fixated."""

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
  """Returns the density of fixations: the sum of a Gaussian at each of them.

  Each pixel holds the integral of the Gaussians over it, so that maps of all
  sizes agree; mass outside the frame is lost. Repeated fixations count
  repeatedly.

  Args:
    xy: [n, 2], pixels of the original.
    sigma: Standard deviation in pixels of the original, usually one degree of
      visual angle.
    height, width: Size of the original.
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

  Uses the map that the source publishes if there is one, else the blurred
  fixations.

  Args:
    record: See `schema.features`.
    place: Index of the frame in the record.
    size: Height and width of the result; None keeps the size of the published
      map, or of the original.

  Returns:
    float32 [h, w] that sums to 1; zeros without fixations; None if the record
    has neither map nor sigma.

  Raises:
    ValueError: The published map does not decode.
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
    # Cubic, as published evaluations resize maps; it overshoots below zero.
    h, w = size
    density = cv2.resize(density, (w, h), interpolation=cv2.INTER_CUBIC)
    density = np.maximum(density, 0)
  total = density.sum(dtype=np.float64)
  return density if not total else (density / total).astype(np.float32)
