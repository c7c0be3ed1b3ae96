"""Frames of a video file, one at a time, with the times they are shown at."""

import bisect
import collections
import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator

import numpy as np

from dave_jax.media.audio import Sound, load_log_mel
from dave_jax.media.container import (
  StreamFrames,
  audio_stream,
  end_time,
  open_media,
  stream_end_time,
  undecodable_audio,
  video_stream,
)
from dave_jax.media.picture import PictureMaker, orientation
from dave_jax.media.seeking import find_entry
from dave_jax.media.timeline import Holes, in_order, with_times

# Frames whose stamps the rate is checked with.
_RATE_FRAMES = 100
# Relative difference between the claimed and the measured rate up to which the
# claim is believed.
_RATE_TOLERANCE = 0.25
# Pixel aspect ratios outside of this range are taken for errors.
_ASPECTS = (1 / 4, 4)


@dataclasses.dataclass(frozen=True)
class Frame:
  """A frame of a video.

  Attributes:
    index: Its index in the video, from 0, in order of presentation.
    time: Seconds on the clock of the file.
    image: uint8 [h, w, 3], RGB.
  """

  index: int
  time: float
  image: np.ndarray


@dataclasses.dataclass(frozen=True)
class VideoInfo:
  """What is known of a video before all of it is read.

  Attributes:
    path: The file or folder.
    width, height: Size of the picture as shown: upright, in square pixels.
    rate: Frames per second, on average.
    duration: Seconds; None if unknown.
    frames: Number of frames that the file claims; None if unknown.
    start_time: Second of the first frame on the clock of the file.
    codec: FFmpeg's name of the codec.
    rotation: Degrees counter-clockwise by which stored frames are turned.
    video_stream: Index of the stream in the file; None for a folder.
    sound_path: The file that holds the sound; None without sound.
    audio_stream: Index there of the stream that belongs to the video.
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
  """Returns what a file tells about its video; decodes one frame.

  Args:
    path: Any file that FFmpeg reads.
    stream: Index of the video stream; None is the one FFmpeg finds best.

  Raises:
    OSError: The file does not exist.
    ValueError: It holds no video, has no such stream, or no frame decodes.
  """
  with open_media(path) as media:
    video = video_stream(media, stream)
    sound = audio_stream(media, None, video)
    decoded = StreamFrames(media, video)
    frame, stamps = _first_frame(decoded)
    if frame is None:
      raise ValueError(
        f'{path}: no frame of stream {video.index} ({video.name}) decodes'
      )
    rate = _rate(video, frame, stamps)
    if not rate:
      raise ValueError(f'{path}: its frame rate is unknown')
    start = frame.time if frame.time is not None else 0.0
    end = stream_end_time(media, video) or end_time(media)
    duration = None if end is None else end - start
    frames = duration and round(duration * rate)
    if video.frames and (
      not frames or abs(video.frames / frames - 1) <= _RATE_TOLERANCE
    ):
      frames = video.frames  # Else of another clock, as in AVIs of 1 ms steps.
    w, h = _square_pixels(frame, video.sample_aspect_ratio)
    transposed, _, _ = orientation(frame, decoded.exif)
    return VideoInfo(
      path=os.fspath(path),
      width=h if transposed else w,
      height=w if transposed else h,
      rate=rate,
      duration=duration,
      frames=frames or None,
      start_time=start,
      codec=video.name,
      rotation=frame.rotation,
      video_stream=video.index,
      sound_path=None if sound is None else os.fspath(path),
      audio_stream=None if sound is None else sound.index,
    )


def _first_frame(decoded):
  """Returns the first frame and the stamps [s] of the first packets."""
  first, stamps = None, []
  for packet in decoded.packets():
    if packet.pts is not None:
      stamps.append(float(packet.pts * packet.time_base))
    if first is None:
      first = next(iter(decoded.decode(packet)), None)
    if first is not None and len(stamps) >= _RATE_FRAMES:
      break
  return first, stamps


def _rate(video, frame, stamps):
  """Returns frames per second: what the file claims, if its stamps agree."""
  claimed = float(video.average_rate or video.guessed_rate or 0)
  # Interlaced frames may come as two packets, one a field.
  steps = np.diff(np.unique(stamps))
  if len(steps) < 2 or frame.interlaced_frame:
    return claimed or float(video.base_rate or 0)
  measured = np.array([1 / steps.mean(), 1 / np.median(steps)])
  if (np.abs(claimed / measured - 1) <= _RATE_TOLERANCE).any():
    return claimed
  return float(measured[0])


def _square_pixels(frame, aspect):
  """Returns the width and height of a frame with its pixels made square."""
  aspect = float(aspect or 1)
  if not _ASPECTS[0] <= aspect <= _ASPECTS[1]:
    aspect = 1.0
  return (
    round(frame.width * max(aspect, 1)),
    round(frame.height / min(aspect, 1)),
  )


class Reader(contextlib.AbstractContextManager):
  """Iterates over the frames of a video; base of the readers.

  Attributes:
    info: What the file or folder tells about its video.
    problems: What was wrong with it, as text, in the last iteration that ended.
    counts: The same as numbers.
  """

  info: VideoInfo
  problems: list[str]
  counts: dict[str, float]

  def __exit__(self, *error) -> None:
    self.close()

  def close(self) -> None:
    """Closes the file; iterations in progress end."""

  def sound(self) -> Sound | None:
    """Returns the sound that belongs to the video; None without sound."""
    if self.info.sound_path is None:
      return None
    return load_log_mel(self.info.sound_path, self.info.audio_stream)


class VideoReader(Reader):
  """Reads a video file in constant memory; each iteration reads it again."""

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
    """Opens a file; see `media.source.open_source`."""
    self.info = probe(path, stream)
    self.problems = []
    self.counts = {}
    self._size = size or (self.info.height, self.info.width)
    self._start, self._end, self._lead = start, end, lead
    self._iterators: list[Iterator[Frame]] = []

  def close(self) -> None:
    for iterator in self._iterators:
      iterator.close()

  def __iter__(self) -> Iterator[Frame]:
    iterator = self._frames()
    self._iterators.append(iterator)
    return iterator

  def _frames(self):
    # Frames long before `start` are not decoded if the file permits.
    entry = None
    if self._start > max(self.info.start_time, 0):
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
      yield from self._between(frames, index, decoded)
    return True

  def _between(self, frames, first, decoded):
    """Yields the frames between start and end, and counts problems."""
    step = 1 / self.info.rate
    timed = with_times(
      in_order(
        ((frame.time, frame) for frame in frames),
        by_stamp=not decoded.decode_stamps,
      ),
      step=step,
      start=self.info.start_time,
    )
    picture = None
    waiting = collections.deque(maxlen=self._lead)
    counts = collections.Counter()
    holes = Holes(step)
    missing = 0.0
    try:
      for index, (time, given, frame) in enumerate(timed, first):
        picture = picture or PictureMaker(self._size, decoded.exif)
        if self._end is not None and time >= self._end:
          return
        holes.add(time, float(frame.duration * frame.time_base))
        counts['derived_times'] += not given
        if time < self._start and self._start > 0:
          waiting.append((index, time, frame))
          continue
        for number, shown, content in (*waiting, (index, time, frame)):
          counts['frames'] += 1
          counts['damaged_frames'] += content.is_corrupt
          yield Frame(number, shown, picture(content))
        waiting.clear()
      missing = decoded.missing(holes.until, 1.5 * step)
    finally:
      self._report(counts, decoded, holes, missing)

  def _report(self, counts, decoded, holes, missing):
    # If no frame is missing, what is left are pauses.
    if decoded.complete and not decoded.damaged_packets:
      holes = Holes(holes.step)
    self.counts = {
      'frames': counts['frames'],
      'damaged_packets': decoded.damaged_packets,
      'damaged_frames': counts['damaged_frames'],
      'derived_times': counts['derived_times'],
      'clock_jumps': decoded.jumps,
      'holes': holes.count,
      'hole_seconds': holes.seconds,
      'missing_frames': round(missing * self.info.rate),
      'missing_seconds': missing,
    }
    texts = {
      'damaged_packets': '{} packets cannot be decoded; their frames are left '
      'out',
      'damaged_frames': '{} frames are damaged',
      'derived_times': '{} frames without a usable time stamp; placed between '
      'their neighbours',
      'clock_jumps': 'the clock jumps {} times; taken as unbroken',
      'holes': '{} holes without frames, '
      f'{holes.seconds:.2f} s in all (about '
      f'{round(holes.seconds * self.info.rate)} frames); frames were lost, or '
      'the recording paused',
      'missing_seconds': 'the last {:.2f} s are missing, '
      f'{self.counts["missing_frames"]} frames',
    }
    self.problems = [
      'video: ' + text.format(self.counts[key])
      for key, text in texts.items()
      if self.counts[key]
    ]
    if self.info.sound_path is None:
      with open_media(self.info.path) as media:
        self.problems += undecodable_audio(media)
    if decoded.error:
      self.problems.append(f'video: reading stopped ({decoded.error})')
