"""One way to open a video, be it a file or a folder of frames and a WAV."""

import os
import pathlib

from dave_jax.media.frame_folder import FolderReader
from dave_jax.media.video import VideoReader


def open_source(
  path: str | os.PathLike,
  *,
  size: tuple[int, int] | None = None,
  stream: int | None = None,
  start: float = 0.0,
  end: float | None = None,
  lead: int = 0,
  rate: float | None = None,
) -> VideoReader | FolderReader:
  """Opens a video for reading; iterating gives its `Frame`s.

  Args:
    path: A file that FFmpeg reads, or a folder of numbered images.
    size: Height and width to resize to; None is the video's own.
    stream: Index of the video stream of a file.
    start: First second to give; frames keep their numbers.
    end: Second to stop before; None is the end.
    lead: How many frames before `start` are given as well.
    rate: Frames per second of a folder; None reads it of a name that ends as
      `_25`.

  Raises:
    OSError: There is no such file or folder.
    ValueError: It holds no video; the message says what to do.
  """
  if pathlib.Path(path).is_dir():
    if stream is not None:
      raise ValueError(f'{path}: is a folder, which has no stream {stream}')
    return FolderReader(
      path, rate=rate, size=size, start=start, end=end, lead=lead
    )
  if rate is not None:
    raise ValueError(
      f'{path}: is a file, which has time stamps; rate is for folders'
    )
  return VideoReader(
    path, size=size, stream=stream, start=start, end=end, lead=lead
  )
