"""Media files: their streams, and decoded frames past whatever is damaged."""

import os
import pathlib
from collections.abc import Iterator

import av

from dave_jax.media.avi import ListedTimes
from dave_jax.media.picture import exif_orientation

# Seconds. Stamps that go back by more, or forward past the end of the file or
# by more than an hour, are those of another clock: of a recording that was
# restarted, files that were joined, or a counter that wrapped around.
_JUMP = 1.0
_LONGEST_HOLE = 3600.0
# PyAV 18 refuses metadata that is not UTF-8 unless told what to do with it; 19,
# for Python 3.12 and later, reads it without an argument.
_ANY_METADATA = (
  {'metadata_errors': 'replace'}
  if int(av.__version__.split('.')[0]) < 19
  else {}
)


def open_media(path: str | os.PathLike) -> av.container.InputContainer:
  """Opens a media file for reading.

  Raises:
    OSError: The file does not exist or may not be read.
    ValueError: FFmpeg does not recognise it.
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise FileNotFoundError(f'{path}: no such file')
  try:
    # 'file:' keeps a colon in the name from being taken for a protocol, and
    # the whitelist keeps a playlist from reaching for the network. A name that
    # is not UTF-8 cannot be passed to FFmpeg: it reads through Python instead.
    source = f'file:{path}' if is_utf8(path) else path.open('rb')
    return av.open(
      source, options={'protocol_whitelist': 'file'}, **_ANY_METADATA
    )
  except av.error.FFmpegError as error:
    if isinstance(error, PermissionError):
      raise
    raise ValueError(
      f'{path}: FFmpeg cannot read it ({error.strerror}); it is not a media '
      'file, or it was cut off before its index'
    ) from error


def is_utf8(path: str | os.PathLike) -> bool:
  """Returns whether a file name is valid UTF-8."""
  try:
    os.fspath(path).encode()
  except UnicodeEncodeError:
    return False
  return True


def video_stream(container, index: int | None) -> av.VideoStream:
  """Returns the video stream `index`, or the best one that can be decoded.

  Cover pictures do not count as video.

  Raises:
    ValueError: There is no such stream, or it has no decoder.
  """
  if index is not None:
    return _indexed(container, 'video', index)
  cover = av.stream.Disposition.attached_pic
  videos = [s for s in container.streams.video if not s.disposition & cover]
  decodable = [s for s in videos if s.codec_context]
  best = container.streams.best('video')
  if best in decodable:
    return best
  if not decodable:
    problem = 'no decoder for its video' if videos else 'no video stream'
    raise ValueError(
      f'{_name(container)}: has {problem}; {_listing(container)}'
    )
  return decodable[0]


def audio_stream(
  container, index: int | None, video: av.VideoStream | None = None
) -> av.AudioStream | None:
  """Returns the audio stream `index`, or the best one that can be decoded.

  Args:
    container: The file.
    index: Index of the stream; None prefers the one that belongs to `video`.
    video: The video stream.

  Returns:
    The stream; None if no audio stream has a decoder.

  Raises:
    ValueError: There is no such stream, or it has no decoder.
  """
  if index is not None:
    return _indexed(container, 'audio', index)
  decodable = [s for s in container.streams.audio if s.codec_context]
  best = container.streams.best('audio', related=video)
  return best if best in decodable else next(iter(decodable), None)


def undecodable_audio(container) -> list[str]:
  """Returns a problem for each audio stream that FFmpeg has no decoder for."""
  return [
    f'sound: no decoder for stream {stream.index}'
    for stream in container.streams.audio
    if not stream.codec_context
  ]


def _indexed(container, kind, index):
  for stream in getattr(container.streams, kind):
    if stream.index == index and stream.codec_context:
      return stream
  raise ValueError(
    f'{_name(container)}: stream {index} is not a {kind} stream that can be '
    f'decoded; {_listing(container)}'
  )


def _name(container):
  return container.name.removeprefix('file:')


def _listing(container):
  streams = [
    f'{s.index} {s.type} ({s.name if s.codec_context else "no decoder"})'
    for s in container.streams
  ]
  return f'its streams: {", ".join(streams) or "none"}'


def end_time(container) -> float | None:
  """Returns the second at which a file claims to end, or None."""
  if container.duration is None:
    return None
  return ((container.start_time or 0) + container.duration) / av.time_base


def stream_end_time(container, stream) -> float | None:
  """Returns the second at which a file claims that a stream ends, or None."""
  start = float((stream.start_time or 0) * stream.time_base)
  rate = stream.average_rate if stream.type == 'video' else None
  if container.format.name == 'avi' and stream.frames and rate:
    # FFmpeg shortens the duration of an AVI to the bytes that are there.
    return start + float(stream.frames / rate)
  if stream.duration is not None:
    return start + float(stream.duration * stream.time_base)
  return None


class _Clock:
  """Removes jumps from the time stamps of all streams of a file.

  Where a stream jumps, its later stamps are shifted so that it continues
  without a break. A stream that jumps by about the same takes the same shift,
  so that picture and sound stay as far apart as they are in the file.

  Attributes:
    jumps: {index of a stream: how often it jumped}.
  """

  def __init__(self, container):
    self.jumps = {}
    self._end = end_time(container)
    self._shifts = [0.0]  # Seconds; the first applies up to the first jump.
    self._in_force = {}  # {index of a stream: which shift it is at}
    self._reached = {}  # {index of a stream: second at which it continues}

  def correct(self, packet: av.Packet) -> None:
    """Shifts the stamps of a packet; packets come in the order of the file."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    if stamp is None or packet.stream.type not in ('video', 'audio'):
      return
    index, base = packet.stream.index, packet.time_base
    time = float(stamp * base)
    number = self._in_force.setdefault(index, len(self._shifts) - 1)
    reached = self._reached.get(index)
    if reached is not None and self._jumps(time, number, reached):
      self.jumps[index] = self.jumps.get(index, 0) + 1
      number = self._next(time, number, reached)
      self._in_force[index] = number
    shift = self._shifts[number]
    self._reached[index] = time + shift + float((packet.duration or 0) * base)
    if shift:
      ticks = round(shift / base)
      packet.pts = None if packet.pts is None else packet.pts + ticks
      packet.dts = None if packet.dts is None else packet.dts + ticks

  def _jumps(self, time, number, reached):
    step = time + self._shifts[number] - reached
    past_end = self._end is not None and time > self._end + _JUMP
    return step < -_JUMP or step > (_JUMP if past_end else _LONGEST_HOLE)

  def _next(self, time, number, reached):
    """Returns the number of the shift after a jump."""
    for other in range(number + 1, len(self._shifts)):
      if abs(time + self._shifts[other] - reached) <= _JUMP:
        return other
    self._shifts.append(reached - time)
    return len(self._shifts) - 1


