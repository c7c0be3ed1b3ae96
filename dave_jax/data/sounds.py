"""Which sound a window gets: its own, that of another clip, or none.

The controls of an experiment on what sound adds: a network that is trained
without sound has the layers of the audio-visual one and nothing to hear; one
that is trained with the sound of other clips hears nothing that concerns the
picture.
"""

from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.schema import Clip
from dave_jax.media import clock

# Sounds of training. 'other' draws another clip and one of its moments anew for
# each example, so that nothing can be learned from the pairs.
SOUNDS = ('own', 'other', 'none')


def with_sound(clips: Sequence[Clip], sound: str) -> list[int]:
  """Returns the indices of the clips that have sound.

  Raises:
    ValueError: `sound` is 'other', and fewer than two of them have.
  """
  found = [n for n, clip in enumerate(clips) if clip.has_sound]
  if sound == 'other' and len(found) < 2:
    raise ValueError(
      f"sound='other' expected 2 or more clips with sound, got {len(found)}; "
      'choose another split or sound'
    )
  return found


def draw_other(
  clips: Sequence[Clip], clip: int, rng: np.random.Generator
) -> tuple[int, int]:
  """Draws whose sound a clip gets: another clip with sound, and its frame.

  Args:
    clips: The clips to draw from, two or more with sound.
    clip: Index of the clip that gets it.
    rng: Draws both.
  """
  others = [n for n in with_sound(clips, 'other') if n != clip]
  other = others[rng.integers(len(others))]
  return other, int(rng.integers(clips[other].frames))


def silenced(window: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns a window (see `data.batches`) with silence in place of sound."""
  if 'log_mel' not in window:
    return window
  silence = np.full_like(window['log_mel'], clock.SILENCE)
  return window | {'log_mel': silence}
