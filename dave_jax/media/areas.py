"""Areas of interest: named rectangles in a video, as CSV or JSON.

CSV has the columns clip, frame, x0, y0, x1, y1 and, if areas have names, area.
JSON is what the page of a prediction saves:

  {"format": "dave-jax areas 1", "clip": "street", "width": 1280,
   "height": 720, "areas": [{"name": "face", "x0": 3, "y0": 4, "x1": 90,
   "y1": 88}]}

x0, y0, x1, y1 are the left, top, right and bottom edge in pixels of the
original picture, from its top left corner. An empty frame stands for every
frame of the clip.
"""

import csv
import dataclasses
import json
import os
import pathlib
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

COLUMNS = ('clip', 'frame', 'x0', 'y0', 'x1', 'y1')
FORMAT = 'dave-jax areas 1'
_EDGES = COLUMNS[2:]


@dataclasses.dataclass(frozen=True)
class Area:
  """A rectangle in one frame, or in all frames, of a clip.

  Attributes:
    clip: Name of the clip.
    frame: Number of the frame, from 0; None is every frame.
    name: Name of the area; '' if it has none.
    box: Left, top, right and bottom edge in pixels of the original.
  """

  clip: str
  frame: int | None
  name: str
  box: tuple[float, float, float, float]


def read_areas(path: str | os.PathLike) -> list[Area]:
  """Reads areas of interest.

  Args:
    path: A JSON file, or a CSV file of any other suffix.

  Raises:
    ValueError: It is no such file, a value is not a number, an area is empty,
      or there are none.
    OSError: The file cannot be read.
  """
  path = pathlib.Path(path)
  read = _read_json if path.suffix.lower() == '.json' else _read_csv
  areas = [_area(*found) for found in read(path)]
  if not areas:
    raise ValueError(f'{path}: expected one or more areas, got none')
  return areas


def areas_of(
  video: str | os.PathLike, path: str | os.PathLike | None
) -> tuple[list[Area], list[str]]:
  """Returns the areas of a file that hold for a video.

  These are the areas of a clip of the video's name, with or without suffix, or
  of no name.

  Args:
    video: The video.
    path: The file; None has no areas.

  Returns:
    The areas, and a note if there are none in the file.

  Raises:
    ValueError, OSError: The file cannot be read, or an area holds for a single
      frame.
  """
  if path is None:
    return [], []
  names = {pathlib.Path(video).name, pathlib.Path(video).stem, ''}
  names = {unicodedata.normalize('NFC', name) for name in names}
  every = read_areas(path)
  chosen = [a for a in every if unicodedata.normalize('NFC', a.clip) in names]
  for area in chosen:
    if area.frame is not None:
      raise ValueError(
        f'{path}: expected areas that hold for every frame, got one of frame '
        f'{area.frame}; leave the column frame empty'
      )
  if chosen:
    return chosen, []
  clips = ', '.join(list(dict.fromkeys(a.clip for a in every))[:3])
  return [], [f'aoi: {path} has areas of other videos only, such as {clips}']


def shares(
  areas: Sequence[Area], maps: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
  """Returns the share of each map that lies in each area, float64 [n, areas].

  Each value of a map is spread evenly over its cell, so that areas may cut
  through cells. The share of a map of zeros is NaN.

  Args:
    areas: The areas; their frames are ignored.
    maps: [n, h, w], not negative.
    size: Height and width of the video.
  """
  totals = maps.sum(axis=(1, 2), dtype=np.float64)
  totals[totals == 0] = np.nan
  inside = np.empty((len(maps), len(areas)))
  for column, area in enumerate(areas):
    x0, y0, x1, y1 = area.box
    rows = _cover(y0, y1, size[0], maps.shape[1])
    columns = _cover(x0, x1, size[1], maps.shape[2])
    inside[:, column] = maps @ columns @ rows
  return inside / totals[:, None]


def _cover(low, high, extent, cells):
  """Returns how much of each of the equal cells of an axis is covered."""
  edges = np.arange(cells + 1) * (extent / cells)
  overlap = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
  return np.maximum(0, overlap) * (cells / extent)


def _read_csv(path):
  """Yields (place, name, row) of each row."""
  with path.open(newline='', encoding='utf-8-sig') as file:
    reader = csv.DictReader(file)
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
      raise ValueError(
        f'{path}: expected the columns {", ".join(COLUMNS)}; missing: '
        f'{", ".join(missing)}'
      )
    for row in reader:
      yield f'{path}, line {reader.line_num}', row.get('area') or '', row


def _read_json(path):
  """Yields (place, name, row) of each area."""
  try:
    content = json.loads(path.read_text(encoding='utf-8'))
  except ValueError as error:
    raise ValueError(f'{path}: expected JSON, got {error}') from error
  if not isinstance(content, Mapping) or content.get('format') != FORMAT:
    raise ValueError(
      f"{path}: expected the format '{FORMAT}'; save the areas again from the "
      'page of a prediction'
    )
  for number, area in enumerate(content.get('areas', []), 1):
    row = {'clip': content.get('clip', ''), 'frame': ''} | area
    yield f'{path}, area {number}', str(area.get('name', '')), row


def _area(place, name, row) -> Area:
  try:
    frame = int(row['frame']) if row['frame'] not in ('', None) else None
    box = tuple(float(row[edge]) for edge in _EDGES)
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f'{place}: expected numbers; {error}') from error
  if not (box[0] < box[2] and box[1] < box[3]):
    raise ValueError(
      f'{place}: expected x0 < x1 and y0 < y1, got the empty box {list(box)}'
    )
  return Area(str(row['clip']), frame, name, box)
