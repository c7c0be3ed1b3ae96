"""Random changes of training examples.

Each is called with an example (see `data.batches`) and a generator, which is
all the randomness it has, and returns an example.
"""

import dataclasses
from typing import Protocol

import cv2
import numpy as np


class Augmentation(Protocol):
  """A frozen dataclass of settings."""

  def __call__(
    self, example: dict[str, np.ndarray], rng: np.random.Generator
  ) -> dict[str, np.ndarray]:
    """Returns an example, changed or not; leaves the one given as it is."""


@dataclasses.dataclass(frozen=True)
class HorizontalFlip:
  """Mirrors picture, density and fixations left to right.

  Attributes:
    probability: How often, 0 to 1.
  """

  probability: float

  def __call__(self, example, rng):
    if rng.random() >= self.probability:
      return example
    flipped = {'frames': example['frames'][:, :, ::-1]}
    for key in ('density', 'fixations'):
      if key in example:
        flipped[key] = example[key][:, ::-1]
    return example | flipped


@dataclasses.dataclass(frozen=True)
class BrightnessContrast:
  """Changes brightness and contrast, of all frames of a window alike.

  A value v becomes (v - 127.5) * (1 + c) + 127.5 + 255 b.

  Attributes:
    brightness: b is uniform between plus and minus this.
    contrast: c is uniform between plus and minus this.
  """

  brightness: float
  contrast: float

  def __call__(self, example, rng):
    b = rng.uniform(-self.brightness, self.brightness)
    c = rng.uniform(-self.contrast, self.contrast)
    values = (np.arange(256) - 127.5) * (1 + c) + 127.5 + 255 * b
    table = np.clip(np.round(values), 0, 255).astype(np.uint8)
    frames = np.ascontiguousarray(example['frames'])
    changed = cv2.LUT(frames.reshape(-1), table).reshape(frames.shape)
    return example | {'frames': changed}
