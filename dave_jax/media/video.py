"""Frames of a video file, one at a time, with the times they are shown at."""

import bisect
import collections
import dataclasses
import itertools
import os
import types
from collections.abc import Iterator

import numpy as np

from dave_jax.media.audio import Sound, load_log_mel
from dave_jax.media.container import (
  StreamFrames,
  audio_stream,
  end_time,
  open_media,
  stream_end_time,
  video_stream,
)
from dave_jax.media.picture import PictureMaker, orientation
from dave_jax.media.seeking import find_entry


@dataclasses.dataclass(frozen=True)
class Frame:
  """A frame of a video.

  Attributes:
    index: Its number in the video, from 0 in the order of presentation.
    time: Seconds on the clock of the file.
    image: uint8 [h, w, 3], red, green, blue.
  """

  index: int
  time: float
  image: np.ndarray


@dataclasses.dataclass(frozen=True)
class VideoInfo:
  """What a file or folder says about its video.

  Attributes:
    path: The file or folder.
    width, height: Pixels, the right way up.
    rate: Frames per second, on average.
    duration: Seconds; None where it is not known.
    frames: How many there should be; None where it is not known.
    start_time: Seconds of the first frame on the clock of the file.
    codec: FFmpeg's name of it.
    rotation: Degrees counter-clockwise that the stored frames are turned by.
    video_stream: Its index in the file; None for a folder.
    sound_path: The file that holds the sound; None without sound.
    audio_stream: Index there of the sound that belongs to the video.
  """

  path: str
  width: int
  height: int
  rate: float
  duration: float | None
  frames: int | None
  start_time: float
  codec: str
  rotation: int
  video_stream: int | None
  sound_path: str | None
  audio_stream: int | None


def probe(path: str | os.PathLike, stream: int | None = None) -> VideoInfo:
  """Returns what a file says about its video.

  Args:
    path: Any file that FFmpeg reads.
    stream: Index of the video stream; None is the one FFmpeg finds best.

  Raises:
    OSError: There is no such file.
    ValueError: It is no video, has no such stream, or no frame decodes.
  """
  with open_media(path) as media:
    video = video_stream(media, stream)
    sound = audio_stream(media, None, video)
    frame = next(iter(StreamFrames(media, video)), None)
    if frame is None:
      raise ValueError(
        f'{path}: no frame of stream {video.index} ({video.name}) decodes'
      )
    rate = video.average_rate or video.guessed_rate or video.base_rate
    if not rate:
      raise ValueError(f'{path}: says nothing of its frame rate')
    start = frame.time or 0.0
    end = stream_end_time(media, video) or end_time(media)
    duration = None if end is None else end - start
    frames = video.frames or (duration and round(duration * rate))
    transposed, _, _ = orientation(frame)
    w, h = frame.width, frame.height
    return VideoInfo(
      path=os.fspath(path),
      width=h if transposed else w,
      height=w if transposed else h,
      rate=float(rate),
      duration=duration,
      frames=frames or None,
      start_time=start,
      codec=video.name,
      rotation=frame.rotation,
      video_stream=video.index,
      sound_path=None if sound is None else os.fspath(path),
      audio_stream=None if sound is None else sound.index,
    )


