"""Where what is heard is on the screen, as a table.

  python -m dave_jax.datasets.boxes NAME --data_dir=DIR --out=boxes.csv

of a data set that prepare built and that knows it (`sounding_box` of
`schema`). Columns: clip, the name; frame, its number in the clip from 0; x0,
y0, x1, y1, left, top, right and bottom in pixels of the original, from its top
left corner. A frame in which nothing on the screen sounds has no row.
"""

import argparse
import csv
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator

from tqdm import tqdm

from dave_jax.datasets import store

COLUMNS = ('clip', 'frame', 'x0', 'y0', 'x1', 'y1')
DONE, FAILED = 0, 1

Row = tuple[str, int, float, float, float, float]


def main(argv: list[str] | None = None) -> int:
  """Writes the table as the command line says; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    dataset = store.open_dataset(args.data_dir, args.name)
    rows = write_boxes(args.out, dataset_boxes(dataset))
  except (ValueError, OSError) as error:
    print(f'boxes: {error}', file=sys.stderr)
    return FAILED
  print(f'{args.out}: {rows} boxes')
  return DONE


def dataset_boxes(dataset: store.Dataset) -> Iterator[Row]:
  """Yields the rows of all splits of a data set, clip after clip."""
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
  """Writes a table whole or not at all, and returns how many rows it has.

  Raises:
    ValueError: There is not one row.
    OSError: It cannot be written.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'{path.name}.tmp')
  count = 0
  with temporary.open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for clip, frame, *box in rows:
      writer.writerow([clip, frame, *(f'{value:.2f}' for value in box)])
      count += 1
  if not count:
    temporary.unlink()
    raise ValueError('the data set does not know where what is heard is')
  temporary.rename(path)
  return count


def _parser():
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.datasets.boxes',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add('name', metavar='NAME', help='a data set that prepare built')
  add('--data_dir', required=True, help='folder that data sets are in')
  add('--out', required=True, help='table to write')
  return parser


if __name__ == '__main__':
  sys.exit(main())
