"""Boxes around the sound sources on the screen, as a table.

  python -m dave_jax.datasets.boxes NAME --data_dir=DIR --out=boxes.csv

writes the table of a built data set whose records have boxes (`sounding_box`
of `schema`); `dave_jax.evaluate --boxes=boxes.csv` reads it. Columns: clip, the
clip's name; frame, its number in the clip, from 0; x0, y0, x1, y1, the left,
top, right and bottom edge in pixels of the original picture, from its top left
corner. A frame without a visible sound source has no row. `--boxes` also takes
areas of interest that the page of a prediction saved, see `media.areas`.
"""

import csv
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.datasets import store
from dave_jax.files import write_atomically
from dave_jax.media.areas import COLUMNS, read_areas

Row = tuple[str, int, float, float, float, float]


class Boxes:
  """Boxes around the sound sources in each frame.

  Attributes:
    name: File name of the table.
    of_frame: {(clip, frame): boxes [k, 4]: left, top, right, bottom in pixels
      of the original}; frame None stands for every frame.
  """

  def __init__(
    self, name: str, of_frame: dict[tuple[str, int | None], np.ndarray]
  ):
    self.name = name
    self.of_frame = of_frame

  def check_clips(self, clips: Sequence[str]) -> None:
    """Raises a ValueError if no box is in any of the clips."""
    boxed = dict.fromkeys(clip for clip, _ in self.of_frame)
    if not set(boxed) & set(clips):
      raise ValueError(
        f'{self.name}: expected boxes in clips such as '
        f'{", ".join(clips[:3])}, got {", ".join(list(boxed)[:3])}; correct '
        'the column clip'
      )

  def inside(self, clip: str, frame: int, xy: np.ndarray) -> np.ndarray | None:
    """Returns which fixations xy [f, 2] lie in a box, bool [f].

    None where the frame has no box. The right and bottom edges are outside.
    """
    keys = (clip, frame), (clip, None)
    boxes = [self.of_frame[key] for key in keys if key in self.of_frame]
    if not boxes:
      return None
    x, y = xy[:, :1], xy[:, 1:]
    left, top, right, bottom = np.concatenate(boxes).T
    held = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return held.any(axis=1)


def read_boxes(path: str | os.PathLike) -> Boxes:
  """Reads boxes from a CSV or JSON file, see `media.areas`.

  Raises:
    ValueError: A column is missing, a value is not a number, a box is empty,
      or there is no row.
    OSError: The file cannot be read.
  """
  found = defaultdict(list)
  for area in read_areas(path):
    found[area.clip, area.frame].append(area.box)
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