class VideoReader:
  """Iterates over the frames of a video file; memory does not grow.

  Each iteration reads anew. What was wrong with the file is known after it.

  Attributes:
    info: What the file says of itself.
    problems: What was wrong with it, for a person to read.
    counts: The same in numbers.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    *,
    size: tuple[int, int] | None = None,
    stream: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    lead: int = 0,
  ):
    """Opens a video.

    Args:
      path: Any file that FFmpeg reads.
      size: Height and width to resize to; None is the video's own.
      stream: Index of the video stream; None is the one FFmpeg finds best.
      start: First second to give; frames keep their numbers.
      end: Second to stop before; None is the end.
      lead: How many frames before `start` are given as well.

    Raises:
      OSError, ValueError: As `probe` does.
    """
    self.info = probe(path, stream)
    self.problems: list[str] = []
    self.counts: dict[str, float] = {}
    self._size = size or (self.info.height, self.info.width)
    self._start, self._end, self._lead = start, end, lead
    self._iterators: list[Iterator[Frame]] = []

  def __enter__(self) -> 'VideoReader':
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: types.TracebackType | None,
  ) -> None:
    self.close()

  def close(self) -> None:
    """Closes the file; iterations under way end."""
    for iterator in self._iterators:
      iterator.close()

  def __iter__(self) -> Iterator[Frame]:
    iterator = self._frames()
    self._iterators.append(iterator)
    return iterator

  def sound(self) -> Sound | None:
    """Returns the sound that belongs to the video; None without sound."""
    if self.info.sound_path is None:
      return None
    return load_log_mel(self.info.sound_path, self.info.audio_stream)

  def _frames(self):
    # What comes long before `start` is not decoded, if the file lets us.
    entry = None
    if self._start > self.info.start_time:
      entry = find_entry(
        self.info.path, self.info.video_stream, self._start, self._lead
      )
    if entry is None or not (yield from self._read(entry)):
      yield from self._read(None)

  def _read(self, entry):
    """Yields the frames from an entry on; returns whether it was one."""
    with open_media(self.info.path) as media:
      stream = media.streams[self.info.video_stream]
      if entry is not None:
        media.seek(entry.key_frame, stream=stream)
      decoded = StreamFrames(media, stream)
      frames = iter(decoded)
      index = 0
      if entry is not None:
        first = next(frames, None)
        if first is None or first.pts is None or first.pts > entry.key_frame:
          return False
        # Frames shown before the key frame may lack what they refer to.
        while first.pts is None or first.pts < entry.key_frame:
          first = next(frames, None)
          if first is None:
            return False
        index = bisect.bisect_left(entry.stamps, first.pts)
        frames = itertools.chain([first], frames)
      yield from self._timed(frames, index, decoded)
    return True

  def _timed(self, frames, first, decoded):
    """Yields the frames between start and end and takes notes."""
    step = 1 / self.info.rate
    picture = PictureMaker(self._size)
    waiting = collections.deque(maxlen=self._lead)
    counts = collections.Counter()
    time = until = None
    missing = 0.0
    try:
      for index, frame in enumerate(frames, first):
        stamp = frame.time
        if stamp is None or (time is not None and stamp <= time):
          counts['derived_times'] += 1
          stamp = self.info.start_time if time is None else time + step
        time = stamp
        if self._end is not None and time >= self._end:
          return
        until = time + (float(frame.duration * frame.time_base) or step)
        if time < self._start:
          waiting.append((index, time, frame))
          continue
        for number, shown, content in (*waiting, (index, time, frame)):
          counts['frames'] += 1
          counts['damaged_frames'] += content.is_corrupt
          yield Frame(number, shown, picture(content))
        waiting.clear()
      missing = decoded.missing(until or 0.0, 1.5 * step)
    finally:
      self._report(counts, decoded, missing)

  def _report(self, counts, decoded, missing):
    self.counts = {
      'frames': counts['frames'],
      'damaged_packets': decoded.damaged_packets,
      'damaged_frames': counts['damaged_frames'],
      'derived_times': counts['derived_times'],
      'missing_frames': round(missing * self.info.rate),
      'missing_seconds': missing,
    }
    texts = {
      'damaged_packets': '{} packets do not decode; their frames are left out',
      'damaged_frames': '{} frames are damaged',
      'derived_times': '{} frames without a usable time stamp; taken as '
      f'1 / {self.info.rate:.6g} s after the one before',
      'missing_seconds': 'the last {:.2f} s are missing, '
      f'{self.counts["missing_frames"]} frames',
    }
    self.problems = [
      'video: ' + text.format(self.counts[key])
      for key, text in texts.items()
      if self.counts[key]
    ]
    if decoded.error:
      self.problems.append(f'video: reading stopped ({decoded.error})')
