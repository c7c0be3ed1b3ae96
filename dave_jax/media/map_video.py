"""Saliency maps stored as a video, as challenges take them."""

import os
from collections.abc import Iterator

import av
import numpy as np

from dave_jax.media.container import open_media

SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm')


def count_frames(path: os.PathLike) -> int:
  """Returns the number of frames of a video, without decoding them.

  Raises:
    ValueError: It cannot be read.
  """
  try:
    with open_media(path) as container:
      stream = container.streams.video[0]
      return sum(packet.size > 0 for packet in container.demux(stream))
  except (av.error.FFmpegError, IndexError) as error:
    raise ValueError(f'{path}: expected a video of maps ({error})') from error


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
  try:
    with open_media(path) as container:
      for index, frame in enumerate(container.decode(video=0)):
        if number is None:
          return
        if index == number:
          yield _grey(frame)
          number = next(wanted, None)
  except (av.error.FFmpegError, IndexError) as error:
    raise ValueError(f'{path}: expected a video of maps ({error})') from error
  while number is not None:
    yield None
    number = next(wanted, None)


def _grey(frame):
  deep = max(component.bits for component in frame.format.components) > 8
  if frame.format.name.startswith('gray'):
    return frame.reformat(format='gray16le' if deep else 'gray').to_ndarray()
  pixels = frame.reformat(format='rgb48le' if deep else 'rgb24').to_ndarray()
  return pixels.mean(axis=2, dtype=np.float64)
