"""Any folder of videos or images with a table of fixations."""

import csv
import dataclasses
import functools
import math
import pathlib

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.schema import POOLED
from dave_jax.datasets.source import (
  IMAGES,
  VIDEOS,
  Picture,
  SourceClip,
  files_in,
  gaps,
  listing,
  natural_order,
  numbered,
  seeded_splits,
)

_PARTS = ('train', 'val', 'test')


@dataclasses.dataclass(frozen=True)
class FolderSource:
  """A folder with videos, images or folders of frames, and fixations.csv.

  fixations.csv has columns name, frame or time, viewer, x, y, a row a fixation
  and frame: the file's name (with or without its suffix), the frame from 0 or
  seconds from the first frame (neither for images), any name of the viewer
  (empty: not known), pixels of the picture from its top left corner. Rows
  whose numbers are empty or NaN are left out and counted.

  clips.csv, if there, has columns name, split (train, val, test) and category;
  without it 80, 10 and 10 percent of the files are drawn. Density maps, if
  there, are maps/NAME.png of images and maps/NAME/00001.png of videos, numbered
  from 1. A folder of frames has a name that ends in its rate, as clip_25.

  Attributes:
    pixels_per_degree: One degree of visual angle, in pixels of the picture;
      fixations without a map are blurred by it.
    seed: Of the splits.
  """

  pixels_per_degree: float = 0.0
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    pictures = {
      path.name: path for path in files_in(root, (*VIDEOS, *IMAGES))
    } | {
      path.name: path
      for path in sorted(root.glob('*/'), key=natural_order)
      if path.name != 'maps' and not path.name.startswith('.')
    }
    table = root / 'fixations.csv'
    if not table.exists():
      return [], [f'{table} is missing']
    if not pictures:
      return [], [f'{root}: holds no videos or images']
    named = set(_table(table))
    stems = {pathlib.Path(name).stem: name for name in pictures}
    problems = []
    strays = sorted(named - set(pictures) - set(stems), key=natural_order)
    if strays:
      problems.append(
        f'{table}: names {len(strays)} files that are not there: '
        f'{listing(strays)}'
      )
    idle = [
      name
      for name, path in pictures.items()
      if name not in named and path.stem not in named
    ]
    if idle:
      problems.append(f'{table}: has no fixations of {listing(idle)}')
    splits, categories, odd = self._listed(root, stems)
    clips = []
    for stem, name in stems.items():
      if stem not in splits:
        continue
      density, lacking = _maps(root / 'maps', stem)
      odd += lacking
      clips.append(
        SourceClip(
          name=stem,
          source=root.resolve().name,
          split=splits[stem],
          category=categories.get(stem, ''),
          picture=pictures[name],
          still=pictures[name].suffix.lower() in IMAGES,
          gaze=table,
          density=density,
        )
      )
    if self.pixels_per_degree <= 0 and any(c.density is None for c in clips):
      odd.append(
        f'{root}: not every file has a map in maps/; give the pixels of a '
        'degree of visual angle, as --set pixels_per_degree=40'
      )
    return clips, problems + odd

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    tables = _table(clip.gaze)
    # Both ways of naming a file may be in one table.
    names = {clip.picture.name, clip.name} & set(tables)
    kept = [row for name in sorted(names) for row in tables[name].kept]
    density = ()
    if clip.density is not None and clip.density.is_dir():
      maps = numbered(clip.density, '*.png')
      density = tuple(maps.get(i) for i in range(1, max(maps) + 1))
    elif clip.density is not None:
      density = (clip.density,)
    viewers = sorted({viewer for _, viewer, _, _ in kept} - {''})
    numbers = {viewer: number for number, viewer in enumerate(viewers)}
    fixations = gaze_lib.no_fixations()
    if kept:
      fixations = Fixations(
        xy=np.array([row[2:] for row in kept], np.float64),
        when=np.array([row[0] for row in kept], np.float64),
        viewer=np.array(
          [numbers.get(row[1], POOLED) for row in kept], np.int32
        ),
        timed=any(tables[name].timed for name in names),
      )
    return Gaze(
      fixations=fixations,
      height=picture.height,
      width=picture.width,
      frames=None,
      viewers=len(viewers),
      density=density,
      sigma=self.pixels_per_degree,
      counts={'missing': sum(tables[name].missing for name in names)},
    )

  def _listed(self, root, stems):
    """Returns ({name: split}, {name: category}, problems)."""
    table = root / 'clips.csv'
    if not table.exists():
      return seeded_splits(list(stems), self.seed), {}, []
    splits, categories, problems = {}, {}, []
    with table.open(newline='') as file:
      reader = csv.DictReader(file)
      for row in reader:
        name = pathlib.Path(row.get('name') or '').stem
        if name not in stems:
          problems.append(f'{table}: no file {row.get("name")}')
        elif row.get('split') not in _PARTS:
          problems.append(
            f'{table}, line {reader.line_num}: split {row.get("split")!r}, '
            f'wanted one of {", ".join(_PARTS)}'
          )
        else:
          splits[name] = row['split']
          categories[name] = row.get('category') or ''
    unlisted = [name for name in stems if name not in splits]
    if unlisted:
      problems.append(f'{table}: gives no split of {listing(unlisted)}')
    return splits, categories, problems


@dataclasses.dataclass
class _Rows:
  """Rows (frame or time, viewer, x, y) of one file."""

  timed: bool
  kept: list[tuple[float, str, float, float]]
  missing: int = 0


@functools.lru_cache(maxsize=1)
def _table(path) -> dict[str, _Rows]:
  """Returns {name: its rows} of a table of fixations."""
  tables: dict[str, _Rows] = {}
  with path.open(newline='') as file:
    reader = csv.DictReader(file)
    columns = reader.fieldnames or []
    lacking = {'name', 'x', 'y'} - set(columns)
    if lacking or ('frame' in columns and 'time' in columns):
      raise ValueError(
        f'{path}: has columns {", ".join(columns) or "none"}; wanted name, '
        'frame or time, viewer, x, y'
      )
    when = next((c for c in ('frame', 'time') if c in columns), None)
    for row in reader:
      rows = tables.setdefault(row['name'], _Rows(when == 'time', []))
      try:
        numbers = [
          float(row[column] or 'nan') for column in (when, 'x', 'y') if column
        ]
      except (TypeError, ValueError) as error:
        raise ValueError(
          f'{path}, line {reader.line_num}: wanted numbers, got {row}'
        ) from error
      if not all(map(math.isfinite, numbers)):
        rows.missing += 1
        continue
      *moment, x, y = numbers
      rows.kept.append(
        (moment[0] if moment else 0.0, row.get('viewer') or '', x, y)
      )
  return tables


def _maps(folder, name):
  """Returns (map or folder of maps or None, problems)."""
  still, moving = folder / f'{name}.png', folder / name
  if still.exists():
    return still, []
  if moving.is_dir():
    lacking = gaps(moving, '*.png')
    return (None if lacking else moving), lacking
  return None, []


class Folder(SaliencyBuilder):
  """Videos or images of one's own."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='Your own videos or images with fixations.',
      source=FolderSource(),
      licence='Your own.',
    ),
  )
