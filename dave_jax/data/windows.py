"""Which windows a split has: clips, and the frames that windows end at.

A window is the 16 frames up to the one whose saliency it predicts (of a still
image, the image). Nothing is read here but the list of clips.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.schema import Clip


@dataclasses.dataclass(frozen=True)
class Windows:
  """The windows of a split.

  Each is a slot: some frames of a clip that follow each other, of which one is
  taken at a time. Where frames are not drawn at random, slots hold one.

  Attributes:
    clips: The clips of the split.
    frames: [f], frames that windows may end at, slot after slot.
    clip: [n], number in `clips` of each window's clip.
    first, count: [n], where its slot begins in `frames` and how many it holds.
  """

  clips: tuple[Clip, ...]
  frames: np.ndarray
  clip: np.ndarray
  first: np.ndarray
  count: np.ndarray

  def __len__(self) -> int:
    return self.clip.size

  def pick(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
    """Returns the number of the clip, and the last frame, of a window.

    Args:
      number: Which window, 0 to len - 1.
      rng: Chooses a frame of the window's slot; not used where there is one.
    """
    count = self.count[number]
    place = rng.integers(count) if count > 1 else 0
    frame = self.frames[self.first[number] + place]
    return int(self.clip[number]), int(frame)


def is_still(clip: Clip) -> bool:
  """Returns whether a clip is a still image."""
  return clip.rate == 0


def find_windows(
  clips: Sequence[Clip],
  *,
  stride: int,
  random_frames: bool,
  fixated_only: bool,
) -> Windows:
  """Returns the windows of clips, in their order.

  Args:
    clips: See `Dataset.clips`.
    stride: Takes every n-th frame of each clip, from its first; or, with
      `random_frames`, one of every n.
    random_frames: Whether a window may end at any of the `stride` frames of
      its slot, one of which is drawn each epoch, instead of at the first.
    fixated_only: Whether only frames that have a fixation count, as training
      wants.

  Raises:
    ValueError: No windows are left, or still images are among videos.
  """
  if stride < 1:
    raise ValueError(f'got stride {stride}, wanted 1 or more')
  stills = sum(is_still(clip) for clip in clips)
  if stills not in (0, len(clips)):
    raise ValueError(
      f'got {stills} still images and {len(clips) - stills} videos; take them '
      'from splits of their own: a batch holds one kind'
    )
  frames, owner, first, count = [], [], [], []
  offset = 0
  for number, clip in enumerate(clips):
    candidates = (
      clip.fixated_frames() if fixated_only else np.arange(clip.frames)
    )
    if not random_frames:
      candidates = candidates[candidates % stride == 0]
    step = stride if random_frames else 1
    starts = np.arange(0, candidates.size, step)
    frames.append(candidates)
    owner.append(np.full(starts.size, number))
    first.append(offset + starts)
    count.append(np.minimum(step, candidates.size - starts))
    offset += candidates.size
  if not offset:
    raise ValueError(
      f'no frame of {len(clips)} clips that stride {stride} takes '
      + ('has fixations' if fixated_only else 'exists')
      + '; choose another split, or a smaller stride'
    )

  def joined(parts):
    return np.concatenate(parts).astype(np.int32)

  return Windows(
    clips=tuple(clips),
    frames=joined(frames),
    clip=joined(owner),
    first=joined(first),
    count=joined(count),
  )
