"""Windows of a split: its clips, and the frames that windows end at.

A window is the frame whose saliency is predicted and the 15 before it; of a
still image, the image.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.schema import Clip


@dataclasses.dataclass(frozen=True)
class Windows:
  """The windows of a split, each of which ends at a frame of a slot.

  A slot is one frame, or several successive ones of which one is drawn.

  Attributes:
    clips: The clips of the split.
    frames: [f], frames that windows may end at, slot after slot.
    clip: [n], index into `clips` of each window.
    first, count: [n], start of its slot in `frames`, and size of the slot.
  """

  clips: tuple[Clip, ...]
  frames: np.ndarray
  clip: np.ndarray
  first: np.ndarray
  count: np.ndarray

  def __len__(self) -> int:
    return self.clip.size

  def pick(self, number: int, rng: np.random.Generator) -> tuple[int, int]:
    """Returns (index of the clip, last frame) of a window.

    Args:
      number: Index of the window.
      rng: Draws the frame, if the slot has several.
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
    random_frames: Whether a window ends at a frame that is drawn each epoch
      from the `stride` frames of its slot, instead of at their first.
    fixated_only: Whether to leave out frames without fixations.

  Raises:
    ValueError: There is no window, or there are both images and videos.
  """
  if stride < 1:
    raise ValueError(f'expected a stride of 1 or more, got {stride}')
  stills = sum(is_still(clip) for clip in clips)
  if stills not in (0, len(clips)):
    raise ValueError(
      f'expected still images or videos, got {stills} and '
      f'{len(clips) - stills}; put them into separate splits'
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
