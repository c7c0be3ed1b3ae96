"""Human fixations of a split: the frames that can be scored."""

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from dave_jax.datasets.density import gaussian_density, record_density
from dave_jax.datasets.schema import (
  CHUNK_FRAMES,
  POOLED,
  Clip,
  fixation_pixels,
)
from dave_jax.datasets.store import Dataset


class Gaze(NamedTuple):
  """What the data set holds about one frame, beside the frame itself.

  Attributes:
    xy: [f, 2], fixations in pixels of the original.
    viewer: [f], the viewer of each.
    time: Seconds from the start of the clip's sound.
    sigma: Standard deviation of the Gaussian that blurs fixations, in pixels of
      the original; 0 if unknown.
    published: Whether the source has a density map of the frame.
  """

  xy: np.ndarray
  viewer: np.ndarray
  time: float
  sigma: float
  published: bool


@dataclasses.dataclass(frozen=True)
class GroundTruth:
  """The fixated frames of a split, numbered by row.

  Frames without fixations are left out: no score is defined for them. Records
  are read when a frame is first asked for, so that a process reads only what
  its share of the videos needs.

  Attributes:
    name: 'SET:SPLIT', for messages.
    fingerprint: Fingerprint of the data set.
    clips: The clips of the split.
    clip: int64 [n], index in `clips` of each row's clip, ascending.
    frame: int64 [n], index in its clip of each row's frame, ascending.
    size: Height and width that maps are scored at; None is each original's.
    viewers: {clip index: [v]}, the only viewers whose fixations count in that
      clip; in other clips all count.
  """

  name: str
  fingerprint: str
  clips: tuple[Clip, ...]
  clip: np.ndarray
  frame: np.ndarray
  size: tuple[int, int] | None
  _records: '_Records'
  viewers: Mapping[int, np.ndarray] | None = None

  def __len__(self) -> int:
    return len(self.clip)

  def rows(self, clip: int) -> np.ndarray:
    """Returns the rows [m] of a clip, ascending."""
    first, last = np.searchsorted(self.clip, [clip, clip + 1])
    return np.arange(first, last)

  def row(self, clip: int, frame: int) -> int:
    """Returns the row of a frame of a clip.

    Raises:
      ValueError: The frame has no fixations, or the stride skips it.
    """
    rows = self.rows(clip)
    place = np.searchsorted(self.frame[rows], frame)
    if place == len(rows) or self.frame[rows[place]] != frame:
      raise ValueError(
        f'{self.name}: frame {frame} of clip {self.clips[clip].name} is not '
        'scored; expected one of `GroundTruth.frame`'
      )
    return int(rows[place])

  def empty(self, clip: int) -> int:
    """Returns the number of frames of a clip without fixations."""
    return self.clips[clip].frames - len(self.clips[clip].fixated_frames())

  def gaze(self, row: int) -> Gaze:
    """Returns the fixations of a frame, of the chosen viewers."""
    clip = int(self.clip[row])
    gaze = self._records.gaze(self.clips[clip], int(self.frame[row]))
    if self.viewers is None or clip not in self.viewers:
      return gaze
    chosen = np.isin(gaze.viewer, self.viewers[clip])
    # A published density map is that of all viewers.
    return gaze._replace(
      xy=gaze.xy[chosen], viewer=gaze.viewer[chosen], published=False
    )

  def size_of(self, row: int) -> tuple[int, int]:
    """Returns the height and width that a frame is scored at."""
    clip = self.clips[self.clip[row]]
    return self.size or (clip.height, clip.width)

  def pixels(
    self,
    row: int,
    within: np.ndarray | None = None,
    size: tuple[int, int] | None = None,
  ) -> np.ndarray:
    """Returns the flat index [f] of the pixel of each fixation.

    Args:
      row: The frame.
      within: bool [f], which fixations count; None is all.
      size: Height and width; None is the size that the frame is scored at.
    """
    clip, size = self.clips[self.clip[row]], size or self.size_of(row)
    xy = self.gaze(row).xy
    line, column = fixation_pixels(
      xy if within is None else xy[within], (clip.height, clip.width), size
    )
    return line * size[1] + column

  def fixation_map(
    self, row: int, within: np.ndarray | None = None
  ) -> np.ndarray:
    """Returns the number of fixations in each pixel, int32 [h, w].

    Args:
      row: The frame.
      within: bool [f], which fixations count; None is all.
    """
    h, w = self.size_of(row)
    counts = np.bincount(self.pixels(row, within), minlength=h * w)
    return counts.astype(np.int32).reshape(h, w)

  def density(
    self, row: int, size: tuple[int, int] | None = None
  ) -> np.ndarray:
    """Returns the density map of a frame, float32 [h, w] that sums to 1.

    Args:
      row: The frame.
      size: Height and width; None is the size that the frame is scored at.

    Raises:
      ValueError: There is neither a published map nor a sigma.
    """
    clip, gaze = self.clips[self.clip[row]], self.gaze(row)
    size = size or self.size_of(row)
    if gaze.published:
      record, place = self._records.record(clip, int(self.frame[row]))
      return record_density(record, place, size)
    if not gaze.sigma:
      raise ValueError(
        f'{self.name}: clip {clip.name} has neither density maps nor a sigma '
        'to blur its fixations with; set sigma, in pixels of the original '
        '(one degree of visual angle)'
      )
    return gaussian_density(
      gaze.xy,
      sigma=gaze.sigma,
      height=clip.height,
      width=clip.width,
      size=size,
    )

  def stored_density(self, row: int) -> np.ndarray:
    """Returns the density map of a frame as the source publishes it.

    Returns:
      A published map [h, w] or [h, w, 3] of its own size and integer type; a
      smaller one than the original is resized (bicubic) to its size, float32.
      Without a published map, the blurred fixations, float32.
    """
    clip = self.clips[self.clip[row]]
    size = clip.height, clip.width
    if not self.gaze(row).published:
      density = self.density(row, size)
      # The challenges' epsilon is meant for maps of 0..1 and more.
      return density / (density.max() or 1)
    record, place = self._records.record(clip, int(self.frame[row]))
    data = np.frombuffer(record['density'][place], np.uint8)
    density = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if density.shape[0] >= size[0] or density.shape[1] >= size[1]:
      return density
    larger = cv2.resize(
      density.astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC
    )
    return np.maximum(larger, 0)

  def picture(self, row: int) -> bytes:
    """Returns the frame itself, as JPEG."""
    clip = self.clips[self.clip[row]]
    record, place = self._records.record(clip, int(self.frame[row]))
    return record['frames'][place]

  def pictures(self, clip: Clip) -> Iterator[bytes]:
    """Yields every frame of a clip as JPEG, fixated or not."""
    for record in self.records(clip):
      yield from record['frames']

  def records(self, clip: Clip) -> Iterator[dict]:
    """Yields the records of a clip, see `datasets.schema.features`."""
    for frame in range(0, clip.frames, CHUNK_FRAMES):
      yield self._records.record(clip, frame)[0]

  def viewers_of(self, clip: int) -> np.ndarray:
    """Returns the numbers [v] of the viewers of a clip.

    Raises:
      ValueError: The source does not tell viewers apart.
    """
    numbers = [self.gaze(row).viewer for row in self.rows(clip).tolist()]
    viewers = np.unique(np.concatenate([np.zeros(0, np.int32), *numbers]))
    if POOLED in viewers:
      raise ValueError(
        f'{self.name}: clip {self.clips[clip].name} does not tell viewers '
        'apart, so they cannot be compared with each other; use a data set '
        'built from raw gaze'
      )
    return viewers


