"""Scripts of simulated clips: what is visible and audible at which time."""

import dataclasses
import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scene import Scene, make_scene
from dave_jax.datasets.simulation.voices import ambience, voice
from dave_jax.media.audio import SAMPLE_RATE

SORTS = ('nature', 'social', 'silent', 'unseen', 'cuts')
CATEGORY = {
  'nature': 'Nature',
  'social': 'Social',
  'silent': 'Misc',
  'unseen': 'Misc',
  'cuts': 'Misc',
}
TURN = 3.0  # Seconds.
_RATES = (25, 30)


@dataclasses.dataclass(frozen=True)
class Turn:
  """An interval in which one voice is audible.

  Attributes:
    begin, end: Seconds.
    voice: See `voices.voice`.
    object_index: Index of its source in the scene; None is off-screen.
  """

  begin: float
  end: float
  voice: str
  object_index: int | None


@dataclasses.dataclass(frozen=True)
class Shot:
  """An interval of a clip without a cut, in seconds, and its scene."""

  begin: float
  end: float
  scene: Scene


@dataclasses.dataclass(frozen=True)
class Scenario:
  """The script of a clip.

  Attributes:
    sort: One of `SORTS`.
    rate: Frames per second.
    frames: Number of frames.
    shots: The shots in order. Scenes use the time of the clip.
    turns: The voices. Only clips of one shot have on-screen voices.
    key: Seed of the random numbers of its sound and viewers.
  """

  sort: str
  rate: int
  frames: int
  shots: tuple[Shot, ...]
  turns: tuple[Turn, ...]
  key: tuple[int, ...]

  @property
  def seconds(self) -> float:
    return self.frames / self.rate

  def shot_at(self, time: float) -> Shot:
    """Returns the shot at a time in seconds; the last shot after the end."""
    for shot in self.shots:
      if time < shot.end:
        return shot
    return self.shots[-1]

  def stream(self, purpose: str) -> np.random.Generator:
    """Returns an independent random stream, see `stream`."""
    return stream(self.key, purpose)

  def pictures(self, size: tuple[int, int]):
    """Yields the frames, uint8 [h, w, 3], RGB, of size (height, width)."""
    shot = paint = None
    for frame in range(self.frames):
      time = frame / self.rate
      if self.shot_at(time) is not shot:
        shot = self.shot_at(time)
        paint = shot.scene.painter(size)
      yield paint(time)

  def waveform(self) -> np.ndarray | None:
    """Returns the sound, float32 [samples] at 16 kHz; None if silent."""
    if self.sort == 'silent':
      return None
    return mix_turns(self.turns, self.seconds, self.stream('sound'))

  def sounding(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns the on-screen sound sources: (frames [k], object indices [k])."""
    time = np.arange(self.frames) / self.rate
    pairs = [
      (frame, turn.object_index)
      for turn in self.turns
      if turn.object_index is not None
      for frame in np.flatnonzero((time >= turn.begin) & (time < turn.end))
    ]
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def make_scenario(
  sort: str, key: tuple[int, ...], kinds: int = len(KINDS), turn: float = TURN
) -> Scenario:
  """Draws the script of a clip.

  Frames and turns use independent random streams: the frames do not depend on
  the turns.

  - 'nature': one object, which sounds intermittently.
  - 'social': two to four objects, at most one less than there are kinds, which
    sound in turn; one turn in ten is of an off-screen voice.
  - 'silent', 'unseen': objects as in 'social', in silence or with one or two
    off-screen voices.
  - 'cuts': two or three shots of two or three objects each, with off-screen
    voices.

  Args:
    sort: One of `SORTS`.
    key: Seed; the same key gives the same clip.
    kinds: Uses the first so many of `KINDS`, 3 or more.
    turn: Mean duration of a turn in seconds.

  Raises:
    ValueError: `kinds` or `turn` is out of range.
  """
  if not 3 <= kinds <= len(KINDS):
    raise ValueError(f'expected 3 to {len(KINDS)} kinds, got {kinds}')
  if not turn > 0:
    raise ValueError(f'expected turns of more than 0 seconds, got {turn}')
  allowed = KINDS[:kinds]
  seen, said = stream(key, 'scene'), stream(key, 'turns')
  rate = int(seen.choice(_RATES))
  frames = round(seen.uniform(4, 8) * rate)
  seconds = frames / rate
  if sort == 'cuts':
    shots, present = _cut(seen, seconds, allowed)
  else:
    count = 1 if sort == 'nature' else int(seen.integers(2, min(5, kinds)))
    scene = make_scene(seen, count, allowed=allowed)
    shots = (Shot(0.0, seconds, scene),)
    present = [item.kind for item in scene.objects]
  unseen = [kind.voice for kind in allowed if kind not in present]
  if sort == 'silent':
    turns = ()
  elif sort in ('nature', 'social'):
    voices = [kind.voice for kind in present]
    turns = take_turns(
      voices, unseen, seconds, said, length=turn, off_screen=0.1
    )
  else:
    unseen = list(said.permutation(unseen))[:2]
    turns = take_turns([], unseen, seconds, said, length=turn, off_screen=1.0)
  return Scenario(sort, rate, frames, shots, turns, tuple(key))


def stream(key: tuple[int, ...], purpose: str) -> np.random.Generator:
  """Returns a random stream that depends on the key and the purpose only."""
  return np.random.default_rng([*key, zlib.crc32(purpose.encode())])


def _cut(rng, seconds, kinds):
  """Returns the shots of a clip, and the kinds that they may contain."""
  most = min(4, len(kinds) - 1)
  allowed = tuple(kinds[i] for i in rng.permutation(len(kinds))[:most])
  count = int(rng.integers(2, 4))
  edges = np.linspace(0, seconds, count + 1)
  edges[1:-1] += rng.uniform(-0.4, 0.4, count - 1)
  shots = tuple(
    Shot(
      float(begin),
      float(end),
      make_scene(rng, int(rng.integers(2, min(4, most + 1))), allowed=allowed),
    )
    for begin, end in itertools.pairwise(edges)
  )
  return shots, list(allowed)


def take_turns(
  voices: Sequence[str],
  unseen: Sequence[str],
  seconds: float,
  rng: np.random.Generator,
  *,
  length: float,
  off_screen: float,
) -> tuple[Turn, ...]:
  """Draws the turns of a clip, which do not overlap.

  No object sounds twice in a row if there are others, which are equally likely.
  Only the number of objects in the scene matters, not how they move.

  Args:
    voices: Voice of each object in the scene.
    unseen: Off-screen voices.
    seconds: Duration of the clip.
    rng: Random numbers.
    length: Mean duration of a turn in seconds.
    off_screen: Probability that a turn is of an off-screen voice.
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


def mix_turns(
  turns: Sequence[Turn], seconds: float, rng: np.random.Generator
) -> np.ndarray:
  """Returns the sound of turns and ambience, float32 [samples] at 16 kHz."""
  sound = ambience(round(seconds * SAMPLE_RATE), rng)
  for turn in turns:
    begin = round(turn.begin * SAMPLE_RATE)
    part = voice(turn.voice, turn.end - turn.begin, rng)
    part = part[: len(sound) - begin]
    sound[begin : begin + len(part)] += part
  return np.clip(sound, -1, 1)
