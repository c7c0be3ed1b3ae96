"""Maps as the network computes them, kept while a video is predicted."""

import os
import pathlib

import numpy as np


class MapLog:
  """A file of float32 maps [h, w] of equal size, in order of computation.

  Finished maps have the size and values that users choose; numbers and pages
  come from these. 7 kB a frame, removed at the end.
  """

  def __init__(self, path: str | os.PathLike, shape: tuple[int, int]):
    """Takes the path of the file, and height and width of the maps."""
    self._path = pathlib.Path(path)
    self._shape = tuple(shape)
    self._bytes = 4 * shape[0] * shape[1]
    self._file = None

  def __len__(self) -> int:
    if not self._path.exists():
      return 0
    return self._path.stat().st_size // self._bytes

  def open(self, count: int) -> None:
    """Opens the file for appending after its first `count` maps.

    Raises:
      ValueError: It holds fewer.
    """
    if len(self) < count:
      raise ValueError(
        f'{self._path}: expected {count} maps, got {len(self)}; repeat with '
        '--overwrite'
      )
    self._file = self._path.open('ab')
    self._file.truncate(count * self._bytes)

  def append(self, saliency: np.ndarray) -> None:
    """Adds a map [h, w]."""
    if saliency.shape != self._shape:
      raise ValueError(
        f'expected a map of size {self._shape}, got {saliency.shape}'
      )
    self._file.write(np.ascontiguousarray(saliency, '<f4').tobytes())
    self._file.flush()

  def read(self) -> np.ndarray:
    """Returns all maps [n, h, w], without reading them into memory."""
    return np.memmap(self._path, '<f4', 'r').reshape(-1, *self._shape)

  def close(self) -> None:
    """Closes the file."""
    if self._file is not None:
      self._file.close()

  def remove(self) -> None:
    """Closes and removes the file."""
    self.close()
    self._path.unlink(missing_ok=True)
