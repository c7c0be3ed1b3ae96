"""A folder of saliency maps of any model, named as the benchmarks do."""

import collections
import dataclasses
import functools
import pathlib
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from dave_jax.data.windows import is_still
from dave_jax.datasets.schema import Clip
from dave_jax.media import map_video
from dave_jax.media.image_file import read_image

_IMAGES = ('.png', '.jpg', '.jpeg')
_ARRAYS = ('.npy', '.npz')
_TAKEN = (*_IMAGES, *_ARRAYS, *map_video.SUFFIXES)
_ARRAY = 'saliency'
_NUMBER = re.compile(r'(\d+)\D*$')


@dataclasses.dataclass(frozen=True)
class MapFolder:
  """Reads maps from files; an `evaluator.Maps`.

  The maps of a video NAME are one of

    FOLDER/NAME/, FOLDER/NAME/maps/   an image or array for each frame, whose
        name ends in the frame's number: 0001.png, img_00001.jpg,
        pred_sal_000001.npy (DHF1K, STAViS, `dave_jax.predict`)
    FOLDER/NAME.npy, FOLDER/NAME.npz  all frames, [t, h, w]
    FOLDER/NAME/maps.npz              as `dave_jax.predict` writes it
    FOLDER/NAME.mp4, FOLDER/NAME/NAME.mp4   all frames, grey, of 8 or 10 bits
        (or FOLDER/NAME of another container)

  The map of an image NAME is FOLDER/NAME.png, or another suffix, or stored as
  that of a video of one frame. NPZ files hold `saliency`, or a single array.
  Suffixes may be upper case; names beginning with a dot are ignored.

  Attributes:
    folder: The folder.
    first_frame: Number of the first frame in names, 0 or 1.
    average_colours: Whether an image in colours is averaged (protocol 'msu')
      instead of refused.
  """

  folder: pathlib.Path
  first_frame: int
  average_colours: bool = False

  def __call__(
    self, jobs: Sequence[tuple[Clip, np.ndarray]]
  ) -> Iterator[np.ndarray | None]:
    """Yields the map [h, w] of each frame of each clip; None if missing.

    Raises:
      ValueError: A file cannot be read or is not a map.
    """
    for clip, frames in jobs:
      source = self._find(clip)
      if isinstance(source, dict):
        for frame in frames.tolist():
          yield self._read(source[frame]) if frame in source else None
      elif source.suffix.lower() in map_video.SUFFIXES:
        yield from map_video.read_frames(source, frames)
      else:
        yield from map(_read_video(source).get, frames.tolist())

  def check(
    self, clips: Sequence[Clip], frames: Sequence[np.ndarray]
  ) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Looks for the maps of all clips.

    Args:
      clips: The clips of the evaluation.
      frames: The frames of each that are scored.

    Returns:
      ({clip: frames without a map}, {clip: number of maps past its end}).

    Raises:
      ValueError: Several files could be the map of a clip or frame.
      FileNotFoundError: There is no such folder.
    """
    if not self.folder.is_dir():
      raise FileNotFoundError(f'{self.folder}: no such folder of maps')
    missing, extra = {}, {}
    for clip, scored in zip(clips, frames, strict=True):
      source = self._find(clip)
      if not isinstance(source, dict):
        source = _held(source)
      lacking = [frame for frame in scored.tolist() if frame not in source]
      if lacking:
        missing[clip.name] = lacking
      beyond = [frame for frame in source if not 0 <= frame < clip.frames]
      if beyond:
        extra[clip.name] = len(beyond)
    return missing, extra

  @functools.cached_property
  def _files(self) -> dict[str, list[pathlib.Path]]:
    """The files directly in the folder, by name without suffix."""
    found = collections.defaultdict(list)
    for path in _listed(self.folder):
      if path.suffix.lower() in _TAKEN and path.is_file():
        found[path.stem].append(path)
    return found

  def _read(self, path):
    return read_map(path, average_colours=self.average_colours)

  def _find(self, clip) -> dict[int, pathlib.Path] | pathlib.Path:
    """Returns {frame: file}, or the file of all frames."""
    sources: list = []
    for folder in (self.folder / clip.name, self.folder / clip.name / 'maps'):
      if folder.is_dir() and (numbered := self._numbered(folder)):
        if is_still(clip) and len(numbered) == 1:
          numbered = {0: next(iter(numbered.values()))}
        sources.append((folder, numbered))
    for name in ('maps.npz', f'{clip.name}.mp4'):
      whole = self.folder / clip.name / name
      if whole.is_file():
        sources.append((whole, whole))
    for path in self._files.get(clip.name, ()):
      if is_still(clip):
        sources.append((path, {0: path}))
      elif path.suffix.lower() not in _IMAGES:
        sources.append((path, path))
    if len(sources) > 1:
      names = ' and '.join(
        str(path.relative_to(self.folder)) for path, _ in sources
      )
      raise ValueError(
        f'{self.folder}: expected one map or folder of maps of {clip.name}, '
        f'got {names}; remove all but one'
      )
    return sources[0][1] if sources else {}

  def _numbered(self, folder) -> dict[int, pathlib.Path]:
    """Returns {frame: file} of the files of a folder that are numbered."""
    found = {}
    for path in _listed(folder):
      match = _NUMBER.search(path.stem)
      if path.suffix.lower() not in _IMAGES + _ARRAYS or not match:
        continue
      frame = int(match[1]) - self.first_frame
      if frame in found:
        raise ValueError(
          f'{found[frame]} and {path.name} are both of frame {match[1]}; '
          'remove one'
        )
      found[frame] = path
    return found


def read_map(path: pathlib.Path, *, average_colours: bool) -> np.ndarray:
  """Reads a map [h, w] from PNG or JPEG (8 or 16 bits), NPY or NPZ.

  Args:
    path: The file.
    average_colours: Whether colours are averaged, as float64, or refused.

  Raises:
    ValueError: It does not decode, or is not a real array [h, w].
  """
  if path.suffix.lower() in _ARRAYS:
    return _read_array(path, dimensions=(2,))
  pixels = read_image(path, 'stored')
  if pixels is None:
    raise ValueError(f'{path}: does not decode; predict the frame again')
  if pixels.ndim == 3:
    colours = pixels[..., :3]
    if average_colours:
      return colours.mean(axis=2, dtype=np.float64)
    # Opaque grey, stored with three channels.
    if (colours != colours[..., :1]).any():
      raise ValueError(
        f'{path}: expected a grey image, brighter where more salient, got '
        'colours; write the map itself instead of an overlay or heat map'
      )
    pixels = colours[..., 0]
  return pixels


def _listed(folder):
  """Returns the visible entries of a folder; macOS adds '._*' files."""
  return sorted(path for path in folder.iterdir() if path.name[0] != '.')


def _held(path) -> Collection[int]:
  """Returns the frames, from 0, that a file of a video has maps of."""
  if path.suffix.lower() in map_video.SUFFIXES:
    return range(map_video.count_frames(path))
  return _read_video(path)


def _read_video(path) -> dict[int, np.ndarray]:
  """Returns {frame from 0: map [h, w]} of a video."""
  maps = _read_array(path, dimensions=(2, 3))
  maps = maps[None] if maps.ndim == 2 else maps
  frames = range(len(maps))
  if path.suffix == '.npz':
    with np.load(path, allow_pickle=False) as arrays:
      if 'frame' in arrays.files:
        # What `dave_jax.predict` writes, counted from 1.
        frames = (arrays['frame'] - 1).tolist()
  return dict(zip(frames, maps, strict=True))


def _read_array(path, dimensions):
  try:
    array = np.load(path, allow_pickle=False)
    if isinstance(array, np.lib.npyio.NpzFile):
      with array as arrays:
        names = arrays.files
        name = _ARRAY if _ARRAY in names else names[0]
        if name != _ARRAY and len(names) != 1:
          raise ValueError(f"got {', '.join(names)} and no '{_ARRAY}'")
        array = arrays[name]
  except (
    ValueError,
    OSError,
    EOFError,
    IndexError,
    zipfile.BadZipFile,
  ) as error:
    raise ValueError(f'{path}: expected an array ({error})') from error
  if array.ndim not in dimensions or array.dtype.kind not in 'buif':
    raise ValueError(
      f'{path}: expected a map [h, w]'
      + (' or a video of maps [t, h, w]' if 3 in dimensions else '')
      + f', got {array.dtype} {array.shape}'
    )
  return array
