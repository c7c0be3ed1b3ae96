"""The published network with seeded weights, and what it computes from them.

A golden file holds the names and shapes of the published state dict and, for
inputs of 64x96 and 256x320, the saliency maps of the original code on a CPU.
The weights themselves, 279 MB, are drawn again from their names.
"""

import dataclasses
import os
import zlib

import numpy as np

from dave_jax.weights.conversion import dave_from_torch


@dataclasses.dataclass(frozen=True)
class Golden:
  """Variables, inputs and the expected result.

  Attributes:
    variables: {'params', 'batch_stats'} of `DAVE()`.
    video: [1, 16, h, w, 3].
    audio: [1, 16, 64, 64].
    saliency: Expected maps [1, h / 8, w / 8].
  """

  variables: dict
  video: np.ndarray
  audio: np.ndarray
  saliency: np.ndarray


def load_golden(path: str | os.PathLike, size: tuple[int, int]) -> Golden:
  """Reads a golden file and draws its weights and inputs.

  Args:
    path: The .npz file.
    size: Height and width of the frames, (64, 96) or (256, 320).
  """
  h, w = size
  with np.load(path) as file:
    expected = file[f'saliency_{h}x{w}'][:, 0]
    state_dict = {
      str(name): _weight(str(name), [int(n) for n in shape.split(',') if n])
      for name, shape in zip(file['names'], file['shapes'], strict=True)
    }
  variables, _ = dave_from_torch(state_dict)
  rng = np.random.default_rng([0, h, w])
  video = rng.standard_normal((1, 3, 16, h, w), dtype=np.float32)
  audio = rng.standard_normal((1, 16, 64, 64), dtype=np.float32)
  return Golden(variables, video.transpose(0, 2, 3, 4, 1), audio, expected)


def _weight(name, shape):
  rng = np.random.default_rng([0, zlib.crc32(name.encode())])
  if name.endswith('num_batches_tracked'):
    return np.zeros(shape, np.int64)
  if name.endswith('running_var'):
    values = rng.uniform(0.5, 1.5, shape)
  elif len(shape) >= 2:  # Kernels, by He initialisation.
    values = rng.normal(0.0, (2.0 / np.prod(shape[1:])) ** 0.5, shape)
  elif name.endswith('.weight'):  # Scales of batch norm.
    values = rng.uniform(0.5, 1.5, shape)
  else:
    values = rng.normal(0.0, 0.1, shape)
  return values.astype(np.float32)
