"""Any folder of videos or images with a table of fixations."""

import dataclasses
import functools
import pathlib
import re
import unicodedata
from collections.abc import Iterable

from dave_jax.checks import check_choice
from dave_jax.datasets.builder import Config
from dave_jax.datasets.fixation_table import Units, read_fixations
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.schema import GAZE_KINDS
from dave_jax.datasets.source import (
  IMAGES,
  VIDEOS,
  Picture,
  SourceClip,
  by_frame,
  files_in,
  gaps,
  listing,
  natural_order,
  numbered,
  seeded_splits,
)
from dave_jax.datasets.tables import read_table

_PARTS = ('train', 'val', 'test')
_SMALL = 10  # Clips; a smaller set without clips.csv is all for testing.


@dataclasses.dataclass(frozen=True)
class FolderSource:
  """A folder with videos, images or folders of frames, and fixations.csv.

  fixations.csv has a row for each fixation and the columns name, the file (with
  or without its suffix); frame, counted from 0, or time, in seconds from the
  first frame (neither for images); duration, if fixations last for more than
  one frame; viewer, any name, or empty; x and y, pixels of the picture from its
  top left corner. Common other names of columns are understood, times in
  milliseconds and coordinates from 0 to 1 are recognised, and the report says
  so. Rows without numbers (empty, NA, a dot) are left out and counted.

  clips.csv, if present, has the columns name, split (train, val, test) and
  category. Without it, 80, 10 and 10 percent of the files are drawn at random;
  fewer than 10 files are all test. Density maps, if present, are maps/NAME.png
  of images and maps/NAME/00001.png of videos, numbered from 1. The name of a
  folder of frames ends in its frame rate, as clip_25.

  Attributes:
    pixels_per_degree: Pixels of the picture per degree of visual angle, the
      standard deviation that fixations without a map are blurred with.
    seed: Seed of the splits.
    time_unit: Unit of times and durations: s, ms, or auto.
    coordinates: pixels, shares (0 to 1 of the picture's width and height), or
      auto.
    gaze_kind: How gaze was recorded, eye or mouse.
  """

  pixels_per_degree: float = 0.0
  seed: int = 0
  time_unit: str = 'auto'
  coordinates: str = 'auto'
  gaze_kind: str = 'eye'

  def __post_init__(self):
    Units(self.time_unit, self.coordinates)  # Raises for other values.
    check_choice('gaze_kind', self.gaze_kind, GAZE_KINDS)

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    table = root / 'fixations.csv'
    if not table.exists():
      return [], [f'{table} is missing']
    files, found, problems = _named_clips(root, self._units)
    if not files.paths:
      return [], [f'{root}: no videos or images found']
    problems = [f'{table}: {problem}' for problem in problems]
    idle = [path.name for n, path in files.paths.items() if n not in found]
    if idle:
      problems.append(f'{table}: no fixations of {listing(idle)}')
    splits, categories, odd = self._splits(files)
    clips = []
    for name, path in files.paths.items():
      if name not in splits:
        continue
      density, missing = _maps(root / 'maps', path)
      odd += missing
      notes = ()
      if name in files.thumbnails:
        image = files.thumbnails[name]
        notes = (f'{image} was taken for a thumbnail of it and left out',)
      clips.append(
        SourceClip(
          name=name,
          source=_composed(root.resolve().name),
          split=splits[name],
          category=categories.get(name, ''),
          gaze_kind=self.gaze_kind,
          picture=path,
          still=_is_image(path),
          gaze=table,
          density=density,
          notes=notes,
        )
      )
    if self.pixels_per_degree <= 0 and any(c.density is None for c in clips):
      odd.append(
        f'{root}: not every file has a map in maps/; give the pixels per '
        'degree of visual angle, as --set pixels_per_degree=40'
      )
    return clips, problems + odd

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    table = read_fixations(clip.gaze, self._units)
    _, found, _ = _named_clips(clip.gaze.parent, self._units)
    fixations, viewers, counts, notes = table.gaze(
      found.get(clip.name, []), picture, self._units
    )
    density = ()
    if clip.density is not None and clip.density.is_dir():
      density = by_frame(numbered(clip.density, '*.png'))
    elif clip.density is not None:
      density = (clip.density,)
    return Gaze(
      fixations=fixations,
      height=picture.height,
      width=picture.width,
      frames=None,
      viewers=viewers,
      density=density,
      sigma=self.pixels_per_degree,
      counts=counts,
      notes=notes,
    )

  @property
  def _units(self):
    return Units(self.time_unit, self.coordinates)

  def _splits(self, files):
    """Returns ({name: split}, {name: category}, problems)."""
    names, table = list(files.paths), files.table
    if table is None:
      if len(names) < _SMALL:
        return dict.fromkeys(names, 'test'), {}, []
      return seeded_splits(names, self.seed), {}, []
    columns = {
      role: table.column(role, names_of)
      for role, names_of in (
        ('name', 'name file filename clip video image'),
        ('split', 'split part'),
        ('category', 'category class'),
      )
    }
    if columns['name'] is None or columns['split'] is None:
      raise ValueError(
        f'{table.path}: expected the columns name, split and category '
        f'(optional), got {", ".join(table.headers)}'
      )
    splits, categories, problems = {}, {}, []
    for line, values in table.rows:
      row = {role: values[c.index] for role, c in columns.items() if c}
      place = f'{table.path}, line {line}: '
      found, odd = files.resolve([row['name']])
      problems += [place + problem for problem in odd]
      split = row['split'].lower()
      if split not in _PARTS:
        problems.append(
          f'{place}expected a split of {", ".join(_PARTS)}, got '
          f"'{row['split']}'"
        )
        continue
      for name in found:
        if splits.get(name, split) != split:
          problems.append(f'{place}a second split of {name}')
        splits[name] = split
        categories[name] = row.get('category', '')
    unlisted = [name for name in names if name not in splits]
    if unlisted:
      problems.append(f'{table.path}: no split of {listing(unlisted)}')
    return splits, categories, problems


