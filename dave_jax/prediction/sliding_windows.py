"""The 16 frames that a saliency map is predicted from, sliding over a video."""

import dataclasses
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dave_jax.media import clock
from dave_jax.media.audio import Sound
from dave_jax.media.source import open_source
from dave_jax.media.video import Frame


@dataclasses.dataclass(frozen=True)
class Window:
  """Sixteen consecutive frames; the saliency map is that of the last.

  Attributes:
    frames: The frames, oldest first; in place of frames before the first of the
      video, that one is repeated.
    starts: [16], log-mel frame at which the example of each frame starts.
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
  """Yields the window that ends at each frame.

  Args:
    frames: In order of presentation.
    sound: The sound; None is silence.
    alignment: Which sound belongs to a frame, see `media.clock`.
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
    window, starts = zip(*recent, strict=True)
    yield Window(window, np.array(starts))


def read_windows(
  source: str | os.PathLike,
  times: Sequence[float],
  *,
  size: tuple[int, int],
  alignment: str,
) -> tuple[np.ndarray, np.ndarray]:
  """Reads the windows that end at the frames shown at some times.

  Args:
    source: A file that FFmpeg reads, an image, or a folder of images and a WAV.
    times: [b], seconds on the clock of the file.
    size: Height and width to resize frames to.
    alignment: Which sound belongs to a frame, see `media.clock`.

  Returns:
    RGB frames, uint8 [b, 16, h, w, 3], and their log-mel examples, float32 [b,
    16, 64, 64]; silence without sound.

  Raises:
    ValueError, OSError: The video cannot be read, or shows no frame at one of
      the times.
  """
  found, before = {}, None
  with open_source(source, size=size) as reader:
    sound = reader.sound()
    rate = reader.info.rate
    for window in windows(reader, sound, alignment=alignment, rate=rate):
      now = window.last.time
      if before is not None:
        shown = before.last.time
        found |= {time: before for time in times if shown <= time < now}
      before = window
      if now > max(times):
        break
  if before is not None:
    last = before.last.time
    found |= {time: before for time in times if last <= time < last + 1 / rate}
  if missing := sorted(set(times) - set(found)):
    raise ValueError(f'{source}: shows no frame at {missing} s')
  log_mel = np.zeros((0, clock.MEL_BANDS)) if sound is None else sound.log_mel
  chosen = [found[time] for time in times]
  video = np.stack([[frame.image for frame in w.frames] for w in chosen])
  audio = np.stack([clock.cut_examples(log_mel, w.starts) for w in chosen])
  return video, audio


class FrameChoice:
  """Chooses the frames that are predicted, whatever second a run starts at."""

  def __init__(self, *, stride: int, fps: float | None, start: float):
    """Takes which frames to choose.

    Args:
      stride: Every so many frames, counted from the first of the video.
      fps: So many frames per second instead: the first in each 1 / fps seconds
        of the clock of the video; None is every `stride`.
      start: Second before which none is chosen.
    """
    if stride < 1 or (fps is not None and fps <= 0):
      raise ValueError(
        f'expected a stride of 1 or more and a positive fps, got stride '
        f'{stride}, fps {fps}'
      )
    self._stride, self._fps, self._start = stride, fps, start
    self._slot = None

  def __call__(self, frame: Frame) -> bool:
    """Returns whether a frame is chosen; frames come one after the other."""
    if self._fps is None:
      chosen = frame.index % self._stride == 0
    else:
      slot = int(np.floor(frame.time * self._fps + 1e-4))
      chosen, self._slot = slot != self._slot, slot
    return chosen and (frame.time >= self._start or self._start <= 0)
