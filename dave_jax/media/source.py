"""Opens a video: a media file, an image, or a folder of images and a WAV."""

import os
import pathlib

from dave_jax.media.frame_folder import IMAGE_SUFFIXES, FolderReader
from dave_jax.media.video import VideoReader

# Files taken for videos where a folder of them is given. FFmpeg reads others,
# too, if they are named one by one.
VIDEO_SUFFIXES = frozenset(
  f'.{name}'
  for name in (
    *('3g2', '3gp', 'asf', 'avi', 'divx', 'dv', 'f4v', 'flv', 'gif', 'm2t'),
    *('m2ts', 'm2v', 'm4v', 'mjpeg', 'mjpg', 'mkv', 'mov', 'mp4', 'mpeg'),
    *('mpg', 'mts', 'mxf', 'ogm', 'ogv', 'rm', 'rmvb', 'ts', 'vob', 'webm'),
    *('wmv', 'y4m'),
  )
)


def videos_in(folder: str | os.PathLike) -> list[pathlib.Path]:
  """Returns the videos directly in a folder, sorted by name.

  Hidden files, such as the ._NAME files of macOS, are left out.
  """
  return sorted(
    path
    for path in pathlib.Path(folder).iterdir()
    if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith('.')
  )


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
  """Opens a video for reading; iterating over it yields its `Frame`s.

  Args:
    path: A file that FFmpeg reads, an image, or a folder of numbered images
      with at most one WAV.
    size: Height and width to resize to; None is the video's own.
    stream: Index of the video stream of a file.
    start: Second of the first frame to return; frames keep their indices. 0
      includes frames with negative times.
    end: Second to stop before; None is the end.
    lead: How many frames before `start` are returned as well.
    rate: Frames per second of a folder; None reads it from a folder's name
      that ends with it, such as `clip_25`.

  Raises:
    OSError: The file or folder does not exist.
    ValueError: It holds no video; the message says what to do.
  """
  path = pathlib.Path(path)
  image = path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES
  if path.is_dir() or image:
    if stream is not None:
      raise ValueError(
        f'{path}: stream {stream} of an image or folder; only media files have '
        'streams'
      )
    if not image or rate is None:
      return FolderReader(
        path, rate=rate, size=size, start=start, end=end, lead=lead
      )
  if rate is not None:
    raise ValueError(
      f'{path}: rate is for folders of images; a file has time stamps'
    )
  return VideoReader(
    path, size=size, stream=stream, start=start, end=end, lead=lead
  )
