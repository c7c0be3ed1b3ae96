"""A media file: its streams, and their frames past what is damaged."""

import os
import pathlib
from collections.abc import Iterator

import av


def open_media(path: str | os.PathLike) -> av.container.InputContainer:
  """Opens a media file for reading.

  Raises:
    OSError: There is no such file, or it may not be read.
    ValueError: FFmpeg does not know it.
  """
  if not pathlib.Path(path).exists():
    raise FileNotFoundError(f'{path}: no such file')
  try:
    # As 'file:', a name with a colon is no protocol; and a playlist may not
    # reach for the network.
    return av.open(
      f'file:{os.fspath(path)}',
      metadata_errors='replace',
      options={'protocol_whitelist': 'file'},
    )
  except av.error.FFmpegError as error:
    if isinstance(error, PermissionError):
      raise
    raise ValueError(
      f'{path}: FFmpeg cannot read it ({error.strerror}); it is no media file, '
      'or it was cut off before its index'
    ) from error


def video_stream(container, index: int | None) -> av.VideoStream:
  """Returns the video stream `index`; None is the one FFmpeg finds best.

  Cover pictures are no video.

  Raises:
    ValueError: There is no such stream.
  """
  if index is not None:
    return _indexed(container, 'video', index)
  attached = av.stream.Disposition.attached_pic
  moving = [s for s in container.streams.video if not s.disposition & attached]
  best = container.streams.best('video')
  if best in moving:
    return best
  if not moving:
    raise ValueError(
      f'{_name(container)}: has no video stream; {_listing(container)}'
    )
  return moving[0]


def audio_stream(
  container, index: int | None, video: av.VideoStream | None = None
) -> av.AudioStream | None:
  """Returns the audio stream `index`; None is the one that belongs to `video`.

  Raises:
    ValueError: There is no such stream.
  """
  if index is not None:
    return _indexed(container, 'audio', index)
  return container.streams.best('audio', related=video)


def _indexed(container, kind, index):
  for stream in getattr(container.streams, kind):
    if stream.index == index:
      return stream
  raise ValueError(
    f'{_name(container)}: stream {index} is no {kind} stream; '
    f'{_listing(container)}'
  )


def _name(container):
  return container.name.removeprefix('file:')


def _listing(container):
  streams = [
    f'{s.index} {s.type} ({s.name})'
    if s.codec_context
    else f'{s.index} {s.type}'
    for s in container.streams
  ]
  return f'its streams: {", ".join(streams) or "none"}'


def end_time(container) -> float | None:
  """Returns the second that a file says it ends at, None where it does not."""
  if container.duration is None:
    return None
  return ((container.start_time or 0) + container.duration) / av.time_base


def stream_end_time(container, stream) -> float | None:
  """Returns the second that a file says a stream ends at, None where not."""
  start = float((stream.start_time or 0) * stream.time_base)
  rate = stream.average_rate if stream.type == 'video' else None
  if container.format.name == 'avi' and stream.frames and rate:
    # FFmpeg shortens the duration of an AVI to the bytes that are there.
    return start + float(stream.frames / rate)
  if stream.duration is not None:
    return start + float(stream.duration * stream.time_base)
  if 'DURATION' in stream.metadata:  # Matroska and WebM; counts from 0.
    h, m, s = stream.metadata['DURATION'].split(':')
    return 3600 * int(h) + 60 * int(m) + float(s)
  return None


class StreamFrames:
  """Iterates over the decoded frames of a stream, past what is damaged.

  Attributes:
    damaged_packets: How many packets so far did not decode.
    error: Why reading the file stopped before its end; '' where it did not.
  """

  def __init__(self, container, stream):
    self.damaged_packets = 0
    self.error = ''
    self._container = container
    self._stream = stream
    self._read_until = 0.0  # Seconds, over all streams.
    stream.thread_type = 'AUTO'

  def __iter__(self) -> Iterator[av.VideoFrame | av.AudioFrame]:
    for packet in self.packets():
      try:
        frames = packet.decode()
      except av.error.FFmpegError:
        self.damaged_packets += 1
        continue
      yield from frames

  def missing(self, end: float, tolerance: float) -> float:
    """Returns the seconds from `end` to where the stream should have ended.

    Zero where they are fewer than `tolerance`, or the file promises nothing.
    """
    promised = stream_end_time(self._container, self._stream)
    if promised is None:
      # The longest stream makes the duration; this one may be shorter.
      promised = end_time(self._container) or 0.0
      if self._read_until >= promised - tolerance:
        return 0.0
    return promised - end if promised - end > tolerance else 0.0

  def packets(self) -> Iterator[av.Packet]:
    """Yields the packets of the stream, up to an error or the end."""
    # All streams are read: where the file ends is seen from them together.
    try:
      for packet in self._container.demux():
        if packet.pts is not None:
          end = (packet.pts + (packet.duration or 0)) * packet.time_base
          self._read_until = max(self._read_until, float(end))
        # The packet that flushes the decoder has a stream but no index.
        if packet.stream is self._stream:
          yield packet
    except av.error.FFmpegError as error:
      self.error = error.strerror
