"""Saliency maps stored as a video, as challenges take them."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange

from dave_jax.media.container import open_media

SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm')


def count_frames(path: os.PathLike) -> int:
  """Returns the number of frames of a video, without decoding them.

  Raises:
    ValueError: It cannot be read.
  """
  with _opened(path) as container:
    stream = container.streams.video[0]
    return sum(packet.size > 0 for packet in container.demux(stream))


def read_frames(
  path: os.PathLike, numbers: np.ndarray
) -> Iterator[np.ndarray | None]:
  """Yields frames of a video, with the numbers that FFmpeg's PNG files hold.

  Args:
    path: A video of 8 or more bits, grey or in colours.
    numbers: Which frames, ascending, from 0.

  Yields:
    Maps [h, w]: uint8 or uint16 of grey videos, else the mean of the colours,
    float64; None past the end.

  Raises:
    ValueError: It cannot be decoded.
  """
  wanted = iter(numbers.tolist())
  number = next(wanted, None)
  with _opened(path) as container:
    for index, frame in enumerate(container.decode(video=0)):
      if number is None:
        return
      if index == number:
        yield _grey(frame)
        number = next(wanted, None)
  while number is not None:
    yield None
    number = next(wanted, None)


def write_maps(
  path: os.PathLike, maps: Iterable[np.ndarray], *, rate: float, bits: int
) -> None:
  """Writes maps as grey H.264 without loss, each scaled to the full range.

  Args:
    path: The file.
    maps: The map of each frame in turn, [h, w] of one size and any range. A
      constant map is written as zeros.
    rate: Frames per second.
    bits: 8 or 10.

  Raises:
    OSError: It cannot be written.
  """
  kind, dtype = {8: ('gray', np.uint8), 10: ('gray10le', np.uint16)}[bits]
  with av.open(f'file:{path}', 'w', format='mp4') as container:
    stream = None
    for saliency in maps:
      if stream is None:
        rate = Fraction(rate).limit_denominator(100_000)
        stream = container.add_stream('libx264', rate=rate)
        stream.height, stream.width = saliency.shape
        stream.pix_fmt = kind
        stream.codec_context.color_range = ColorRange.JPEG
        stream.options = {'qp': '0', 'preset': 'veryfast'}
      low, high = float(saliency.min()), float(saliency.max())
      scaled = (saliency - low) * ((2**bits - 1) / ((high - low) or 1))
      pixels = np.rint(scaled).astype(dtype)
      frame = av.VideoFrame.from_ndarray(pixels, format=kind)
      container.mux(stream.encode(frame))
    if stream is not None:
      container.mux(stream.encode(None))


def size_and_rate(path: os.PathLike) -> tuple[tuple[int, int], float]:
  """Returns the height and width of a video, and its frames per second.

  Raises:
    ValueError: It cannot be read.
  """
  with _opened(path) as container:
    stream = container.streams.video[0]
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return (stream.height, stream.width), rate


def read_luma(path: os.PathLike) -> Iterator[np.ndarray]:
  """Yields the brightness of every frame, float32 [h, w] from 0 to 1.

  Of a grey video this is what `read_frames` gives, six times as fast.

  Raises:
    ValueError: It cannot be decoded, or its pixels are not stored as
      brightness and colour difference.
  """
  with _opened(path) as container:
    for frame in container.decode(video=0):
      yield _luma(path, frame)


@contextlib.contextmanager
def _opened(path):
  """Opens a video of maps; names it in errors of the block."""
  try:
    with open_media(path) as container:
      yield container
  except (av.error.FFmpegError, IndexError) as error:
    raise ValueError(f'{path}: expected a video of maps ({error})') from error


def _luma(path, frame):
  component = frame.format.components[0]
  if not component.is_luma or frame.format.is_big_endian:
    raise ValueError(
      f'{path}: expected grey or YUV video, got {frame.format.name}'
    )
  plane = frame.planes[0]
  dtype = np.dtype(np.uint8 if component.bits <= 8 else np.uint16)
  stored = np.frombuffer(plane, dtype).reshape(
    frame.height, plane.line_size // dtype.itemsize
  )
  luma = stored[:, : frame.width].astype(np.float32)
  unit = 2 ** (component.bits - 8)
  if frame.color_range == ColorRange.JPEG or frame.format.name[:4] == 'gray':
    return luma / (256 * unit - 1)
  return np.clip((luma - 16 * unit) / (219 * unit), 0, 1)


def _grey(frame):
  deep = max(component.bits for component in frame.format.components) > 8
  if frame.format.name.startswith('gray'):
    return frame.reformat(format='gray16le' if deep else 'gray').to_ndarray()
  pixels = frame.reformat(format='rgb48le' if deep else 'rgb24').to_ndarray()
  return pixels.mean(axis=2, dtype=np.float64)
