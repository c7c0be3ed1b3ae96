"""Boxes around the sound sources on the screen, as a table.

  python -m dave_jax.datasets.boxes NAME --data_dir=DIR --out=boxes.csv

writes the table of a built data set whose records have boxes (`sounding_box`
of `schema`); `dave_jax.evaluate --boxes=boxes.csv` reads it. Columns: clip, the
clip's name; frame, its number in the clip, from 0; x0, y0, x1, y1, the left,
top, right and bottom edge in pixels of the original picture, from its top left
corner. A frame without a visible sound source has no row.
"""

import csv
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.datasets import store
from dave_jax.files import write_atomically

COLUMNS = ('clip', 'frame', 'x0', 'y0', 'x1', 'y1')
Row = tuple[str, int, float, float, float, float]


class Boxes:
  """Boxes around the sound sources in each frame.

  Attributes:
    name: File name of the table.
    of_frame: {(clip, frame): boxes [k, 4]: left, top, right, bottom in pixels
      of the original}.
  """

  def __init__(self, name: str, of_frame: dict[tuple[str, int], np.ndarray]):
    self.name = name
    self.of_frame = of_frame

  def inside(self, clip: str, frame: int, xy: np.ndarray) -> np.ndarray | None:
    """Returns which fixations xy [f, 2] lie in a box, bool [f].

    None where the frame has no box. The right and bottom edges are outside.
    """
    boxes = self.of_frame.get((clip, frame))
    if boxes is None:
      return None
    x, y = xy[:, :1], xy[:, 1:]
    left, top, right, bottom = boxes.T
    held = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return held.any(axis=1)


def read_boxes(path: str | os.PathLike) -> Boxes:
  """Reads a table of boxes.

  Raises:
    ValueError: A column is missing, a value is not a number, a box is empty,
      or there is no row.
    OSError: The file cannot be read.
  """
  found = defaultdict(list)
  with open(path, newline='', encoding='utf-8-sig') as file:
    reader = csv.DictReader(file)
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
      raise ValueError(
        f'{path}: expected the columns {", ".join(COLUMNS)}; missing: '
        f'{", ".join(missing)}'
      )
    for row in reader:
      place = f'{path}, line {reader.line_num}'
      try:
        frame = int(row['frame'])
        box = [float(row[column]) for column in COLUMNS[2:]]
      except (TypeError, ValueError) as error:
        raise ValueError(f'{place}: expected numbers; {error}') from error
      if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(
          f'{place}: expected x0 < x1 and y0 < y1, got the empty box {box}'
        )
      found[row['clip'], frame].append(box)
  if not found:
    raise ValueError(f'{path}: the table has no boxes')
  return Boxes(
    os.path.basename(path), {k: np.array(v) for k, v in found.items()}
  )


def dataset_boxes(dataset: store.Dataset) -> Iterator[Row]:
  """Yields the rows of all splits of a data set, in the order of clips."""
  for split in dataset.splits:
    records = dataset.records(split)
    for number in tqdm(range(len(records)), desc=split, unit='record'):
      record = records[number]
      clip, first = record['clip'].decode(), int(record['first_frame'])
      for place, box in zip(
        record['sounding_frame'].tolist(),
        record['sounding_box'].tolist(),
        strict=True,
      ):
        yield clip, first + place, *box


def write_boxes(path: str | os.PathLike, rows: Iterable[Row]) -> int:
  """Writes a table atomically and returns its number of rows.

  Raises:
    ValueError: There are no rows.
    OSError: The file cannot be written.
  """
  count = 0
  with write_atomically(path) as partial, partial.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for clip, frame, *box in rows:
      writer.writerow([clip, frame, *(f'{value:.2f}' for value in box)])
      count += 1
    if not count:
      raise ValueError('the data set has no sound-source boxes')
  return count


def main(argv: list[str] | None = None) -> int:
  """Writes the table and returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    dataset = store.open_dataset(args.data_dir, args.name)
    rows = write_boxes(args.out, dataset_boxes(dataset))
  except (ValueError, OSError) as error:
    print(f'boxes: {error}', file=sys.stderr)
    return FAILED
  print(f'Done: {rows} boxes in {args.out}')
  return DONE


def _parser():
  parser = make_parser('dave_jax.datasets.boxes', __doc__)
  add = parser.add_argument
  add('name', metavar='NAME', help='name of a built data set')
  add('--data_dir', required=True, help='folder of built data sets')
  add('--out', required=True, help='CSV file to write')
  return parser


if __name__ == '__main__':
  sys.exit(main())
