"""Negatives of the shuffled AUC: fixations of other frames.

The benchmark's own code draws ten frames from the whole evaluation list. They
may include the frame itself and its neighbours, which look nearly the same, so
their fixations are poor negatives; `exclude_same='video'` leaves them out.
STAViS takes all other frames of the same video (`count=None`,
`exclude_same='frame'`, `negatives_from='video'`) and drops the pixels that are
fixated in the frame itself.
"""

from collections.abc import Hashable, Sequence
from typing import Literal, get_args

import numpy as np

from dave_jax.checks import check_choice

ExcludeSame = Literal['video', 'frame']
NegativesFrom = Literal['all', 'video']


class OtherFrames:
  """Chooses the frames that provide the negatives of each frame.

  Attributes:
    too_few: {video: number of other frames}, the videos whose frames have fewer
      than `count` others to choose from.
  """

  def __init__(
    self,
    videos: Sequence[Hashable],
    *,
    seed: int,
    count: int | None,
    exclude_same: ExcludeSame,
    negatives_from: NegativesFrom,
  ):
    """Lists the frames to choose from.

    Args:
      videos: [n], the video of each frame of the WHOLE evaluation, in order.
      seed: Each frame draws from a generator seeded by `seed` and its index.
      count: Number of frames to draw, without replacement; None takes all.
      exclude_same: Frames never drawn: those of the same 'video', or only the
        same 'frame'.
      negatives_from: Frames to draw from: 'all', or those of the same 'video'.

    Raises:
      ValueError: An option is unknown, or the options leave no frames.
    """
    check_choice('exclude_same', exclude_same, get_args(ExcludeSame))
    check_choice('negatives_from', negatives_from, get_args(NegativesFrom))
    if negatives_from == exclude_same == 'video':
      raise ValueError(
        "negatives_from='video' with exclude_same='video' leaves no frames; "
        "set exclude_same='frame'"
      )
    if count is not None and count < 1:
      raise ValueError(f'expected count of 1 or more, or None, got {count}')
    number_of = {video: k for k, video in enumerate(dict.fromkeys(videos))}
    self._video = np.array([number_of[video] for video in videos], np.int64)
    self._frames_of = np.split(
      np.argsort(self._video, kind='stable'),
      np.bincount(self._video).cumsum()[:-1],
    )
    self._seed = seed
    self._count = count
    self._exclude_video = exclude_same == 'video'
    self._from_video = negatives_from == 'video'
    self.too_few: dict[Hashable, int] = {}
    for video, frames in zip(number_of, self._frames_of, strict=True):
      left = len(frames) if self._from_video else len(videos)
      left -= len(frames) if self._exclude_video else 1
      if left < (count or 1):
        self.too_few[video] = left

  def __call__(self, frame: int) -> np.ndarray | None:
    """Returns the frames that provide negatives, indices, ascending.

    None if there are too few.
    """
    same = self._frames_of[self._video[frame]]
    excluded = same if self._exclude_video else np.array([frame])
    candidates = len(same) if self._from_video else len(self._video)
    left = candidates - len(excluded)
    if left < (self._count or 1):
      return None
    if self._count is None:
      drawn = np.arange(left)
    else:
      rng = np.random.default_rng((self._seed, frame))
      drawn = np.sort(rng.choice(left, self._count, replace=False))
    if self._from_video:
      excluded = np.searchsorted(same, excluded)
    # Map ranks among the remaining frames to ranks among all candidates: the
    # i-th excluded frame has excluded[i] - i remaining frames before it.
    gaps = excluded - np.arange(len(excluded))
    drawn += np.searchsorted(gaps, drawn, side='right')
    return same[drawn] if self._from_video else drawn


def negative_pixels(
  fixated: Sequence[np.ndarray],
  sizes: Sequence[Sequence[int]],
  size: Sequence[int],
  *,
  drop: np.ndarray | None,
) -> np.ndarray:
  """Returns the pixels of a frame that were fixated in other frames.

  Args:
    fixated: n arrays, the flat indices of the fixated pixels of the other
      frames (`frames.fixated_pixels`).
    sizes: Integers [n, 2], their heights and widths. A pixel of a frame of
      another size is mapped by its centre.
    size: Height and width of the frame.
    drop: Flat indices of pixels to drop, those fixated in the frame itself;
      None drops none.

  Returns:
    int64 [m], flat indices into the frame. A pixel fixated in several frames is
    repeated; 'pysaliency' counts repeats, 'videosal' does not.
  """
  h, w = (int(side) for side in size)
  gathered = [np.empty(0, np.int64)]
  for others, (other_h, other_w) in zip(fixated, sizes, strict=True):
    row, column = np.divmod(others.astype(np.int64), int(other_w))
    row = (2 * row + 1) * h // (2 * int(other_h))
    column = (2 * column + 1) * w // (2 * int(other_w))
    gathered.append(row * w + column)
  pixels = np.concatenate(gathered)
  if drop is not None:
    pixels = pixels[~np.isin(pixels, drop)]
  return pixels
