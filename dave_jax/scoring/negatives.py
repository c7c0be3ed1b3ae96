"""Negatives of the shuffled AUC: fixations of other frames.

The benchmark's own code draws ten frames from the whole evaluation list. They
may include the frame itself and its neighbours, which look nearly the same, so
their fixations are poor negatives; `exclude_same='video'` leaves them out.
STAViS takes all other frames of the same video and drops the pixels fixated in
the frame itself: `count=None, exclude_same='frame', negatives_from='video'` and
`drop_own_fixations=True`.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np

from dave_jax.scoring.frames import generators

ExcludeSame = Literal['video', 'frame']
NegativesFrom = Literal['all', 'video']


def choose_other_frames(
  videos: Sequence[Hashable],
  *,
  seed: int | np.random.Generator | None,
  count: int | None,
  exclude_same: ExcludeSame,
  negatives_from: NegativesFrom,
) -> Iterator[np.ndarray]:
  """Yields the frames that provide the negatives of each frame.

  Args:
    videos: [n], the video of each frame of the WHOLE evaluation, in order.
    seed: Each frame draws from a generator seeded by `seed` and its index.
      Ignored if `count` is None.
    count: Number of frames to draw, without replacement; None takes all.
    exclude_same: Frames never drawn: those of the same 'video', or only the
      same 'frame'.
    negatives_from: Frames to draw from: 'all', or those of the same 'video'.

  Yields:
    n arrays of indices into the list, ascending.

  Raises:
    ValueError: An option is unknown, or leaves fewer frames than `count`.
  """
  for name, value, choices in (
    ('exclude_same', exclude_same, get_args(ExcludeSame)),
    ('negatives_from', negatives_from, get_args(NegativesFrom)),
  ):
    if value not in choices:
      raise ValueError(f'expected {name} in {choices}, got {value!r}')
  if negatives_from == exclude_same == 'video':
    raise ValueError(
      "negatives_from='video' with exclude_same='video' leaves no frames; set "
      "exclude_same='frame'"
    )
  if count is not None and count < 1:
    raise ValueError(f'expected count of 1 or more, or None, got {count}')
  n = len(videos)
  number_of = {video: k for k, video in enumerate(dict.fromkeys(videos))}
  video_numbers = np.array([number_of[video] for video in videos], np.int64)
  frames_of = np.split(
    np.argsort(video_numbers, kind='stable'),
    np.bincount(video_numbers).cumsum()[:-1],
  )
  rngs = generators(seed, range(n), n) if count is not None else None
  for frame, video in enumerate(video_numbers):
    same = frames_of[video]
    excluded = same if exclude_same == 'video' else np.array([frame])
    candidates = n if negatives_from == 'all' else len(same)
    left = candidates - len(excluded)
    if left < (count or 1):
      raise ValueError(
        f'expected at least {count or 1} other frames to take negatives from, '
        f'got {left} for frame {frame} of video {videos[frame]!r}; lower '
        "count, or set exclude_same='frame' or negatives_from='all'"
      )
    if count is None:
      drawn = np.arange(left)
    else:
      drawn = np.sort(next(rngs).choice(left, count, replace=False))
    if negatives_from == 'video':
      excluded = np.searchsorted(same, excluded)
    # Map ranks among the remaining frames to ranks among all candidates: the
    # i-th excluded frame has excluded[i] - i remaining frames before it.
    gaps = excluded - np.arange(len(excluded))
    drawn += np.searchsorted(gaps, drawn, side='right')
    yield drawn if negatives_from == 'all' else same[drawn]


def negative_pixels(
  fixated: Sequence[np.ndarray],
  sizes: np.ndarray,
  frame: int,
  others: np.ndarray,
  *,
  drop_own_fixations: bool,
) -> np.ndarray:
  """Returns the pixels of a frame that were fixated in other frames.

  Args:
    fixated: n arrays, the flat indices of the fixated pixels of every frame of
      the evaluation (`frames.fixated_pixels`).
    sizes: Integers [n, 2], height and width of the frames. A pixel of a frame
      of another size is mapped by its centre.
    frame: Index of the frame to return negatives of.
    others: Indices of the frames they come from (`choose_other_frames`).
    drop_own_fixations: Whether to drop pixels fixated in the frame itself.

  Returns:
    int64 [m], flat indices into the frame. A pixel fixated in several frames is
    repeated; 'pysaliency' counts repeats, 'videosal' does not.
  """
  h, w = (int(side) for side in sizes[frame])
  gathered = [np.empty(0, np.int64)]
  for other in others:
    other_h, other_w = (int(side) for side in sizes[other])
    row, column = np.divmod(fixated[other].astype(np.int64), other_w)
    row = (2 * row + 1) * h // (2 * other_h)
    column = (2 * column + 1) * w // (2 * other_w)
    gathered.append(row * w + column)
  pixels = np.concatenate(gathered)
  if drop_own_fixations:
    pixels = pixels[~np.isin(pixels, fixated[frame])]
  return pixels
