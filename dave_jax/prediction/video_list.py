"""Which videos to predict, and the folder of each one's results."""

import collections
import csv
import pathlib

from dave_jax import buckets
from dave_jax.files import write_atomically
from dave_jax.media.frame_folder import IMAGE_SUFFIXES
from dave_jax.media.source import videos_in


def find_videos(paths: list[str]) -> list[str]:
  """Returns the paths, with the videos in it in place of a folder of videos.

  Patterns of a bucket, such as gs://BUCKET/*.mp4, stand for what they match.

  Raises:
    OSError: A bucket cannot be read.
    ValueError: A folder holds both videos and frames, or nothing matches.
  """
  videos = []
  for name in paths:
    if buckets.is_bucket(name):
      videos += _in_bucket(name)
      continue
    path = pathlib.Path(name)
    inside = videos_in(path) if path.is_dir() else []
    images = inside and [
      file.name
      for file in path.iterdir()
      if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != '.'
    ]
    if images:
      raise ValueError(
        f'{path}: expected videos or the frames of one, got both ('
        f'{inside[0].name}, {images[0]}); name the videos one by one'
      )
    videos += map(str, inside or [path])
  return list(dict.fromkeys(videos))


def _is_pattern(path):
  return any(character in path for character in '*?[')


def _in_bucket(path):
  if not _is_pattern(path):
    return [path]
  found = buckets.matches(path)
  if not found:
    raise ValueError(f'{path}: expected a pattern of videos, got no match')
  return found


def read_list(path: str | None) -> list[str]:
  """Returns the paths in a text file, one in a line.

  Empty lines, and lines that begin with #, are left out. Relative paths are
  relative to the current folder, as `find` and `ls` write them.

  Args:
    path: The file, or a pattern of videos in a bucket, which is returned; None
      gives no paths.

  Raises:
    OSError: The file cannot be read.
    ValueError: It is not a text file in UTF-8, or names no video.
  """
  if path is None:
    return []
  if buckets.is_bucket(path) and _is_pattern(path):
    return [path]
  try:
    lines = buckets.read_text(path).splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(
      f'{path}: expected a text file of paths, one in a line; {error}'
    ) from error
  lines = [line.strip() for line in lines]
  videos = [line for line in lines if line and not line.startswith('#')]
  if not videos:
    raise ValueError(f'{path}: expected paths, one in a line; got none')
  return videos


def take_share(videos: list[str], index: int, count: int) -> list[str]:
  """Returns every `count`-th video, beginning with number `index`.

  Raises:
    ValueError: Not 0 <= index < count.
  """
  if not 0 <= index < count:
    raise ValueError(
      'expected --process_index from 0 to --process_count - 1, got index '
      f'{index} of {count}'
    )
  return videos[index::count]


def write_failures(path: pathlib.Path, failures: dict[str, str]) -> None:
  """Writes a CSV of the videos that failed; removes an earlier one if none."""
  if not failures:
    path.unlink(missing_ok=True)
    return
  with write_atomically(path) as partial, partial.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(('video', 'error'))
    writer.writerows(failures.items())


def assign_folders(
  videos: list[str], out: pathlib.Path
) -> dict[str, pathlib.Path]:
  """Returns {video: folder of its results}.

  Folders are named after the video without its suffix, or with it where two
  would have the same name.

  Raises:
    ValueError: Two videos have the same name.
  """
  paths = {video: pathlib.Path(video).absolute() for video in videos}
  # The name of a folder of frames has no suffix: in clip_29.97, .97 is none.
  short = {v: p.name if p.is_dir() else p.stem for v, p in paths.items()}
  counts = collections.Counter(short.values())
  names = {
    v: p.name if counts[short[v]] > 1 else short[v] for v, p in paths.items()
  }
  counts = collections.Counter(names.values())
  same = [video for video in videos if counts[names[video]] > 1]
  if same:
    raise ValueError(
      f'{" and ".join(same)} would both be written to {out / names[same[0]]}; '
      'use another --out for one of them'
    )
  return {video: out / name for video, name in names.items()}
