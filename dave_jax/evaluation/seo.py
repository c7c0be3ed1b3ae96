"""SEO: saliency by self-resemblance, a training-free model of the paper.

Seo and Milanfar, Static and space-time visual saliency detection by
self-resemblance, J. Vision 9(12):15, 2009, as their published code computes it:
a voxel is salient if its local steering kernel differs from its neighbours'.
"""

import itertools
from collections.abc import Iterator

import cv2
import numpy as np

from dave_jax.evaluation.evaluator import Maps
from dave_jax.evaluation.ground_truth import GroundTruth

_SIZE = 64  # Height and width of the frames that it compares.
_CHUNK = 32  # Frames computed at a time.
_HALO = 4  # Frames either side that a frame's saliency depends on.
_ALPHA = 0.42
_SHARPNESS = 0.7
# A disk filter of radius 1, MATLAB's fspecial('disk', 1).
_DISK = np.array(
  [
    [0.025079, 0.145344, 0.025079],
    [0.145344, 0.318310, 0.145344],
    [0.025079, 0.145344, 0.025079],
  ]
)
# Time, column, row, the row changing fastest: the order of the descriptors.
_OFFSETS = [(y, x, t) for t, x, y in itertools.product((-1, 0, 1), repeat=3)]


def seo_maps(truth: GroundTruth) -> Maps:
  """Predicts the frames of clips from their pictures alone."""

  def maps(jobs):
    for clip, frames in jobs:
      grey = [
        cv2.resize(
          cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE),
          (_SIZE, _SIZE),
          interpolation=cv2.INTER_LINEAR,
        )
        for jpeg in truth.pictures(clip)
      ]
      wanted = set(frames.tolist())
      sequence = np.stack(grey, axis=-1).astype(np.float64)
      for frame, saliency in enumerate(space_time_saliency(sequence)):
        if frame in wanted:
          yield saliency.astype(np.float32)

  return maps


def space_time_saliency(frames: np.ndarray) -> Iterator[np.ndarray]:
  """Yields the saliency [h, w] of each frame of a sequence.

  Args:
    frames: Grey, float64 [h, w, t] with t of 2 or more.

  Raises:
    ValueError: There are fewer than two frames.
  """
  count = frames.shape[-1]
  if count < 2:
    raise ValueError(f'SEO needs 2 or more frames of a video, got {count}')
  frames = frames / (frames.std(ddof=1) or 1)
  for first in range(0, count, _CHUNK):
    begin, last = max(0, first - _HALO), min(count, first + _CHUNK)
    saliency = _saliency(descriptors(frames[..., begin : last + _HALO]))
    yield from np.moveaxis(saliency, -1, 0)[first - begin : last - begin]


def descriptors(frames: np.ndarray) -> np.ndarray:
  """Returns local steering kernels [h, w, t, 27] of normalised grey frames."""
  kernel = _DISK[:, :, None] * _DISK[:, None] * _DISK[None]
  kernel /= kernel[1, 1]
  weights = np.array([kernel[y + 1, x + 1, t + 1] for y, x, t in _OFFSETS])
  gy, gx, gt = np.gradient(frames)
  windows = [np.stack(_neighbours(g), -1) * weights for g in (gx, gy, gt)]
  _, s, vt = np.linalg.svd(np.stack(windows, -1), full_matrices=False)
  others = np.stack(
    [s[..., i] * s[..., j] for i, j in ((1, 2), (0, 2), (0, 1))], -1
  )
  stretch = (s + 1) / (np.sqrt(others) + 1)
  strength = ((s.prod(-1) + 1e-7) / weights.sum()) ** _ALPHA
  covariance = np.einsum('...i,...ia,...ib->...ab', stretch, vt, vt)
  covariance *= strength[..., None, None]
  found = []
  for (y, x, t), near in zip(_OFFSETS, _neighbours(covariance), strict=True):
    offset = np.array([x, y, t])
    found.append(np.exp(-0.5 * (near @ offset @ offset)))
  return np.stack(found, -1)


def _saliency(kernels):
  kernels = kernels / np.linalg.norm(kernels, axis=-1, keepdims=True)
  return 1 / sum(
    np.exp(((kernels * near).sum(-1) - 1) / _SHARPNESS**2)
    for near in _neighbours(kernels)
  )


def _neighbours(array):
  """Returns the array shifted by each offset, mirrored at its borders."""
  h, w, t = array.shape[:3]
  margin = [(1, 1)] * 3 + [(0, 0)] * (array.ndim - 3)
  padded = np.pad(array, margin, mode='reflect')
  return [
    padded[1 + y : 1 + y + h, 1 + x : 1 + x + w, 1 + k : 1 + k + t]
    for y, x, k in _OFFSETS
  ]
