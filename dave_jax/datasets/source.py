"""What a reader of a source hands over: its clips and what it lacks."""

import dataclasses
import pathlib
import random
import re
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from dave_jax.datasets.gaze import Gaze

VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.mpeg', '.m4v')
IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')


@dataclasses.dataclass(frozen=True)
class SourceClip:
  """A clip as it lies on disk.

  Attributes:
    name, source, split, category: As in `schema`.
    picture: A video file, a folder of numbered frames, or, if `still`, an
      image.
    still: Whether it is a still image.
    sound: A file that holds the sound, which begins with the first frame; None
      is the sound in `picture`, if any.
    silent: No sound was heard, whatever the file holds.
    rate: Frames per second of a folder; None for files.
    gaze: What `Source.gaze` reads; None where there is none.
    density: A density map, or a folder of them; None where there is none.
  """

  name: str
  source: str
  split: str
  picture: pathlib.Path
  category: str = ''
  still: bool = False
  sound: pathlib.Path | None = None
  silent: bool = False
  rate: float | None = None
  gaze: pathlib.Path | None = None
  density: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Picture:
  """What is known of a clip's picture when its gaze is read.

  Attributes:
    height, width: Pixels.
    rate: Frames per second; 0 for a still image.
  """

  height: int
  width: int
  rate: float


class Source(Protocol):
  """A source of clips in one layout: a frozen dataclass of its settings."""

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    """Returns the clips that are whole, and all that is missing or odd.

    Looks at names, not into files.
    """

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    """Reads what people looked at.

    Raises:
      ValueError, OSError: It cannot be read.
    """


@runtime_checkable
class SyntheticSource(Source, Protocol):
  """A source that makes its clips up: it needs no downloads.

  Its `find` takes any root, None too.
  """

  def make(
    self, clip: SourceClip, folder: pathlib.Path, size: tuple[int, int]
  ) -> SourceClip:
    """Writes a clip's files and returns it with where they are.

    Args:
      clip: As `find` gave it.
      folder: An empty folder, there until the clip is read.
      size: Height and width of frames as they will be stored.
    """


def place_of(root: pathlib.Path, *names: str) -> pathlib.Path | None:
  """Returns the first of `names` in `root` or one folder below, or None."""
  for name in names:
    if (root / name).exists():
      return root / name
  for folder in sorted(path for path in root.iterdir() if path.is_dir()):
    for name in names:
      if (folder / name).exists():
        return folder / name
  return None


def files_of(folder: pathlib.Path, suffixes: Iterable[str]) -> dict:
  """Returns {name without suffix: path} of files, in the order of names.

  Names that begin with a dot are left out: systems leave them behind.
  """
  if not folder.is_dir():
    return {}
  suffixes = tuple(suffixes)
  return {
    path.stem: path
    for path in sorted(folder.iterdir(), key=natural_order)
    if path.suffix.lower() in suffixes and not path.name.startswith('.')
  }


def numbered(folder: pathlib.Path, pattern: str) -> dict[int, pathlib.Path]:
  """Returns {last number in the name: path} of the files that match."""
  paths = [path for path in folder.glob(pattern) if path.name[0] != '.']
  numbers = {path: re.findall(r'\d+', path.stem) for path in paths}
  return {int(numbers[path][-1]): path for path in paths if numbers[path]}


def gaps(folder: pathlib.Path, pattern: str) -> list[str]:
  """Returns what is missing of files numbered from 1, as messages."""
  present = numbered(folder, pattern)
  if not present:
    return [f'{folder / pattern} is missing']
  lacking = sorted(set(range(1, max(present) + 1)) - set(present))
  if not lacking:
    return []
  return [
    f'{folder / pattern} lacks {len(lacking)} of {max(present)} numbers: '
    f'{listing([str(number) for number in lacking])}'
  ]


def natural_order(path: pathlib.Path | str) -> list:
  """Returns a key that sorts clip_2 before clip_10."""
  name = path if isinstance(path, str) else path.name
  parts = re.split(r'(\d+)', name)
  return [int(p) if p.isdigit() else p for p in parts]


def listing(things: Sequence[str], most: int = 8) -> str:
  """Returns the first few of many names, for a message."""
  things = list(things)
  rest = f' and {len(things) - most} more' if len(things) > most else ''
  return ', '.join(things[:most]) + rest


def seeded_splits(
  names: Sequence[str], seed: int, shares: tuple[float, float] = (0.1, 0.1)
) -> dict[str, str]:
  """Returns {name: 'train', 'val' or 'test'}, drawn with a seed.

  Args:
    names: All names; their order does not matter.
    seed: Of the drawing.
    shares: Of val and test, each rounded to whole names.
  """
  names = sorted(names)
  random.Random(seed).shuffle(names)
  val, test = (round(share * len(names)) for share in shares)
  splits = dict.fromkeys(names, 'train')
  splits.update(dict.fromkeys(names[:val], 'val'))
  splits.update(dict.fromkeys(names[val : val + test], 'test'))
  return splits