class _Clips:
  """The clips of a folder by their names.

  A clip's name is its file's without the suffix, in Unicode's composed form; or
  with it, if several files differ only in the suffix. An image beside one video
  of its name, as downloaders write them, is left out unless a table names it
  with its suffix.

  Attributes:
    paths: {name of the clip: path}, in natural order.
    thumbnails: {name of a video: file name of the image left out}.
    table: The table clips.csv; None if there is none.
  """

  def __init__(self, root: pathlib.Path, named: Iterable[str]):
    path = root / 'clips.csv'
    self.table = read_table(path) if path.exists() else None
    listed = self.table.rows if self.table else ()
    named = {*named, *(value for _, values in listed for value in values)}
    folders = (p for p in root.iterdir() if p.is_dir() and p.name[0] != '.')
    paths = files_in(root, VIDEOS | IMAGES) + sorted(
      (p for p in folders if p.name != 'maps'), key=natural_order
    )
    groups: dict[str, list[pathlib.Path]] = {}
    for path in paths:
      groups.setdefault(_stem(path), []).append(path)
    self.paths: dict[str, pathlib.Path] = {}
    self.thumbnails: dict[str, str] = {}
    self._clips: dict[str, list[str]] = {}  # Of each name in a table.
    for stem, group in groups.items():
      images = [p for p in group if _is_image(p)]
      spare = [p for p in images if _composed(p.name) not in named]
      if len(group) == 2 and len(images) == 1 and spare:
        group.remove(spare[0])
        self.thumbnails[stem] = spare[0].name
      for path in group:
        name = stem if len(group) == 1 else _composed(path.name)
        self.paths[name] = path
        for key in {stem, _composed(path.name)}:
          self._clips.setdefault(key, []).append(name)

  def resolve(
    self, names: Iterable[str]
  ) -> tuple[dict[str, list[str]], list[str]]:
    """Returns ({name of a clip: its names in a table}, problems)."""
    found: dict[str, list[str]] = {}
    unknown, problems = [], []
    for name in names:
      # Some programs store the path of the stimulus.
      clips = self._clips.get(name) or self._clips.get(_last_part(name), [])
      if len(clips) == 1:
        found.setdefault(clips[0], []).append(name)
      elif clips:
        problems.append(
          f"'{name}' may be {' or '.join(clips)}; give the name with its suffix"
        )
      else:
        unknown.append(name or '(empty)')
    if unknown:
      unknown.sort(key=natural_order)
      problems.append(
        f'names {len(unknown)} files that are missing: {listing(unknown)}'
      )
    return found, problems


def _named_clips(root, units):
  """Returns (clips, {name of a clip: its names in fixations.csv}, problems)."""
  paths = (root, root / 'fixations.csv', root / 'clips.csv')
  state = tuple(p.stat().st_mtime_ns for p in paths if p.exists())
  return _resolved(root, units, state)


@functools.lru_cache(maxsize=1)
def _resolved(root, units, state):
  del state  # A changed folder or table is read again.
  rows = read_fixations(root / 'fixations.csv', units).rows
  clips = _Clips(root, rows)
  return clips, *clips.resolve(rows)


def _stem(path):
  # The name of a folder may have dots, as clip_29.97, but has no suffix.
  return _composed(path.stem if path.is_file() else path.name)


def _last_part(name):
  return re.split(r'[/\\]', name)[-1]


def _is_image(path):
  return path.is_file() and path.suffix.lower() in IMAGES


def _composed(name):
  return unicodedata.normalize('NFC', name)


def _maps(folder, path):
  """Returns (map, or folder of maps, or None; problems)."""
  name = path.stem if path.is_file() else path.name
  for suffix in ('.png', '.PNG') if _is_image(path) else ():
    still = folder / f'{name}{suffix}'
    if still.is_file():
      return still, []
  moving = folder / name
  if moving.is_dir():
    missing = gaps(moving, '*.png')
    return (None if missing else moving), missing
  return None, []


FOLDER = Config(
  name='default',
  description='Your own videos or images with fixations.',
  source=FolderSource(),
  licence='Your own.',
  size='your own',
  download='Nothing.',
)