class StreamFrames:
  """Iterates over the decoded frames of a stream; survives damaged packets.

  The time stamps of the frames are without jumps, see `_Clock`.

  Attributes:
    damaged_packets: How many packets could not be decoded so far.
    error: Why reading stopped before the end of the file, or None.
    decode_stamps: Whether the stamps of frames are those of decoding, so that
      they do not say in which order frames are shown (AVI).
    exif: Orientation in the Exif data of Motion JPEG, 1 to 8; 0 without.
  """

  def __init__(self, container: av.container.InputContainer, stream):
    self.damaged_packets = 0
    self.error: str | None = None
    self.decode_stamps = container.format.name == 'avi'
    self._container = container
    self._stream = stream
    self._clock = _Clock(container)
    self.exif = 0
    self._read_until = 0.0
    self._times = ListedTimes(container)
    self._positions: list[int] = []  # Of the packets of the stream.

  @property
  def jumps(self) -> int:
    """How often the clock of the stream jumped so far."""
    return self._clock.jumps.get(self._stream.index, 0)

  @property
  def complete(self) -> bool:
    """Whether an index of the file shows that no packet so far is missing.

    MP4 and MOV cannot be read otherwise. AVI can, and its index leaves out
    empty packets, which repeat a frame.
    """
    if 'mp4' in self._container.format.name.split(','):
      return True
    return self._times.complete(self._stream.index, self._positions)

  def __iter__(self) -> Iterator[av.VideoFrame | av.AudioFrame]:
    for packet in self.packets():
      yield from self.decode(packet)

  def decode(self, packet: av.Packet) -> list[av.VideoFrame | av.AudioFrame]:
    """Returns the frames that a packet completes; none if it is damaged."""
    try:
      return packet.decode()
    except av.error.FFmpegError:
      self.damaged_packets += 1
      return []

  def packets(self) -> Iterator[av.Packet]:
    """Yields the packets of the stream, up to an error or the end."""
    # All streams are read: jumps and the end of the file show in any of them.
    try:
      for packet in self._container.demux():
        self._times.correct(packet)
        self._clock.correct(packet)
        if packet.pts is not None:
          end = (packet.pts + (packet.duration or 0)) * packet.time_base
          self._read_until = max(self._read_until, float(end))
        # The packet that flushes the decoder has a stream but no index.
        if packet.stream is self._stream:
          if not self._positions and self._stream.name == 'mjpeg':
            self.exif = exif_orientation(bytes(packet))
          if packet.size and packet.pos is not None:
            self._positions.append(packet.pos)
          yield packet
    except av.error.FFmpegError as error:
      self.error = error.strerror

  def missing(self, end: float, tolerance: float) -> float:
    """Returns the seconds from `end` to where the stream should have ended.

    Zero if they are fewer than `tolerance`, if the file claims nothing, or if
    its clock jumps, so that its claim means nothing.
    """
    if self._clock.jumps:
      return 0.0
    promised = stream_end_time(self._container, self._stream)
    if promised is None:
      # The duration is that of the longest stream; this may be a shorter one.
      promised = end_time(self._container) or 0.0
      if self._read_until >= promised - tolerance:
        return 0.0
    return promised - end if promised - end > tolerance else 0.0
