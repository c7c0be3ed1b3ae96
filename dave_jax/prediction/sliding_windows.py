"""The 16 frames that a saliency map is predicted from, sliding over a video."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from dave_jax.media import clock
from dave_jax.media.audio import Sound
from dave_jax.media.video import Frame


@dataclasses.dataclass(frozen=True)
class Window:
  """Sixteen consecutive frames; the map is that of the last.

  Attributes:
    frames: The frames, oldest first; before the video's first frame, that one
      repeated.
    starts: Where each frame's example starts in the sound, [16] log-mel frames.
  """

  frames: tuple[Frame, ...]
  starts: np.ndarray

  @property
  def last(self) -> Frame:
    """The frame whose saliency the window predicts."""
    return self.frames[-1]


def windows(
  frames: Iterable[Frame], sound: Sound | None, *, alignment: str, rate: float
) -> Iterator[Window]:
  """Yields the window that ends at each frame, for every frame.

  Args:
    frames: In the order of presentation.
    sound: What is heard; None is silence.
    alignment: Which sound belongs to a frame, see `dave_jax.media.clock`.
    rate: Frames per second, which alignment 'reference' counts by.
  """
  recent = deque(maxlen=clock.WINDOW_FRAMES)
  start_time = 0.0 if sound is None else sound.start_time
  length = 0 if sound is None else len(sound.log_mel)
  for frame in frames:
    (start,) = clock.example_starts(
      [frame.time - start_time],
      alignment=alignment,
      rate=rate,
      sound_frames=length,
      first_frame=frame.index,
    )
    missing = 1 if recent else clock.WINDOW_FRAMES
    recent.extend([(frame, start)] * missing)
    seen, starts = zip(*recent, strict=True)
    yield Window(seen, np.array(starts))
