"""A clip before it is drawn: what is seen, what is heard, when."""

import dataclasses
import itertools
import zlib

import numpy as np

from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scene import Scene, make_scene
from dave_jax.datasets.simulation.turns import Turn, heard, take_turns

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
class Shot:
  """A stretch without a cut: its seconds in the clip, and what it shows."""

  begin: float
  end: float
  scene: Scene


@dataclasses.dataclass(frozen=True)
class Scenario:
  """A clip before it is drawn.

  Attributes:
    sort: One of `SORTS`.
    rate: Frames per second.
    frames: How many.
    shots: What is seen; a scene's time is the clip's.
    turns: What is heard; `Turn.thing` counts in the only shot there is.
    key: Of the random numbers of its sound and viewers.
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
    """Returns the shot that is seen at a second, the last after the end."""
    for shot in self.shots:
      if time < shot.end:
        return shot
    return self.shots[-1]

  def stream(self, purpose: str) -> np.random.Generator:
    """Returns random numbers of their own for a purpose."""
    return stream(self.key, purpose)

  def pictures(self, size: tuple[int, int]):
    """Yields the frames, uint8 [h, w, 3], of a height and width."""
    shot = paint = None
    for frame in range(self.frames):
      time = frame / self.rate
      if self.shot_at(time) is not shot:
        shot = self.shot_at(time)
        paint = shot.scene.painter(size)
      yield paint(time)

  def waveform(self) -> np.ndarray | None:
    """Returns what is heard, float32 [samples] at 16 kHz; None if silent."""
    if self.sort == 'silent':
      return None
    return heard(self.turns, self.seconds, self.stream('sound'))

  def sounding(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns what of the picture sounds: (frames [k], things [k])."""
    time = np.arange(self.frames) / self.rate
    pairs = [
      (frame, turn.thing)
      for turn in self.turns
      if turn.thing is not None
      for frame in np.flatnonzero((time >= turn.begin) & (time < turn.end))
    ]
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def make_scenario(
  sort: str, key: tuple[int, ...], kinds: int = len(KINDS), turn: float = TURN
) -> Scenario:
  """Returns the clip of a sort that a key stands for.

  Picture and turns have streams of random numbers of their own: with another
  stream for the turns, every pixel stays as it is.

  - 'nature': one thing, that sounds now and then.
  - 'social': two to four things that take turns, but one less than there are
    kinds at most; one in ten turns is of an unseen voice.
  - 'silent', 'unseen': things as in 'social', in silence or with one or two
    voices off-screen.
  - 'cuts': two or three shots of two or three things each, with a voice over
    them that is not theirs.

  Args:
    sort: One of `SORTS`.
    key: Integers; the same key gives the same clip.
    kinds: How many of `KINDS` there are, 3 or more.
    turn: Seconds that a thing sounds in its turn, on average.

  Raises:
    ValueError: There are not so many kinds, or turns have no length.
  """
  if not 3 <= kinds <= len(KINDS):
    raise ValueError(f'got {kinds} kinds, wanted 3 to {len(KINDS)}')
  if not turn > 0:
    raise ValueError(f'got turns of {turn} seconds, wanted more than 0')
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
    present = [thing.kind for thing in scene.things]
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
  """Returns the random numbers of a key for one purpose."""
  return np.random.default_rng([*key, zlib.crc32(purpose.encode())])


def _cut(rng, seconds, kinds):
  """Returns (shots, the kinds that may be in them): not all, four at most."""
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
