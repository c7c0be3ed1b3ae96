"""Which videos to predict, and the folder of each one's results."""

import collections
import pathlib

from dave_jax.media.frame_folder import IMAGE_SUFFIXES
from dave_jax.media.source import videos_in


def find_videos(paths: list[str]) -> list[str]:
  """Returns the paths, with the videos in it in place of a folder of videos.

  Raises:
    ValueError: A folder holds both videos and frames.
  """
  videos = []
  for path in map(pathlib.Path, paths):
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
