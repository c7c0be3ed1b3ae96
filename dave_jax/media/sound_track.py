"""The sound of a video, carried over into another file."""

import io
import os
from collections.abc import Iterator

import av

from dave_jax.media.container import StreamFrames, audio_stream, open_media

# Codecs that players expect in an MP4; others become AAC.
_COPIED = frozenset(['aac', 'mp3', 'ac3', 'eac3', 'alac', 'flac', 'opus'])
_AAC_FRAME = 1024  # Samples.


class SoundTrack:
  """Copies sound into an MP4 piece by piece; encodes it where it has to.

  Encoded sound is mono or stereo; holes are filled with silence.
  """

  def __init__(
    self,
    output: av.container.OutputContainer,
    path: str | os.PathLike,
    stream: int | None,
    begin: float,
  ):
    """Adds a stream to a file of which nothing is written yet.

    Args:
      output: The file to write.
      path: The file that holds the sound.
      stream: Index of the stream there; None is the best one.
      begin: Second of the sound that becomes 0.
    """
    self._output = output
    self._media = open_media(path)
    self._begin = begin
    self._unstamped = 0
    source = audio_stream(self._media, stream)
    if _can_copy(source):
      track = output.add_stream_from_template(source)
      self._packets = self._copied(source, track)
    else:
      rate = 44_100 if 44_100 % source.rate == 0 else 48_000
      layout = 'mono' if source.channels == 1 else 'stereo'
      track = output.add_stream('aac', rate=rate, layout=layout)
      self._packets = self._encoded(source, track)
    self._next = None

  @property
  def problems(self) -> list[str]:
    """What was left out of the sound so far, as text."""
    if not self._unstamped:
      return []
    return [
      f'overlay: {self._unstamped} pieces of sound without a time stamp are '
      'left out'
    ]

  def write_until(self, second: float) -> None:
    """Writes the sound from where it stopped to `second` of the output."""
    while self._next is not None or self._advance():
      if self._next.pts * self._next.time_base >= second:
        return
      self._output.mux(self._next)
      self._next = None

  def close(self) -> None:
    """Closes the file that holds the sound."""
    self._packets.close()
    self._media.close()

  def _advance(self) -> bool:
    self._next = next(self._packets, None)
    return self._next is not None

  def _copied(self, source, track) -> Iterator[av.Packet]:
    shift = round(self._begin / source.time_base)
    last = None
    for packet in StreamFrames(self._media, source).packets():
      if packet.pts is None or packet.dts is None:
        self._unstamped += packet.size > 0  # The last packet is empty.
        continue
      packet.pts -= shift
      packet.dts -= shift
      # Decoders start one packet early, with the one that ends at 0.
      early = packet.pts + packet.duration < 0
      if early or (last is not None and packet.dts <= last):
        continue
      last = packet.dts
      packet.stream = track
      yield packet

  def _encoded(self, source, track) -> Iterator[av.Packet]:
    graph = None
    for frame in StreamFrames(self._media, source):
      if frame.pts is None:
        self._unstamped += 1
        continue
      frame.pts -= round(self._begin / frame.time_base)
      if frame.pts * frame.time_base + frame.samples / frame.sample_rate <= 0:
        continue
      if graph is None:
        graph = _continuous(frame, track)
      graph.push(frame)
      for piece in _pulled(graph):
        yield from track.encode(piece)
    if graph is not None:
      graph.push(None)
      for piece in _pulled(graph):
        yield from track.encode(piece)
    yield from track.encode(None)


def _can_copy(source) -> bool:
  """Returns whether an MP4 takes the packets of a stream as they are."""
  codec = source.codec_context.codec
  if codec is None or codec.canonical_name not in _COPIED:
    return False
  try:
    # The muxer knows what it does not take, such as MP3 below 16 kHz.
    with av.open(io.BytesIO(), 'w', format='mp4') as trial:
      trial.add_stream_from_template(source)
      trial.start_encoding()
  except (av.error.FFmpegError, ValueError):
    return False
  return True


def _continuous(frame, track):
  """Returns a filter graph from frames like `frame` to those of an encoder.

  Its output begins at 0 and follows the time stamps: holes are filled, overlaps
  cut.
  """
  graph = av.filter.Graph()
  graph.link_nodes(
    graph.add_abuffer(
      sample_rate=frame.sample_rate,
      format=frame.format.name,
      layout=frame.layout.name,
      time_base=frame.time_base,
    ),
    graph.add('aresample', f'{track.rate}:async=1:first_pts=0'),
    graph.add(
      'aformat', f'sample_fmts=fltp:channel_layouts={track.layout.name}'
    ),
    graph.add('asetnsamples', f'n={_AAC_FRAME}:p=0'),
    graph.add('abuffersink'),
  ).configure()
  return graph


def _pulled(graph):
  while True:
    try:
      yield graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
      return
