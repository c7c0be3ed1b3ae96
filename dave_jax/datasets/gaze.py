"""The gaze of a clip: fixations in pixels, and readers of its file formats."""

import dataclasses
import pathlib
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.io

from dave_jax.datasets.schema import POOLED

# EyeLink events in DIEM's files; -1 is an error, 0 a blink, 2 a saccade.
_FIXATION = 1
_DIEM_COLUMNS = 9
_SAME_RATE = 0.01  # 29.97 counts as 30: gaze was recorded frame by frame.


@dataclasses.dataclass(frozen=True)
class Fixations:
  """Fixations, one per row.

  Attributes:
    xy: [n, 2] float64, pixels as `schema` defines them.
    when: [n] float64, frame number from 0; or, if `timed`, seconds from the
      first frame.
    viewer: [n] int32.
    timed: Whether `when` holds seconds.
    duration: [n] float64, seconds that a fixation lasts from `when` on; None if
      each row is a fixation at one moment.
  """

  xy: np.ndarray
  when: np.ndarray
  viewer: np.ndarray
  timed: bool = False
  duration: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.xy)

  def __getitem__(self, rows) -> 'Fixations':
    return dataclasses.replace(
      self,
      xy=self.xy[rows],
      when=self.when[rows],
      viewer=self.viewer[rows],
      duration=None if self.duration is None else self.duration[rows],
    )

  def inside(self, height: int, width: int) -> np.ndarray:
    """Returns which fixations lie on the frame, bool [n]."""
    x, y = self.xy.T
    return (x >= 0) & (x < width) & (y >= 0) & (y < height)


@dataclasses.dataclass(frozen=True)
class Gaze:
  """The gaze that a source has for one clip.

  Attributes:
    fixations: All fixations, including those off the frame or after the end.
    height, width: Size of the picture whose pixels the fixations are in.
    frames: Number of recorded frames; None if unknown.
    viewers: Number of viewers; 0 if the source does not identify them.
    density: The source's density maps: a file, the bytes of one, or None for
      each frame; empty if the source has none.
    sigma: As in the record.
    sounding_box: As in the record, of the whole clip.
    sounding_frame: [k], number of the frame of each box, ascending.
    counts: Number of samples that were left out, by reason.
    notes: Remarks for the report of the build.
  """

  fixations: Fixations
  height: int
  width: int
  frames: int | None
  viewers: int = 0
  density: tuple[pathlib.Path | bytes | None, ...] = ()
  sigma: float = 0.0
  sounding_box: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros((0, 4), np.float32)
  )
  sounding_frame: np.ndarray = dataclasses.field(
    default_factory=lambda: np.zeros(0, np.int32)
  )
  counts: dict[str, int] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()


def no_fixations() -> Fixations:
  """Returns an empty set of fixations."""
  return Fixations(np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int32))


def concatenate(parts: Sequence[Fixations]) -> Fixations:
  """Returns the rows of all parts, all by time or all by frame."""
  if not parts:
    return no_fixations()
  return Fixations(
    xy=np.concatenate([part.xy for part in parts]),
    when=np.concatenate([part.when for part in parts]),
    viewer=np.concatenate([part.viewer for part in parts]),
    timed=parts[0].timed,
  )


def read_diem(
  paths: Sequence[pathlib.Path],
  *,
  height: int,
  width: int,
  screen: tuple[int, int],
  eye: str,
) -> tuple[Fixations, int, dict[str, int]]:
  """Reads the DIEM recordings of a video: a file per viewer, a row per frame.

  Tab-separated frame (from 1), then x, y, pupil and event of the left and of
  the right eye, in pixels of the screen that the video was centred on. Only
  rows whose event is a fixation are kept.

  Args:
    paths: The files; viewer i is paths[i].
    height, width: Size of the video as it was shown.
    screen: Height and width of the screen.
    eye: 'left', 'right', or 'mean' of both where both fixate.

  Returns:
    (fixations in pixels of the video, number of recorded frames, counts).

  Raises:
    ValueError: A file is not such a table.
    OSError: A file cannot be read.
  """
  columns = {'left': [1], 'right': [5], 'mean': [1, 5]}[eye]
  offset = np.array([screen[1] - width, screen[0] - height]) / 2
  counts = {'not_fixating': 0, 'missing': 0}
  parts, frames = [], 0
  for viewer, path in enumerate(paths):
    table = _diem_table(path)
    frames = max(frames, int(table[:, 0].max()))
    fixating = np.all(table[:, [c + 3 for c in columns]] == _FIXATION, axis=1)
    xy = np.mean([table[:, c : c + 2] for c in columns], axis=0)
    known = np.isfinite(xy).all(axis=1)
    counts['not_fixating'] += int((~fixating).sum())
    counts['missing'] += int((fixating & ~known).sum())
    rows = fixating & known
    parts.append(
      Fixations(
        xy=xy[rows] - offset,
        when=table[rows, 0] - 1,
        viewer=np.full(rows.sum(), viewer, np.int32),
      )
    )
  return concatenate(parts), frames, counts


