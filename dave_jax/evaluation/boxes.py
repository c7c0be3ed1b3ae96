"""Boxes around what is heard, read from a table."""

import csv
import os
from collections import defaultdict

import numpy as np

from dave_jax.datasets.boxes import COLUMNS


class Boxes:
  """Where in each frame what is heard is (`python -m dave_jax.datasets.boxes`).

  Attributes:
    name: The table's, for records.
    of_frame: {(clip, frame): boxes [k, 4]: left, top, right, bottom in pixels
      of the original}.
  """

  def __init__(self, name: str, of_frame: dict[tuple[str, int], np.ndarray]):
    self.name = name
    self.of_frame = of_frame

  def inside(self, clip: str, frame: int, xy: np.ndarray) -> np.ndarray | None:
    """Returns bool [f], which fixations xy [f, 2] are in one of the boxes.

    None where the frame has no box.
    """
    boxes = self.of_frame.get((clip, frame))
    if boxes is None:
      return None
    x, y = xy[:, :1], xy[:, 1:]
    left, top, right, bottom = boxes.T
    held = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return held.any(axis=1)


def read_boxes(path: str | os.PathLike) -> Boxes:
  """Reads a table with the columns clip, frame, x0, y0, x1, y1.

  Raises:
    ValueError: A column is missing, or a row is no box.
    OSError: It cannot be read.
  """
  found = defaultdict(list)
  with open(path, newline='') as file:
    reader = csv.DictReader(file)
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
      raise ValueError(
        f'{path}: has no column {", ".join(missing)}; want {", ".join(COLUMNS)}'
      )
    for row in reader:
      place = f'{path}, line {reader.line_num}'
      try:
        frame = int(row['frame'])
        box = [float(row[column]) for column in COLUMNS[2:]]
      except (TypeError, ValueError) as error:
        raise ValueError(f'{place}: {error}; want numbers') from error
      if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(
          f'{place}: box {box} is empty; want x0 < x1 and y0 < y1'
        )
      found[row['clip'], frame].append(box)
  if not found:
    raise ValueError(f'{path}: holds no boxes')
  return Boxes(
    os.path.basename(path), {k: np.array(v) for k, v in found.items()}
  )
