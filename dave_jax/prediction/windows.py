"""The 16 frames that a saliency map is predicted from, sliding over a video."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from dave_jax.media.clock import WINDOW_FRAMES
from dave_jax.media.video import Frame


@dataclasses.dataclass(frozen=True)
class Window:
  """Sixteen consecutive frames; the map is that of the last.

  Attributes:
    frames: The frames, oldest first; before the video's first frame, that one
      repeated.
  """

  frames: tuple[Frame, ...]

  @property
  def last(self) -> Frame:
    """The frame whose saliency the window predicts."""
    return self.frames[-1]

  @property
  def images(self) -> np.ndarray:
    """The frames' pictures, uint8 [16, h, w, 3]."""
    return np.stack([frame.image for frame in self.frames])

  @property
  def times(self) -> np.ndarray:
    """When the frames are shown, seconds [16]."""
    return np.array([frame.time for frame in self.frames])


def windows(frames: Iterable[Frame]) -> Iterator[Window]:
  """Yields the window that ends at each frame, for every frame."""
  recent: deque[Frame] = deque(maxlen=WINDOW_FRAMES)
  for frame in frames:
    recent.extend([frame] * (1 if recent else WINDOW_FRAMES))
    yield Window(tuple(recent))
