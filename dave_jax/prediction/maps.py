"""Saliency maps as numbers and as files."""

import dataclasses
import os
import pathlib
import zipfile

import cv2
import numpy as np

from dave_jax.files import write_atomically
from dave_jax.media.image_file import read_image, write_image
from dave_jax.media.map_video import write_maps
from dave_jax.prediction.settings import VIDEO_BITS

_WHITE = 65535  # Largest value of a 16-bit PNG.
_LARGEST_MAT = 2**31 - 1  # Bytes of an array in a MATLAB 5 file.


def finish_map(
  saliency: np.ndarray, *, size: tuple[int, int] | None, values: str
) -> np.ndarray:
  """Returns the map that users get from the one that a network computed.

  Args:
    saliency: [h, w], not negative.
    size: Height and width to resize to, bicubic; None keeps the network's.
    values: 'probability', the map sums to 1; 'minmax', it ranges from 0 to 1;
      or 'network', as computed.

  Returns:
    float32 [h', w'], not negative; all zeros if the network's map is constant
    ('minmax') or zero.
  """
  if size is not None and saliency.shape != tuple(size):
    h, w = size
    saliency = cv2.resize(saliency, (w, h), interpolation=cv2.INTER_CUBIC)
    saliency = np.maximum(saliency, 0)  # Bicubic overshoots.
  if values == 'network':
    return np.asarray(saliency, np.float32)
  if values == 'minmax':
    saliency = saliency - saliency.min()
    total = saliency.max()
  else:
    total = saliency.sum(dtype=np.float64)
  if total == 0:
    return np.zeros_like(saliency)
  return (saliency / total).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class MapFiles:
  """Writes and reads the maps of a video.

  In the format 'png' each map is a 16-bit PNG that stays, FOLDER/maps/. In the
  others maps are PNG or NPY files there until `collect` joins them to one file:
  FOLDER/maps.npz, maps.mat, or a video named after the folder.

  Attributes:
    folder: The folder of the video's results.
    format: One of `settings.MAP_FORMATS`.
  """

  folder: pathlib.Path
  format: str

  @property
  def parts(self) -> pathlib.Path:
    """The folder of maps by frame."""
    return self.folder / 'maps'

  @property
  def joined(self) -> pathlib.Path | None:
    """The file of all maps; None if each has its own."""
    if self.format == 'png':
      return None
    if self.format in VIDEO_BITS:
      return self.folder / f'{self.folder.name}.mp4'
    return self.folder / f'maps.{self.format}'

  def write(self, index: int, saliency: np.ndarray) -> dict:
    """Writes the map of a frame completely or not at all.

    Args:
      index: Index of the frame, from 0; names of files count from 1.
      saliency: float32 [h, w], not negative.

    Returns:
      {'file', 'scale'}: the map is the numbers in the file times `scale`, which
      is None for videos, whose maps are scaled to the full range. A map of
      zeros is written as zeros, with scale 0.
    """
    path = self._path(index)
    if path.suffix == '.npy':
      with write_atomically(path) as partial:
        np.save(partial, saliency)
      return {'file': self.joined.name, 'scale': 1.0}
    scale = float(saliency.max()) / _WHITE
    pixels = np.rint(saliency / scale) if scale else saliency
    write_image(path, pixels.astype(np.uint16))
    if self.joined is not None:
      return {'file': self.joined.name, 'scale': None}
    return {'file': f'{self.parts.name}/{path.name}', 'scale': scale}

  def read(self, index: int) -> np.ndarray:
    """Returns what `write` wrote for a frame, up to the scale, [h, w]."""
    path = self._path(index)
    if path.suffix == '.npy':
      return np.load(path, allow_pickle=False)
    pixels = read_image(path, 'stored')
    if pixels is None:
      raise ValueError(f'{path}: cannot be decoded; repeat with --overwrite')
    return pixels.astype(np.float32)

  def collect(self, rows: list[dict], *, rate: float) -> None:
    """Joins the maps to one file.

    NPZ holds saliency [n, h, w], MAT [h, w, n], both float32; time [n] in
    seconds; and frame [n], counted from 1. A video has a grey frame for each
    frame, scaled to the full range; where an image was left out because it does
    not decode, the map before is repeated.

    Args:
      rows: The rows of the manifest.
      rate: Frames per second of a video.

    Raises:
      ValueError: A MAT file cannot hold that much.
    """
    shape = len(rows), *self.read(rows[0]['frame'] - 1).shape
    maps = (self.read(row['frame'] - 1) for row in rows)
    others = {
      'time': np.array([row['time'] for row in rows]),
      'frame': np.array([row['frame'] for row in rows], np.int32),
    }
    with write_atomically(self.joined) as partial:
      if self.format in VIDEO_BITS:
        maps = self._every_frame(rows)
        write_maps(partial, maps, rate=rate, bits=VIDEO_BITS[self.format])
        return
      if self.format == 'npz':
        _write_npz(partial, maps, shape, others)
        return
      import scipy.io  # Takes 0.3 s, which no other format needs.

      check_mat_size(shape)
      saliency = np.empty((*shape[1:], shape[0]), np.float32)
      for number, part in enumerate(maps):
        saliency[..., number] = part
      scipy.io.savemat(partial, {'saliency': saliency} | others)

  def _every_frame(self, rows):
    """Yields the map of each frame up to the last; gaps repeat the last one."""
    present = {row['frame'] for row in rows}
    saliency = self.read(rows[0]['frame'] - 1)
    for frame in range(1, rows[-1]['frame'] + 1):
      if frame in present:
        saliency = self.read(frame - 1)
      yield saliency

  def _path(self, index):
    suffix = 'npy' if self.format in ('npz', 'mat') else 'png'
    return self.parts / f'{index + 1:06d}.{suffix}'


def check_mat_size(shape: tuple[int, int, int]) -> None:
  """Raises a ValueError if a MAT file cannot hold float32 maps [n, h, w]."""
  size = 4 * int(np.prod(shape))
  if size > _LARGEST_MAT:
    raise ValueError(
      f'format mat: expected at most 2 GB of maps, got {size / 2**30:.1f}; use '
      '--format=npz, a --stride or --size=network'
    )


def _write_npz(path: os.PathLike, maps, shape, others) -> None:
  """Writes maps one by one: a film of them does not fit into memory."""
  with zipfile.ZipFile(
    path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1
  ) as archive:
    with archive.open('saliency.npy', 'w', force_zip64=True) as file:
      header = {'descr': '<f4', 'fortran_order': False, 'shape': shape}
      np.lib.format.write_array_header_1_0(file, header)
      for saliency in maps:
        file.write(np.ascontiguousarray(saliency, '<f4').tobytes())
    for name, array in others.items():
      with archive.open(f'{name}.npy', 'w') as file:
        np.lib.format.write_array(file, array)
