"""Published splits: the list of DAVoS and the fold lists of STAViS."""

import csv
import dataclasses
import functools
import importlib.resources
import pathlib
import re
from collections.abc import Iterable

CATEGORIES = ('Nature', 'Social', 'Misc')


@dataclasses.dataclass(frozen=True)
class DavosClip:
  """A row of the official list of DAVoS.

  Attributes:
    name: A DIEM name, which ends in the size it was shown at; `clip_N` for clip
      N of Coutrot's database 1; `clip_e_N` for clip N of database 2.
    split: 'train', 'val' or 'test'.
    category: One of `CATEGORIES`; '' for clip_42, which the list omits. The
      list calls 'Misc' 'Other'.
    rate: Frames per second.
  """

  name: str
  split: str
  category: str
  rate: int

  @property
  def coutrot(self) -> tuple[int, int] | None:
    """(database, number) of a Coutrot clip, None for a DIEM clip."""
    match = re.fullmatch(r'clip_(e_)?(\d+)', self.name)
    if match is None:
      return None
    return (2 if match[1] else 1), int(match[2])


@functools.cache
def davos() -> tuple[DavosClip, ...]:
  """Returns the 151 clips of DAVoS with their official splits."""
  package = importlib.resources.files('dave_jax.datasets')
  with (package / 'davos.csv').open() as file:
    return tuple(
      DavosClip(row['name'], row['split'], row['category'], int(row['rate']))
      for row in csv.DictReader(file)
    )


@dataclasses.dataclass(frozen=True)
class ListedClip:
  """A clip in the fold lists of the STAViS release.

  Attributes:
    frames, rate: As listed.
    train, test: Folds in which the clip is in the training or test set; DIEM
      has only fold 1.
  """

  frames: int
  rate: float
  train: frozenset[int]
  test: frozenset[int]


def stavis(folder: pathlib.Path, name: str) -> dict[str, ListedClip]:
  """Reads the fold lists of a set in the STAViS release.

  Args:
    folder: `fold_lists/` of the release.
    name: Name of the set, such as 'Coutrot_db1'.

  Returns:
    {name of the clip: its entry}.

  Raises:
    FileNotFoundError: The set has no lists.
    ValueError: A line is not name, frames and rate.
  """
  clips: dict[str, ListedClip] = {}
  lists = sorted(folder.glob(f'{name}_list_*_fps.txt'))
  if not lists:
    raise FileNotFoundError(
      f'{folder}: expected {name}_list_train_1_fps.txt ...'
    )
  for path in lists:
    match = re.fullmatch(
      re.escape(name) + r'_list_(train|test)(?:_(\d))?_fps', path.stem
    )
    if match is None:
      continue
    fold = frozenset([int(match[2] or 1)])
    for line in filter(None, map(str.strip, path.read_text().splitlines())):
      try:
        clip, frames, rate = line.split()
        listed = clips.setdefault(
          clip, ListedClip(int(frames), float(rate), frozenset(), frozenset())
        )
      except ValueError as error:
        raise ValueError(
          f'{path}: expected name, frames and rate, got {line!r}'
        ) from error
      part = match[1]
      clips[clip] = dataclasses.replace(
        listed, **{part: getattr(listed, part) | fold}
      )
  return clips


def stavis_split(clip: ListedClip, folds: int) -> str:
  """Returns the split that a clip of the STAViS release is stored in.

  With one fold: 'train' or 'test'. With three, each clip is stored once, in a
  split named after its part in each fold, such as 'test1_train23'; `fold_split`
  lists the splits of one fold. In AVAD and SumMe, a fold's test clips are not
  the complement of its training clips.

  Args:
    clip: The clip.
    folds: Number of folds of the set.
  """
  if folds == 1:
    return 'train' if clip.train else 'test'
  parts = (('test', clip.test), ('train', clip.train))
  return '_'.join(
    part + ''.join(map(str, sorted(numbers)))
    for part, numbers in parts
    if numbers
  )


def fold_split(splits: Iterable[str], part: str, fold: int) -> str:
  """Returns the splits of one fold, joined with `+`.

  Args:
    splits: All splits of a data set, as `stavis_split` names them.
    part: 'train' or 'test'.
    fold: Number of the fold, from 1.

  Raises:
    ValueError: There is no such fold.
  """
  chosen = [
    split
    for split in splits
    if re.search(rf'{part}\d*{fold}', split) or split == part
  ]
  if not chosen:
    raise ValueError(
      f'no {part} split of fold {fold} among {", ".join(splits)}'
    )
  return '+'.join(chosen)
