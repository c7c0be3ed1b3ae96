"""Data augmentation.

Each augmentation maps an example (see `data.batches`) to another; its only
randomness is the generator that it is called with.
"""

import dataclasses
from typing import Protocol

import cv2
import numpy as np

from dave_jax.data.transforms import TARGET_STRIDE


class Augmentation(Protocol):
  """A frozen dataclass of settings, called with an example."""

  def __call__(
    self, example: dict[str, np.ndarray], rng: np.random.Generator
  ) -> dict[str, np.ndarray]:
    """Returns an augmented example; does not change the given one."""


@dataclasses.dataclass(frozen=True)
class HorizontalFlip:
  """Mirrors frames, density and fixations left to right.

  Attributes:
    probability: Probability of a flip, 0 to 1.
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
  """Changes brightness and contrast, equally in all frames of a window.

  A value v becomes (v - 127.5) * (1 + c) + 127.5 + 255 b.

  Attributes:
    brightness: b is uniform in [-brightness, brightness].
    contrast: c is uniform in [-contrast, contrast].
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


@dataclasses.dataclass(frozen=True)
class Colour:
  """Changes the saturation of all frames of a window alike.

  Attributes:
    saturation: The distance from grey is multiplied by 1 plus or minus this.
    grey: How often all colour is removed, 0 to 1.
  """

  saturation: float
  grey: float

  def __call__(self, example, rng):
    factor = 1 + rng.uniform(-self.saturation, self.saturation)
    if rng.random() < self.grey:
      factor = 0.0
    # Luma of ITU-R BT.601.
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    matrix = factor * np.eye(3, dtype=np.float32) + (1 - factor) * luma
    frames = [cv2.transform(frame, matrix) for frame in example['frames']]
    return example | {'frames': np.stack(frames)}


@dataclasses.dataclass(frozen=True)
class RandomView:
  """Shows a random part of a photograph, still or as a camera moves over it.

  The view is a rectangle of the photograph of random size, place and aspect. A
  view larger than the photograph has black bars, as in letter-boxed films.
  Density and fixations move with the picture, those of the last frame; a view
  that leaves out most of the density is not taken.

  Attributes:
    frames: How many frames to make: 1 or 16.
    size: Height and width of the frames, whatever those of the photograph are.
      Density and fixations get an eighth of it.
    scale: Smallest and largest share of the photograph's height in the view.
    aspect: The ratio of the view's width to its height is that of the
      photograph times or divided by at most this.
    bars: How often the view is as high or as wide as the photograph and larger
      in the other direction, 0 to 1.
    pan: Largest motion of the view's centre in the window, as a share of the
      view; for several frames.
    zoom: Largest factor by which its size changes in the window.
    still: How often the view does not move, 0 to 1.
  """

  frames: int
  size: tuple[int, int]
  scale: tuple[float, float]
  aspect: float
  bars: float
  pan: float
  zoom: float
  still: float

  def __call__(self, example, rng):
    density = example['density']
    grid = tuple(pixels // TARGET_STRIDE for pixels in self.size)
    for attempt in range(5):
      views = self._views(rng)
      if attempt == 4:
        views = [(0.5, 0.5, 1.0, 1.0)] * self.frames  # All of it.
      seen = _warp(density, views[-1], grid, cv2.INTER_LINEAR)
      height, width = views[-1][2:]
      # A view of a part of the photograph has as many cells as all of it.
      if seen.mean() * height * width >= 0.6 * density.mean():
        break
    (picture,) = example['frames']
    frames = [
      _warp(picture, view, self.size, cv2.INTER_LINEAR)
      for view in dict.fromkeys(views)
    ]
    if len(frames) < len(views):
      frames = frames * len(views)
    changed = {
      'frames': np.stack(frames),
      'density': seen / max(seen.sum(), 1e-12),
    }
    if 'fixations' in example:
      fixations = example['fixations']
      changed['fixations'] = _warp(
        fixations, views[-1], grid, cv2.INTER_NEAREST
      )
    return example | changed

  def _views(self, rng):
    """Returns (y, x, height, width) of each frame, shares of the photograph."""
    height = np.exp(rng.uniform(*np.log(self.scale)))
    ratio = np.exp(rng.uniform(-1, 1) * np.log(self.aspect))
    width = height * ratio
    if rng.random() < self.bars:
      larger = rng.uniform(1.1, 1.5)
      height, width = (larger, 1.0) if rng.random() < 0.5 else (1.0, larger)
    # Inside the photograph, or around it.
    slack = np.abs([1 - height, 1 - width]) / 2
    y, x = 0.5 + rng.uniform(-slack, slack)
    if self.frames == 1 or rng.random() < self.still:
      return [(y, x, height, width)] * self.frames
    zoom = np.exp(rng.uniform(-1, 1) * np.log(self.zoom))
    dy, dx = rng.uniform(-self.pan, self.pan, 2) * (height, width)
    # The last frame has the view that was drawn.
    return [
      (
        y - dy * left,
        x - dx * left,
        height * zoom**left,
        width * zoom**left,
      )
      for left in np.linspace(1, 0, self.frames)
    ]


def _warp(picture, view, size, interpolation):
  """Returns a view (y, x, height, width) of a picture, black outside it."""
  rows, columns = picture.shape[:2]
  h, w = size
  y, x, height, width = view
  step_y, step_x = height * rows / h, width * columns / w
  matrix = np.array(
    [
      [step_x, 0, (x - width / 2) * columns + step_x / 2 - 0.5],
      [0, step_y, (y - height / 2) * rows + step_y / 2 - 0.5],
    ]
  )
  return cv2.warpAffine(
    picture, matrix, (w, h), flags=interpolation | cv2.WARP_INVERSE_MAP
  )
