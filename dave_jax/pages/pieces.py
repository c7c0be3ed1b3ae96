"""Data in script files beside a page, which the page loads when needed.

A page that is opened from disk may load scripts, but no other files. Each file
NAME.js is one call, `dave.give("NAME", value)`.
"""

import base64
import json
import os
import pathlib
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from dave_jax.files import write_text

PIECE = 256  # Maps in a file, about 10 s of video and 150 kB.


def write_data(folder: str | os.PathLike, name: str, value: Any) -> None:
  """Writes FOLDER/NAME.js, which gives a page in FOLDER a value.

  Args:
    folder: Folder of the page.
    name: Path below it, without suffix.
    value: JSON-serialisable.
  """
  write_text(
    pathlib.Path(folder) / f'{name}.js',
    f'dave.give({json.dumps(name)}, {json.dumps(value, allow_nan=False)});\n',
  )


def write_maps(
  folder: str | os.PathLike, name: str, maps: Iterable[np.ndarray]
) -> dict:
  """Writes maps as 8-bit numbers, in pieces that a page loads when needed.

  A map is stored as its share of its own peak, 0 to 255; the maps of a piece as
  differences from the map before, modulo 256, compressed with zlib.

  Args:
    folder: Folder of the page.
    name: Path of the pieces below it, without their number.
    maps: Maps [h, w] of equal size, not negative.

  Returns:
    What `dave.Maps` of static/data.js takes.
  """
  shape, count, piece = None, 0, []

  def write():
    levels = np.stack(piece)
    steps = np.diff(levels, axis=0, prepend=levels[:1] * 0)
    packed = base64.b64encode(zlib.compress(steps.tobytes(), 6)).decode()
    write_data(folder, f'{name}_{(count - 1) // PIECE:04d}', packed)
    piece.clear()

  for saliency in maps:
    shape = saliency.shape
    piece.append(in_8_bit(saliency))
    count += 1
    if len(piece) == PIECE:
      write()
  if piece:
    write()
  height, width = shape
  return {
    'name': name,
    'height': height,
    'width': width,
    'count': count,
    'piece': PIECE,
  }


def in_8_bit(saliency: np.ndarray) -> np.ndarray:
  """Returns a map, not negative, as its share of its peak, 0 to 255."""
  peak = saliency.max()
  if not peak > 0:
    return np.zeros(saliency.shape, np.uint8)
  return np.rint(saliency * (255 / peak)).astype(np.uint8)
