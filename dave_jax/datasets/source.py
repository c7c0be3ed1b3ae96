"""The interface of sources of clips, and helpers to find their files."""

import dataclasses
import fnmatch
import pathlib
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from dave_jax.datasets.gaze import Gaze
from dave_jax.media.frame_folder import IMAGE_SUFFIXES
from dave_jax.media.source import VIDEO_SUFFIXES

VIDEOS = VIDEO_SUFFIXES
IMAGES = frozenset(IMAGE_SUFFIXES)


@dataclasses.dataclass(frozen=True)
class SourceClip:
  """A clip in a folder of downloads.

  Attributes:
    name, source, split, category, gaze_kind: As in `schema`.
    picture: A video file, a folder of numbered frames, or, if `still`, an
      image.
    still: Whether the clip is a still image.
    sound: A file with the sound, which begins with the first frame; None uses
      the sound in `picture`, if any.
    silent: Viewers heard no sound, whatever the file holds.
    rate: Frames per second of a folder of frames; None for files.
    gaze: What `Source.gaze` reads; None if there is no gaze.
    density: A density map, or a folder of them; None if there is none.
    notes: Remarks for the report of the build.
  """

  name: str
  source: str
  split: str
  picture: pathlib.Path
  category: str = ''
  gaze_kind: str = 'eye'
  still: bool = False
  sound: pathlib.Path | None = None
  silent: bool = False
  rate: float | None = None
  gaze: pathlib.Path | None = None
  density: pathlib.Path | None = None
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Picture:
  """Properties of a clip's picture, known when its gaze is read.

  Attributes:
    height, width: Pixels.
    rate: Frames per second; 0 for a still image.
    duration: Seconds from the first frame to the end of the last; 0 for a still
      image.
  """

  height: int
  width: int
  rate: float
  duration: float = 0.0


class Source(Protocol):
  """A source of clips in one layout: a frozen dataclass of its settings."""

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    """Returns the complete clips, and a message for each problem found.

    Looks at file names only, except for tables that list clips.

    Raises:
      ValueError, OSError: Such a table cannot be read.
    """

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    """Reads the gaze of a clip.

    Raises:
      ValueError, OSError: It cannot be read.
    """


@runtime_checkable
class SyntheticSource(Source, Protocol):
  """A source that generates its clips, so that it needs no downloads.

  Its `find` ignores the root, which may be None.
  """

  def make(
    self, clip: SourceClip, folder: pathlib.Path, size: tuple[int, int]
  ) -> SourceClip:
    """Writes a clip's files and returns the clip with their paths.

    Args:
      clip: A clip that `find` returned.
      folder: An empty folder, which exists until the clip has been read.
      size: Height and width of frames as they will be stored.
    """


def find_below(root: pathlib.Path, *names: str) -> pathlib.Path | None:
  """Returns the first of `names` in `root` or in a folder of it, or None."""
  for name in names:
    if (root / name).exists():
      return root / name
  for folder in sorted(path for path in root.iterdir() if path.is_dir()):
    for name in names:
      if (folder / name).exists():
        return folder / name
  return None


def files_in(
  folder: pathlib.Path, suffixes: Iterable[str]
) -> list[pathlib.Path]:
  """Returns the files with one of `suffixes` (in any case), in natural order.

  Hidden files, such as the `._NAME` that macOS writes, are left out.
  """
  if not folder.is_dir():
    return []
  suffixes = frozenset(suffixes)
  return [
    path
    for path in sorted(folder.iterdir(), key=natural_order)
    if path.suffix.lower() in suffixes and path.name[0] != '.'
  ]


def files_by_stem(
  folder: pathlib.Path, suffixes: Iterable[str]
) -> dict[str, pathlib.Path]:
  """Returns {name without suffix: path} of `files_in`.

  Raises:
    ValueError: Two files differ only in their suffix.
  """
  found: dict[str, pathlib.Path] = {}
  for path in files_in(folder, suffixes):
    other = found.setdefault(path.stem, path)
    if other is not path:
      raise ValueError(
        f'{folder}: {other.name} and {path.name} differ only in their suffix; '
        'delete one'
      )
  return found


def numbered(folder: pathlib.Path, pattern: str) -> dict[int, pathlib.Path]:
  """Returns {last number in the name: path} of files, ascending.

  Args:
    folder: Where to look; without it, nothing is found.
    pattern: As for `fnmatch`; case is ignored.

  Raises:
    ValueError: Two files have the same number.
  """
  found: dict[int, pathlib.Path] = {}
  paths = sorted(folder.iterdir()) if folder.is_dir() else []
  for path in paths:
    digits = re.findall(r'\d+', path.stem)
    if (
      not digits
      or path.name[0] == '.'
      or not fnmatch.fnmatchcase(path.name.lower(), pattern.lower())
    ):
      continue
    other = found.setdefault(int(digits[-1]), path)
    if other is not path:
      raise ValueError(
        f'{folder}: {other.name} and {path.name} have the same number; delete '
        'one'
      )
  return dict(sorted(found.items()))


def by_frame(
  files: Mapping[int, pathlib.Path],
) -> tuple[pathlib.Path | None, ...]:
  """Returns files numbered from 1 as a file or None for each frame."""
  return tuple(files.get(n) for n in range(1, max(files, default=0) + 1))


def gaps(folder: pathlib.Path, pattern: str) -> list[str]:
  """Returns a message if files numbered from 1 are missing, else nothing."""
  present = numbered(folder, pattern)
  if not present:
    return [f'{folder / pattern} is missing']
  last = max(present)
  missing = [str(n) for n in range(1, last + 1) if n not in present]
  if not missing:
    return []
  return [
    f'{folder / pattern}: {len(missing)} of {last} numbers are missing: '
    f'{listing(missing)}'
  ]


def natural_order(path: pathlib.Path | str) -> list:
  """Returns a key that sorts clip_2 before clip_10."""
  name = path if isinstance(path, str) else path.name
  parts = re.split(r'(\d+)', name)
  return [int(p) if p.isdecimal() else p for p in parts]


def listing(names: Iterable[str], most: int = 8) -> str:
  """Returns the first few of many names, for a message."""
  names = list(names)
  rest = f' and {len(names) - most} more' if len(names) > most else ''
  return ', '.join(names[:most]) + rest


def seeded_splits(
  names: Sequence[str], seed: int, shares: tuple[float, float] = (0.1, 0.1)
) -> dict[str, str]:
  """Returns {name: 'train', 'val' or 'test'}, drawn at random.

  Args:
    names: All names; their order does not matter.
    seed: Seed of the drawing.
    shares: Shares of val and test, each rounded to whole names.
  """
  names = sorted(names)
  random.Random(seed).shuffle(names)
  val, test = (round(share * len(names)) for share in shares)
  splits = dict.fromkeys(names, 'train')
  splits.update(dict.fromkeys(names[:val], 'val'))
  splits.update(dict.fromkeys(names[val : val + test], 'test'))
  return splits