def read_ground_truth(
  dataset: Dataset,
  split: str,
  *,
  stride: int,
  size: tuple[int, int] | None,
  sigma: float | None,
) -> GroundTruth:
  """Lists the fixated frames of a split; reads no record yet.

  Args:
    dataset, split: What to read.
    stride: Takes every n-th frame of each clip, from its first, if fixated.
    size: Height and width that maps are scored at; None is the original's.
    sigma: Standard deviation of the Gaussian that blurs fixations of frames
      without a density map, in pixels of the original; None is the record's.

  Raises:
    ValueError: There is no such split, or it has no fixations.
  """
  if stride < 1:
    raise ValueError(f'expected a stride of 1 or more, got {stride}')
  clips = dataset.clips(split)
  fixated_frames = [clip.fixated_frames() for clip in clips]
  frames = [fixated[fixated % stride == 0] for fixated in fixated_frames]
  name = f'{dataset.name}:{split}'
  if not any(map(len, frames)):
    raise ValueError(
      f'{name}: no frame of its {len(clips)} clips that stride {stride} takes '
      'has fixations; choose another split, or a smaller stride'
    )
  return GroundTruth(
    name=name,
    fingerprint=dataset.fingerprint,
    clips=clips,
    clip=np.repeat(np.arange(len(clips)), [len(f) for f in frames]),
    frame=np.concatenate(frames).astype(np.int64),
    size=size,
    _records=_Records(dataset.records(split), sigma),
  )


class _Records:
  """Reads records; keeps the gaze of all and the frames of the last one.

  Several threads may read at once.
  """

  def __init__(self, records, sigma):
    self._records = records
    self._sigma = sigma
    self._gaze: dict[int, list[Gaze]] = {}
    self._last = None, None
    self._lock = threading.RLock()

  def gaze(self, clip, frame) -> Gaze:
    number, place = clip.record_of(frame)
    if number not in self._gaze:
      record, _ = self.record(clip, frame)
      self._gaze[number] = [
        self._gaze_of(record, k) for k in range(len(record['frames']))
      ]
    return self._gaze[number][place]

  def record(self, clip, frame):
    """Returns the record that holds a frame, and the frame's place in it."""
    number, place = clip.record_of(frame)
    with self._lock:
      if self._last[0] != number:
        self._last = number, self._records[number]
      return self._last[1], place

  def _gaze_of(self, record, place):
    chosen = record['fixation_frame'] == place
    return Gaze(
      xy=record['fixation_xy'][chosen],
      viewer=record['fixation_viewer'][chosen],
      time=float(record['times'][place]),
      sigma=float(record['sigma'] if self._sigma is None else self._sigma),
      published=bool(len(record['density']) and record['density'][place]),
    )
