"""Which other frames, and which of their pixels, a shuffled AUC compares with.

The benchmark's own code draws ten frames from the whole evaluation list, the
frame itself and its neighbours included, which look nearly the same: their
fixations are no negatives. `exclude='video'` keeps them out. STAViS takes all
other frames of the same video less the frame's own fixations: `count=None,
exclude='frame', pool='video'`, and `own='removed'`.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np

from dave_jax.scoring.frames import generators

Exclude = Literal['video', 'frame']
Pool = Literal['all', 'video']
Own = Literal['kept', 'removed']


def choose_other_frames(
  videos: Sequence[Hashable],
  *,
  seed: int | np.random.Generator | None,
  count: int | None = 10,
  exclude: Exclude = 'video',
  pool: Pool = 'all',
) -> Iterator[np.ndarray]:
  """Yields which frames give each frame of an evaluation its negatives.

  Args:
    videos: [n], the video of each frame of the WHOLE evaluation, in order.
    seed: Each frame draws from its own generator of seed and place in the
      list. Not used where `count` is None.
    count: How many to draw, without replacement; None takes all.
    exclude: What never gives negatives, the frame's 'video' or just the
      'frame'.
    pool: Where to draw from, 'all' videos or the frame's own 'video'.

  Yields:
    n times places in the list, ascending.

  Raises:
    ValueError: A choice is unknown or leaves nothing, or fewer than `count`.
  """
  for name, value, choices in (
    ('exclude', exclude, get_args(Exclude)),
    ('pool', pool, get_args(Pool)),
  ):
    if value not in choices:
      raise ValueError(f'{name} is {value!r}; want one of {choices}')
  if pool == 'video' and exclude == 'video':
    raise ValueError(
      "pool='video' and exclude='video' leave no frames; want exclude='frame'"
    )
  if count is not None and count < 1:
    raise ValueError(f'count is {count}; want 1 or more, or None for all')
  n = len(videos)
  number_of = {video: k for k, video in enumerate(dict.fromkeys(videos))}
  video_numbers = np.array([number_of[video] for video in videos], np.int64)
  frames_of = np.split(
    np.argsort(video_numbers, kind='stable'),
    np.bincount(video_numbers).cumsum()[:-1],
  )
  rngs = generators(seed, range(n), n) if count is not None else None
  for k, video in enumerate(video_numbers):
    own = frames_of[video]
    excluded = own if exclude == 'video' else np.array([k])
    candidates = n if pool == 'all' else len(own)
    left = candidates - len(excluded)
    if left < (count or 1):
      raise ValueError(
        f'frame {k} of video {videos[k]!r} has {left} other frames to take '
        f'negatives from, {count or "at least 1"} are wanted; lower count, or '
        "choose exclude='frame' or pool='all'"
      )
    if count is None:
      places = np.arange(left)
    else:
      places = np.sort(next(rngs).choice(left, count, replace=False))
    if pool == 'video':
      excluded = np.searchsorted(own, excluded)
    # From places among those left to places among all: before the excluded
    # number i there are excluded[i] - i of those left.
    gaps = excluded - np.arange(len(excluded))
    places += np.searchsorted(gaps, places, side='right')
    yield places if pool == 'all' else own[places]


def negative_pixels(
  fixated: Sequence[np.ndarray],
  sizes: np.ndarray,
  frame: int,
  others: np.ndarray,
  *,
  own: Own = 'kept',
) -> np.ndarray:
  """Returns the pixels of a frame that were fixated in other frames.

  Args:
    fixated: n arrays of flat indices of the fixated pixels of every frame of
      the evaluation (`frames.fixated_pixels`).
    sizes: Whole numbers [n, 2], height and width of the frames; a pixel of
      another size goes to where its centre falls.
    frame: Whose negatives.
    others: The frames they come from (`choose_other_frames`).
    own: Whether pixels that are fixated in the frame itself are 'removed'.

  Returns:
    int64 [m], flat indices into the frame; one fixated in several frames is
    there as often, which 'pysaliency' counts and 'videosal' does not.
  """
  if own not in get_args(Own):
    raise ValueError(f'own is {own!r}; want one of {get_args(Own)}')
  h, w = (int(side) for side in sizes[frame])
  gathered = [np.empty(0, np.int64)]
  for other in others:
    other_h, other_w = (int(side) for side in sizes[other])
    row, column = np.divmod(fixated[other].astype(np.int64), other_w)
    row = (2 * row + 1) * h // (2 * other_h)
    column = (2 * column + 1) * w // (2 * other_w)
    gathered.append(row * w + column)
  pixels = np.concatenate(gathered)
  if own == 'removed':
    pixels = pixels[~np.isin(pixels, fixated[frame])]
  return pixels
