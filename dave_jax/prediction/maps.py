"""Saliency maps as files, one a frame."""

import dataclasses
import pathlib

import cv2
import numpy as np

from dave_jax.files import write_atomically
from dave_jax.media.image_file import read_image, write_image

FORMATS = ('png', 'npz')
VALUES = ('probability', 'minmax')
_WHITE = 65535  # Largest value of a 16-bit PNG.


@dataclasses.dataclass(frozen=True)
class MapFiles:
  """Writes and reads the maps of a video.

  Attributes:
    folder: Where the files are; made when the first is written.
    format: 'png', 16 bits, or 'npz', float32 under `saliency`.
    values: 'probability', a map sums to 1; or 'minmax', it spans 0 to 1.
    size: (height, width) of the maps written; None keeps the network's.
  """

  folder: pathlib.Path
  format: str
  values: str
  size: tuple[int, int] | None

  def name(self, index: int) -> str:
    """Returns the file name of frame `index`; names count from 1."""
    return f'{index + 1:06d}.{self.format}'

  def write(self, index: int, saliency: np.ndarray) -> dict:
    """Writes the map of frame `index`, whole or not at all.

    Args:
      index: Number of the frame, from 0.
      saliency: [h, w], not below zero.

    Returns:
      {'file', 'scale'}: the map is the file's numbers times `scale`. A map of
      zeros alone is written as zeros, with scale 0.
    """
    saliency = self._valued(self._resized(saliency))
    path = self.folder / self.name(index)
    scale = 1.0
    if self.format == 'png':
      scale = float(saliency.max()) / _WHITE
      pixels = np.rint(saliency / scale) if scale else saliency
      write_image(path, pixels.astype(np.uint16))
    else:
      with write_atomically(path) as partial:
        np.savez_compressed(partial, saliency=saliency)
    return {'file': f'{self.folder.name}/{path.name}', 'scale': scale}

  def read(self, index: int) -> np.ndarray:
    """Returns what `write` wrote for frame `index`, up to the scale."""
    path = self.folder / self.name(index)
    if self.format == 'png':
      pixels = read_image(path, 'stored')
      if pixels is None:
        raise ValueError(f'{path}: not readable; start over with --overwrite')
      return pixels.astype(np.float32)
    with np.load(path, allow_pickle=False) as arrays:
      return arrays['saliency']

  def _resized(self, saliency: np.ndarray) -> np.ndarray:
    if self.size is None or saliency.shape == self.size:
      return saliency
    h, w = self.size
    larger = cv2.resize(saliency, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.maximum(larger, 0)  # Bicubic overshoots.

  def _valued(self, saliency: np.ndarray) -> np.ndarray:
    if self.values == 'minmax':
      saliency = saliency - saliency.min()
      total = saliency.max()
    else:
      total = saliency.sum(dtype=np.float64)
    if total == 0:
      return np.zeros_like(saliency)
    return (saliency / total).astype(np.float32)
