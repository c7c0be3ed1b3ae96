"""Where people looked in a split: the frames that can be scored."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from dave_jax.datasets.density import gaussian_density, record_density
from dave_jax.datasets.schema import POOLED, Clip, fixation_pixels
from dave_jax.datasets.store import Dataset


@dataclasses.dataclass(frozen=True)
class GroundTruth:
  """The fixations of every frame of an evaluation, in order.

  Frames that nobody looked at are not in it: no score is defined there.

  Attributes:
    name: Of data set and split, for errors and records.
    fingerprint: Of the data set.
    clips: Of the split.
    clip: int64 [n], number in `clips` of each frame's clip.
    frame: int64 [n], each frame's number in its clip, from 0.
    xy: n arrays [f, 2], fixations in pixels of the original.
    viewer: n arrays [f], whose.
    sigma: [n], of the Gaussian that fixations are blurred with, in pixels of
      the original; 0 where that is not known.
    published: bool [n], whether the density is the source's own map.
    empty: {number of a clip: its frames that were left out}.
    size: Height and width that maps are scored at; None is each original's.
  """

  name: str
  fingerprint: str
  clips: tuple[Clip, ...]
  clip: np.ndarray
  frame: np.ndarray
  xy: Sequence[np.ndarray]
  viewer: Sequence[np.ndarray]
  sigma: np.ndarray
  published: np.ndarray
  empty: Mapping[int, int]
  size: tuple[int, int] | None
  _records: '_Records'

  def __len__(self) -> int:
    return len(self.clip)

  def rows(self, clip: int) -> np.ndarray:
    """Returns the places here of a clip's frames, ascending."""
    first, last = np.searchsorted(self.clip, [clip, clip + 1])
    return np.arange(first, last)

  def row(self, clip: int, frame: int) -> int:
    """Returns the place here of a clip's frame.

    Raises:
      ValueError: Nobody looked at the frame, or the stride passes it over.
    """
    rows = self.rows(clip)
    place = np.searchsorted(self.frame[rows], frame)
    if place == len(rows) or self.frame[rows[place]] != frame:
      raise ValueError(
        f'{self.name}: frame {frame} of clip {self.clips[clip].name} is not '
        'scored; predict the frames of `GroundTruth.frame`'
      )
    return int(rows[place])

  def size_of(self, row: int) -> tuple[int, int]:
    """Returns height and width that a frame's map is scored at."""
    clip = self.clips[self.clip[row]]
    return self.size or (clip.height, clip.width)

  @functools.cached_property
  def pixels(self) -> list[np.ndarray]:
    """The flat index of the pixel of every fixation, of every frame."""
    return [
      self._pixels(row, np.ones(len(xy), bool))
      for row, xy in enumerate(self.xy)
    ]

  def fixation_map(
    self, row: int, within: np.ndarray | None = None
  ) -> np.ndarray:
    """Returns the counts of fixations in each pixel, int32 [h, w].

    Args:
      row: Place of the frame.
      within: bool [f], which of its fixations count; None is all.
    """
    h, w = self.size_of(row)
    pixels = self.pixels[row] if within is None else self._pixels(row, within)
    return np.bincount(pixels, minlength=h * w).astype(np.int32).reshape(h, w)

  def density(self, row: int) -> np.ndarray:
    """Returns the density map of a frame, float32 [h, w] that sums to 1.

    Raises:
      ValueError: There is neither a map nor a sigma.
    """
    return self.density_at(row, self.size_of(row))

  def density_at(self, row: int, size: tuple[int, int]) -> np.ndarray:
    """Returns the density map of a frame in a size of its own."""
    clip = self.clips[self.clip[row]]
    density = None
    if self.published[row]:
      density = record_density(*self._record(row), size)
    elif self.sigma[row]:
      density = gaussian_density(
        self.xy[row],
        sigma=float(self.sigma[row]),
        height=clip.height,
        width=clip.width,
        size=size,
      )
    if density is None:
      raise ValueError(
        f'{self.name}: clip {clip.name} has neither density maps nor a sigma '
        'to blur its fixations with; give sigma, in pixels of the original '
        '(one degree of visual angle)'
      )
    return density

  def picture(self, row: int) -> bytes:
    """Returns the frame itself, as JPEG."""
    record, place = self._record(row)
    return record['frames'][place]

  def viewers_of(self, clip: int) -> np.ndarray:
    """Returns the numbers [v] of the viewers of a clip.

    Raises:
      ValueError: They are not told apart.
    """
    rows = self.rows(clip).tolist()
    viewers = np.unique(
      np.concatenate([np.zeros(0, np.int32), *(self.viewer[r] for r in rows)])
    )
    if POOLED in viewers:
      raise ValueError(
        f'{self.name}: clip {self.clips[clip].name} does not tell viewers '
        'apart, so they cannot be compared with each other; take a data set '
        'built from the raw gaze'
      )
    return viewers

  def of_viewers(self, chosen: Mapping[int, np.ndarray]) -> 'GroundTruth':
    """Returns what some of the viewers looked at, with densities of theirs.

    Frames stay, also those that none of these looked at.

    Args:
      chosen: {number of a clip: numbers of viewers (`viewers_of`)}; other
        clips are as if nobody had watched them.
    """
    xy, viewers = [], []
    for row, clip in enumerate(self.clip.tolist()):
      own = np.isin(self.viewer[row], chosen.get(clip, ()))
      xy.append(self.xy[row][own])
      viewers.append(self.viewer[row][own])
    return dataclasses.replace(
      self,
      xy=xy,
      viewer=viewers,
      published=np.zeros(len(self), bool),
    )

  def _pixels(self, row, within):
    h, w = self.size_of(row)
    clip = self.clips[self.clip[row]]
    line, column = fixation_pixels(
      self.xy[row][within], (clip.height, clip.width), (h, w)
    )
    return line * w + column

  def _record(self, row):
    clip = self.clips[self.clip[row]]
    number, place = clip.record_of(int(self.frame[row]))
    return self._records[number], place