def _diem_table(path):
  if not path.stat().st_size:
    raise ValueError(f'{path}: the file is empty; download it again')
  try:
    table = np.loadtxt(path, delimiter='\t', ndmin=2)
  except ValueError as error:
    raise ValueError(
      f'{path}: expected rows of {_DIEM_COLUMNS} numbers ({error}); download '
      'it again'
    ) from error
  if table.shape[1] != _DIEM_COLUMNS:
    raise ValueError(
      f'{path}: expected rows of {_DIEM_COLUMNS} columns, got '
      f'{table.shape[0]} rows of {table.shape[1]}; download it again'
    )
  return table


def fixations_of_positions(
  positions: np.ndarray,
) -> tuple[Fixations, dict[str, int]]:
  """Returns the fixations of eye positions [2, frames, viewers], x and y.

  Positions that are NaN are left out and counted as missing.
  """
  _, _, viewers = positions.shape
  known = np.isfinite(positions).all(axis=0)  # [frames, viewers]
  frame, viewer = np.nonzero(known)
  fixations = Fixations(
    xy=positions[:, frame, viewer].T.astype(np.float64),
    when=frame.astype(np.float64),
    viewer=viewer.astype(np.int32),
  )
  return fixations, {'missing': int((~known).sum())} if viewers else {}


def match_rates(
  fixations: Fixations, rate: float, picture_rate: float
) -> tuple[Fixations, tuple[str, ...]]:
  """Pairs gaze with frames by number, or by time if the rates differ.

  Args:
    fixations: `when` counts rows of gaze.
    rate: Rows of gaze per second.
    picture_rate: Frames per second.

  Returns:
    (fixations, notes).
  """
  if abs(picture_rate / rate - 1) < _SAME_RATE:
    return fixations, ()
  middle = (fixations.when + 0.5) / rate
  note = (
    f'gaze has {rate:g} rows per second, the video {picture_rate:g} frames; '
    'paired by time'
  )
  return dataclasses.replace(fixations, when=middle, timed=True), (note,)


def gaze_of_maps(
  paths: Mapping[int, pathlib.Path],
  read: Callable[[pathlib.Path], np.ndarray],
  *,
  density: tuple[pathlib.Path | None, ...],
  sigma: float,
) -> Gaze:
  """Returns the gaze that maps of fixated pixels hold, viewers pooled.

  Args:
    paths: The map of each frame, by its number from 1.
    read: Returns a map [h, w], non-zero where somebody fixated.
    density, sigma: As in `Gaze`.

  Raises:
    ValueError: A map is not [h, w], or sizes differ; or raised by `read`.
    OSError: A file cannot be read.
  """
  parts, shapes = [], {}
  for number, path in paths.items():
    fixated = read(path)
    if np.ndim(fixated) != 2:
      raise ValueError(
        f'{path}: expected a map [height, width], got shape {np.shape(fixated)}'
      )
    shapes.setdefault(fixated.shape, path)
    y, x = np.nonzero(fixated)
    parts.append(
      Fixations(
        xy=np.stack([x, y], axis=1) + 0.5,
        when=np.full(x.size, number - 1, np.float64),
        viewer=np.full(x.size, POOLED, np.int32),
      )
    )
  if len(shapes) != 1:
    sizes = ', '.join(f'{w} x {h} ({shapes[h, w].name})' for h, w in shapes)
    folder = next(iter(paths.values())).parent
    raise ValueError(f'{folder}: expected maps of one size, got {sizes}')
  [(height, width)] = shapes
  return Gaze(
    fixations=concatenate(parts),
    height=height,
    width=width,
    frames=len(paths),
    density=density,
    sigma=sigma,
  )


def read_mat(path: pathlib.Path, *names: str):
  """Reads a variable of a MATLAB file, or a field inside it.

  Args:
    path: A MATLAB file of version 7 or older.
    names: The variable, then the names of nested fields.

  Returns:
    An array, or the object with attributes that `scipy.io.loadmat` makes of a
    structure.

  Raises:
    ValueError: It is not such a file, or has no such variable.
    OSError: The file cannot be read.
  """
  path.stat()  # loadmat's own error does not say that a file is missing.
  try:
    content = scipy.io.loadmat(
      path,
      variable_names=names[:1],
      squeeze_me=True,
      struct_as_record=False,
    )
  except NotImplementedError as error:
    raise ValueError(
      f'{path}: expected a MATLAB file of version 7 or older, got 7.3; in '
      "MATLAB, load it and save(..., '-v7')"
    ) from error
  except (
    scipy.io.matlab.MatReadError,
    ValueError,
    TypeError,
    IndexError,
    OSError,
    zlib.error,
    struct.error,
  ) as error:
    raise ValueError(
      f'{path}: not a MATLAB file, or damaged ({error}); download it again'
    ) from error
  value = content.get(names[0])
  for name in names[1:]:
    value = getattr(value, name, None)
  if value is None:
    found = ', '.join(name for name, _, _ in scipy.io.whosmat(path))
    raise ValueError(
      f'{path}: expected {".".join(names)}, got the variables {found}'
    )
  return value
