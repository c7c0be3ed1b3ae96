"""Who sounds when: turns, as in a conversation."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.simulation.voices import ambience, voice
from dave_jax.media.audio import SAMPLE_RATE


@dataclasses.dataclass(frozen=True)
class Turn:
  """A stretch of time in which one thing sounds.

  Attributes:
    begin, end: Seconds.
    voice: Which voice is heard.
    thing: Number of the thing in the scene; None is off-screen.
  """

  begin: float
  end: float
  voice: str
  thing: int | None


def take_turns(
  voices: Sequence[str],
  unseen: Sequence[str],
  seconds: float,
  rng: np.random.Generator,
  *,
  length: float,
  off_screen: float,
) -> tuple[Turn, ...]:
  """Returns turns that fill a clip, one at a time.

  Whoever had the last turn does not take the next, if there is another; all
  others are equally likely. Nothing of the scene but the number of things
  comes in: what moves, and how, has no part in it.

  Args:
    voices: Of the things in the scene; thing i has voices[i].
    unseen: Voices that are off-screen.
    seconds: Of the clip.
    rng: Of who and how long.
    length: Seconds of a turn, on average.
    off_screen: How likely a turn is of an unseen voice.
  """
  turns, last = [], None
  now = rng.uniform(0, 0.4)
  while now < seconds - 0.4:
    end = min(seconds, now + length * rng.uniform(0.55, 1.45))
    others = [i for i in range(len(voices)) if i != last] or [last]
    hidden = rng.uniform() < off_screen
    chosen = others[rng.integers(len(others))] if voices else None
    elsewhere = unseen[rng.integers(len(unseen))]
    if hidden:
      turns.append(Turn(now, end, elsewhere, None))
    else:
      turns.append(Turn(now, end, voices[chosen], chosen))
      last = chosen
    alone = len(voices) == 1
    long_pause = rng.uniform() < (0.5 if alone else 0.15)
    now = end + (rng.uniform(0.5, 1.1) if long_pause else rng.uniform(0, 0.3))
  return tuple(turns)


def heard(
  turns: Sequence[Turn], seconds: float, rng: np.random.Generator
) -> np.ndarray:
  """Returns what turns sound like, float32 [samples] at 16 kHz."""
  sound = ambience(round(seconds * SAMPLE_RATE), rng)
  for turn in turns:
    begin = round(turn.begin * SAMPLE_RATE)
    part = voice(turn.voice, turn.end - turn.begin, rng)
    part = part[: len(sound) - begin]
    sound[begin : begin + len(part)] += part
  return np.clip(sound, -1, 1)