def read_ground_truth(
  dataset: Dataset,
  split: str,
  *,
  stride: int,
  size: tuple[int, int] | None,
  sigma: float | None,
) -> GroundTruth:
  """Reads where people looked in a split.

  Args:
    dataset, split: What to read.
    stride: Takes every how many of a clip's frames that have fixations.
    size: Height and width that maps are scored at; None is the original's.
    sigma: Standard deviation that fixations are blurred with where there is no
      density map, in pixels of the original; None is the record's.

  Raises:
    ValueError: There is no such split, or not one fixation in it.
  """
  if stride < 1:
    raise ValueError(f'got stride {stride}, wanted 1 or more')
  clips = dataset.clips(split)
  records = _Records(dataset.records(split))
  owner, frames, xy, viewers, sigmas, published = [], [], [], [], [], []
  empty = {}
  for number, clip in enumerate(tqdm(clips, desc='gaze', unit='clip', delay=3)):
    fixated = clip.fixated_frames()
    empty[number] = clip.frames - len(fixated)
    for frame in fixated[::stride].tolist():
      position, place = clip.record_of(frame)
      record = records[position]
      own = record['fixation_frame'] == place
      owner.append(number)
      frames.append(frame)
      xy.append(record['fixation_xy'][own])
      viewers.append(record['fixation_viewer'][own])
      sigmas.append(record['sigma'] if sigma is None else sigma)
      published.append(
        bool(len(record['density']) and record['density'][place])
      )
  name = f'{dataset.name}:{split}'
  if not owner:
    raise ValueError(f'{name}: not one frame of {len(clips)} clips was fixated')
  return GroundTruth(
    name=name,
    fingerprint=dataset.fingerprint,
    clips=clips,
    clip=np.array(owner, np.int64),
    frame=np.array(frames, np.int64),
    xy=xy,
    viewer=viewers,
    sigma=np.array(sigmas, np.float64),
    published=np.array(published, bool),
    empty=empty,
    size=size,
    _records=records,
  )


class _Records:
  """Records by number; the last one read is kept."""

  def __init__(self, records):
    self._records = records
    self._number = None
    self._record = None

  def __getitem__(self, number):
    if number != self._number:
      self._record = self._records[number]
      self._number = number
    return self._record
