"""A folder of any model's maps, named as the benchmarks do."""

import dataclasses
import os
import pathlib
import re
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from dave_jax.data.windows import is_still
from dave_jax.datasets.schema import Clip
from dave_jax.media.image_file import read_image

SUFFIXES = ('.png', '.jpg', '.jpeg', '.npy', '.npz')
_ARRAY = 'saliency'
_NUMBER = re.compile(r'(\d+)\D*$')


@dataclasses.dataclass(frozen=True)
class MapFolder:
  """Maps as files; see `evaluator.Maps`.

  Of a video NAME: FOLDER/NAME/ or FOLDER/NAME/maps/ with a file a frame, whose
  name ends in the frame's number (0001.png, img_00001.jpg, pred_sal_000001.png,
  as of DHF1K, STAViS and `dave_jax.predict`), or FOLDER/NAME.npy or .npz with
  all frames [t, h, w]. Of an image: FOLDER/NAME.png or another suffix, or as a
  video of one frame. NPZ files hold `saliency`, or one array of any name.

  Attributes:
    folder: Where.
    first_frame: The number that the first frame has, 1 or 0.
  """

  folder: pathlib.Path
  first_frame: int

  def __call__(
    self, clip: Clip, frames: np.ndarray
  ) -> Iterator[np.ndarray | None]:
    """Yields the map [h, w] of each frame, or None.

    Raises:
      ValueError: A file cannot be read or is no map.
    """
    files, whole = self._find(clip)
    if whole is not None:
      maps = _read_array(whole, dimensions=(2, 3))
      maps = maps[None] if maps.ndim == 2 else maps
      for frame in frames:
        yield maps[frame] if frame < len(maps) else None
      return
    for frame in frames:
      path = files.get(int(frame))
      yield None if path is None else read_map(path)

  def check(
    self, clips: Sequence[Clip], frames: Sequence[np.ndarray]
  ) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Looks for the maps of all clips, without reading those in files.

    Args:
      clips: Of the evaluation.
      frames: Which of the frames of each are scored.

    Returns:
      ({clip: frames without a map}, {clip: maps past the clip's end}).

    Raises:
      ValueError: Two files are of one frame.
      FileNotFoundError: There is no such folder.
    """
    if not self.folder.is_dir():
      raise FileNotFoundError(f'{self.folder}: no such folder of maps')
    missing, extra = {}, {}
    for clip, wanted in zip(clips, frames, strict=True):
      files, whole = self._find(clip)
      if whole is not None:
        shape = _read_array(whole, dimensions=(2, 3)).shape
        held = set(range(shape[0] if len(shape) == 3 else 1))
      else:
        held = set(files)
      lacking = [frame for frame in wanted.tolist() if frame not in held]
      if lacking:
        missing[clip.name] = lacking
      beyond = [frame for frame in held if not 0 <= frame < clip.frames]
      if beyond:
        extra[clip.name] = len(beyond)
    return missing, extra

  def _find(self, clip) -> tuple[dict[int, pathlib.Path], pathlib.Path | None]:
    """Returns ({frame: file}, file of all frames)."""
    for folder in (self.folder / clip.name, self.folder / clip.name / 'maps'):
      found = self._numbered(folder) if folder.is_dir() else {}
      if is_still(clip) and len(found) == 1:
        return {0: next(iter(found.values()))}, None
      if found:
        return found, None
    for suffix in SUFFIXES:
      path = self.folder / f'{clip.name}{suffix}'
      if path.is_file():
        if is_still(clip):
          return {0: path}, None
        if suffix in ('.npy', '.npz'):
          return {}, path
    return {}, None

  def _numbered(self, folder):
    found = {}
    for path in sorted(folder.iterdir()):
      match = _NUMBER.search(path.stem)
      if path.suffix.lower() not in SUFFIXES or not match:
        continue
      frame = int(match[1]) - self.first_frame
      if frame in found:
        raise ValueError(
          f'{found[frame]} and {path.name} are both of frame {match[1]}; '
          'leave one'
        )
      found[frame] = path
    return found


def read_map(path: str | os.PathLike) -> np.ndarray:
  """Reads a map [h, w] from PNG or JPEG (grey, 8 or 16 bits), NPY or NPZ.

  Raises:
    ValueError: It does not decode, or is not one number a pixel.
  """
  path = pathlib.Path(path)
  if path.suffix in ('.npy', '.npz'):
    return _read_array(path, dimensions=(2,))
  pixels = read_image(path, 'stored')
  if pixels is None:
    raise ValueError(f'{path}: does not decode; predict the frame again')
  if pixels.ndim == 3:
    colours = pixels[..., :3]
    # Opaque grey, stored with three channels.
    if (colours != colours[..., :1]).any():
      raise ValueError(
        f'{path}: is a picture in colours; want grey, brighter where more '
        'salient'
      )
    pixels = colours[..., 0]
  return pixels


def _read_array(path, dimensions):
  try:
    array = np.load(path, allow_pickle=False)
    if isinstance(array, np.lib.npyio.NpzFile):
      with array as arrays:
        names = arrays.files
        name = _ARRAY if _ARRAY in names else names[0]
        if name != _ARRAY and len(names) != 1:
          raise ValueError(f"holds {', '.join(names)} and no '{_ARRAY}'")
        array = arrays[name]
  except (
    ValueError,
    OSError,
    EOFError,
    IndexError,
    zipfile.BadZipFile,
  ) as error:
    raise ValueError(f'{path}: is no array of a map ({error})') from error
  if array.ndim not in dimensions or array.dtype.kind not in 'buif':
    raise ValueError(
      f'{path}: holds {array.dtype} {array.shape}; want a map [h, w]'
      + (', or [t, h, w] of a video' if 3 in dimensions else '')
    )
  return array
