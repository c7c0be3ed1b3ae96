"""From recordings of eye trackers to fixations in pixels of the video."""

import dataclasses
import pathlib
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import scipy.io

from dave_jax.datasets.schema import POOLED

# EyeLink events in DIEM's files; the others are -1 error, 0 blink, 2 saccade.
_FIXATION = 1
_DIEM_COLUMNS = 9
_SAME_RATE = 0.01  # 29.97 is 30: gaze was recorded frame by frame.


@dataclasses.dataclass(frozen=True)
class Fixations:
  """Where people looked, row by row.

  Attributes:
    xy: [n, 2] float64, pixels as `schema` defines them.
    when: [n] float64, number of the frame from 0; or, if `timed`, seconds from
      the first frame.
    viewer: [n] int32.
    timed: What `when` is.
  """

  xy: np.ndarray
  when: np.ndarray
  viewer: np.ndarray
  timed: bool = False

  def __len__(self) -> int:
    return len(self.xy)

  def __getitem__(self, rows) -> 'Fixations':
    return dataclasses.replace(
      self, xy=self.xy[rows], when=self.when[rows], viewer=self.viewer[rows]
    )

  def inside(self, height: int, width: int) -> np.ndarray:
    """Returns [n], which ones are on the frame."""
    x, y = self.xy.T
    return (x >= 0) & (x < width) & (y >= 0) & (y < height)


@dataclasses.dataclass(frozen=True)
class Gaze:
  """What a source says of how one clip was looked at.

  Attributes:
    fixations: All of them, also those beside the frame or after its end.
    height, width: Of the picture that their pixels are of.
    frames: How many frames were recorded; None where nothing says so.
    viewers: How many viewers are told apart.
    density: The source's density maps, a file a frame or None; empty without.
    sigma: As in the record.
    sounding_box: As in the record, of the whole clip.
    sounding_frame: [k], number of the frame each box is in, ascending.
    counts: What was left out before, by reason.
    notes: What a person should know.
  """

  fixations: Fixations
  height: int
  width: int
  frames: int | None
  viewers: int = 0
  density: tuple[pathlib.Path | None, ...] = ()
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
  """Returns none."""
  return Fixations(
    np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int32), timed=False
  )


def joined(parts: Sequence[Fixations]) -> Fixations:
  """Returns the rows of all parts."""
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
  """Reads a DIEM recording: a file a viewer, a row a frame.

  Tab-separated frame (from 1), then x, y, pupil and event of the left and of
  the right eye, in pixels of the screen on which the video was centred. Only
  rows whose event is a fixation are taken.

  Args:
    paths: The files; viewer i is paths[i].
    height, width: Of the video as it was shown.
    screen: Height and width of the screen.
    eye: 'left', 'right', or 'mean' of both where both fixate.

  Returns:
    (fixations in pixels of the video, frames recorded, counts).

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
  return joined(parts), frames, counts


def _diem_table(path):
  if not path.stat().st_size:
    raise ValueError(f'{path}: is empty; download it again')
  try:
    table = np.loadtxt(path, delimiter='\t', ndmin=2)
  except ValueError as error:
    raise ValueError(
      f'{path}: is no table of {_DIEM_COLUMNS} numbers a row ({error}); '
      'download it again'
    ) from error
  if table.shape[1] != _DIEM_COLUMNS:
    raise ValueError(
      f'{path}: has {table.shape[0]} rows of {table.shape[1]} columns, wanted '
      f'rows of {_DIEM_COLUMNS}; download it again'
    )
  return table


def of_positions(positions: np.ndarray) -> tuple[Fixations, dict[str, int]]:
  """Returns the fixations of an array [2, frames, viewers] of x and y.

  NaN is missing and counted.
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


def at_rate(
  fixations: Fixations, rate: float, picture_rate: float
) -> tuple[Fixations, tuple[str, ...]]:
  """Returns fixations as they are if their rate is the picture's, else timed.

  Args:
    fixations: `when` counts rows of gaze.
    rate: Rows per second.
    picture_rate: Frames per second.

  Returns:
    (fixations, notes).
  """
  if abs(picture_rate / rate - 1) < _SAME_RATE:
    return fixations, ()
  middle = (fixations.when + 0.5) / rate
  note = (
    f'gaze has {rate:g} rows a second, the video {picture_rate:g} frames; '
    'paired by time'
  )
  return dataclasses.replace(fixations, when=middle, timed=True), (note,)


def of_map(fixated: np.ndarray, frame: int) -> Fixations:
  """Returns the fixations of a map [h, w], non-zero where someone looked."""
  y, x = np.nonzero(fixated)
  return Fixations(
    xy=np.stack([x, y], axis=1) + 0.5,
    when=np.full(x.size, frame, np.float64),
    viewer=np.full(x.size, POOLED, np.int32),
  )


def read_mat(path: pathlib.Path, *names: str):
  """Reads a variable of a MATLAB file, or fields inside it.

  Args:
    path: A file of MATLAB up to version 7.
    names: The variable, then the names of fields, one inside the other.

  Returns:
    An array, or what `scipy.io.loadmat` makes of a structure, with attributes.

  Raises:
    ValueError: It is no such file, or holds no such variable.
    OSError: It cannot be read.
  """
  wanted = '.'.join(names)
  path.stat()  # Raises what is wrong with the path itself.
  try:
    content = scipy.io.loadmat(
      path,
      variable_names=names[:1],
      squeeze_me=True,
      struct_as_record=False,
    )
  except NotImplementedError as error:
    raise ValueError(
      f'{path}: is of MATLAB 7.3, wanted 7 or older; in MATLAB, load it and '
      "save(..., '-v7')"
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
      f'{path}: is no MATLAB file, or damaged ({error}); download it again'
    ) from error
  value = content.get(names[0])
  for name in names[1:]:
    value = getattr(value, name, None)
  if value is None:
    held = [name for name, _, _ in scipy.io.whosmat(path)]
    raise ValueError(
      f'{path}: holds no {wanted}, only the variables {", ".join(held)}'
    )
  return value
