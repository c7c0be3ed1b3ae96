"""Submissions to challenges: a zip with a video of maps for each video."""

import os
import pathlib
import tempfile
import zipfile
from collections.abc import Mapping

from dave_jax.buckets import local_file
from dave_jax.files import write_atomically
from dave_jax.media import map_video
from dave_jax.media.source import VIDEO_SUFFIXES
from dave_jax.media.video import probe


def submit(
  path: str | os.PathLike,
  folders: Mapping[str, pathlib.Path],
  sample: str | os.PathLike | None,
) -> None:
  """Writes the zip of predictions; see `write_submission`.

  Args:
    path: The zip.
    folders: {video: folder of its results}, each with a video of maps.
    sample: A sample submission to check names, frames and sizes against; None
      checks against the videos.
  """
  videos = {folder.name: video for video, folder in folders.items()}
  write_submission(
    path,
    {name: folders[video] / f'{name}.mp4' for name, video in videos.items()},
    describe_videos(videos) if sample is None else describe_sample(sample),
  )


def write_submission(
  path: str | os.PathLike,
  maps: Mapping[str, pathlib.Path],
  expected: Mapping[str, tuple[int, tuple[int, int]]],
) -> None:
  """Writes a zip of videos of maps after checking them.

  Args:
    path: The zip.
    maps: {name of a clip: its video of maps}.
    expected: {name of a clip: (number of frames, (height, width))}, as
      `describe_videos` or `describe_sample` return it.

  Raises:
    ValueError: A clip is missing or unknown, or a video has another number of
      frames or size; lists all of them. No zip is written.
    OSError: A file cannot be read or written.
  """
  problems = [f'{name}: no maps' for name in expected if name not in maps]
  problems += [
    f'{name}: not among the {len(expected)} clips expected'
    for name in maps
    if name not in expected
  ]
  for name, video in maps.items():
    if name not in expected:
      continue
    frames, size = expected[name]
    found = _describe(video)
    if found[0] != frames:
      problems.append(f'{name}: expected {frames} frames, got {found[0]}')
    if found[1] != size:
      problems.append(
        f'{name}: expected {_shown(size)}, got {_shown(found[1])}'
      )
  if problems:
    raise ValueError(
      f'{path}: not written, {len(problems)} problems; predict these clips '
      'again with --overwrite:\n  ' + '\n  '.join(problems)
    )
  # Videos are compressed already.
  with (
    write_atomically(path) as partial,
    zipfile.ZipFile(partial, 'w', zipfile.ZIP_STORED) as archive,
  ):
    for name, video in sorted(maps.items()):
      archive.write(video, f'{name}.mp4')


def describe_videos(
  videos: Mapping[str, str | os.PathLike],
) -> dict[str, tuple[int, tuple[int, int]]]:
  """Returns {name: (number of frames, (height, width))} of video files.

  Raises:
    ValueError: A file is not a video.
    OSError: A file cannot be read.
  """
  described = {}
  for name, path in videos.items():
    with local_file(os.fspath(path)) as file:
      info = probe(file)  # Upright, as maps are.
      count = map_video.count_frames(file)
    described[name] = count, (info.height, info.width)
  return described


def describe_sample(
  path: str | os.PathLike,
) -> dict[str, tuple[int, tuple[int, int]]]:
  """Returns the same of a sample submission, a folder or a zip of videos.

  Raises:
    ValueError: It holds no videos, or is no zip.
    OSError: It cannot be read.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    found = [p for p in path.rglob('*') if p.suffix.lower() in VIDEO_SUFFIXES]
    return _named(path, {p.stem: _describe(p) for p in found})
  described = {}
  try:
    with (
      zipfile.ZipFile(path) as archive,
      tempfile.TemporaryDirectory() as folder,
    ):
      for member in archive.infolist():
        name = pathlib.PurePosixPath(member.filename)
        if name.suffix.lower() in VIDEO_SUFFIXES and name.name[0] != '.':
          video = pathlib.Path(folder, f'sample{name.suffix}')
          video.write_bytes(archive.read(member))
          described[name.stem] = _describe(video)
  except zipfile.BadZipFile as error:
    raise ValueError(
      f'{path}: expected a folder or a zip of videos ({error})'
    ) from error
  return _named(path, described)


def _named(path, described):
  if not described:
    raise ValueError(f'{path}: expected a sample submission, got no videos')
  return described


def _describe(path):
  size, _ = map_video.size_and_rate(path)
  return map_video.count_frames(path), size


def _shown(size):
  return f'{size[1]} x {size[0]} pixels'
