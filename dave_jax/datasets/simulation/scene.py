"""The visible part of a simulated shot: moving objects on a moving background.

Positions are fractions of the frame's width and height, sizes are fractions of
its height ("heights"), so that a scene looks the same at every frame size.
Nothing here depends on the sound.
"""

import dataclasses

import cv2
import numpy as np

from dave_jax.datasets.simulation.kinds import EYE, KINDS, Kind, sprite

ASPECT = 1.25  # Width over height, for distances.
_APART = 0.4  # Smallest distance between homes, in heights.
_MARGIN = 0.55  # Margin of the background on each side, in heights.
_EDGE = 0.17  # Smallest distance of a centre from an edge, in heights.


@dataclasses.dataclass(frozen=True)
class SceneObject:
  """An object and its motion.

  It drifts slowly around its home. In bursts of about a second it is lively: it
  oscillates and rotates faster.

  Attributes:
    kind: Kind of object.
    diameter: Diameter in heights.
    seed: Seed of its look, see `kinds.sprite`.
    home: [2], mean position.
    wander: [2, 2, 3], two sine waves each of x and y: amplitude in heights,
      frequency in hertz, phase.
    bursts: [n, 2], begin and end of each burst in seconds.
    wiggle: Oscillation in bursts: amplitude in heights, frequency in hertz,
      direction in radians.
    spin: Initial angle in radians, rotation in radians a second at rest and in
      bursts.
  """

  kind: Kind
  diameter: float
  seed: int
  home: np.ndarray
  wander: np.ndarray
  bursts: np.ndarray
  wiggle: tuple[float, float, float]
  spin: tuple[float, float, float]

  def liveliness(self, time: np.ndarray) -> np.ndarray:
    """Returns its liveliness in 0..1, [n], at times [n] in seconds."""
    rise = 0.15
    begin, end = self.bursts.T[:, :, None]
    up, down = (time - begin) / rise, (end - time) / rise
    level = np.clip(np.minimum(up, down), 0, 1)
    return level.max(axis=0, initial=0.0)

  def places(self, time: np.ndarray) -> np.ndarray:
    """Returns its centre, [n, 2], at times [n] in seconds."""
    amplitude, hertz, phase = np.moveaxis(self.wander[..., None], 2, 0)
    waves = amplitude * np.sin(2 * np.pi * hertz * time + phase)
    offset = waves.sum(axis=1)  # [2, n]
    size, hertz, direction = self.wiggle
    along = size * np.sin(2 * np.pi * hertz * time) * self.liveliness(time)
    offset = offset + along * np.array(
      [[np.cos(direction)], [np.sin(direction)]]
    )
    scale = np.array([ASPECT, 1.0])
    return np.clip(
      self.home + offset.T / scale, _EDGE / scale, 1 - _EDGE / scale
    )

  def angles(self, time: np.ndarray) -> np.ndarray:
    """Returns its angle in radians, [n], at times [n] in seconds."""
    first, slow, fast = self.spin
    # The integral of the rotation; the short rise of bursts is neglected.
    begin, end = self.bursts.T[:, :, None]
    lively = np.clip(time - begin, 0, end - begin).sum(axis=0)
    return first + slow * time + (fast - slow) * lively

  def eyes(self, time: np.ndarray) -> np.ndarray:
    """Returns the position of its eye, [n, 2], at times [n] in seconds."""
    angle = self.angles(time)
    away = EYE * self.diameter * np.stack([np.sin(angle), -np.cos(angle)], 1)
    return self.places(time) + away / [ASPECT, 1.0]


@dataclasses.dataclass(frozen=True)
class Scene:
  """Objects on a background; later ones occlude earlier ones."""

  objects: tuple[SceneObject, ...]
  seed: int

  def painter(self, size: tuple[int, int]) -> 'Painter':
    """Returns what draws its frames of size (height, width)."""
    return Painter(self, size)


def make_scene(
  rng: np.random.Generator, count: int, *, allowed: tuple[Kind, ...] = KINDS
) -> Scene:
  """Draws a scene of objects of different kinds.

  Args:
    rng: Random numbers.
    count: Number of objects; a single one moves further.
    allowed: The kinds to choose from.
  """
  chosen = rng.permutation(len(allowed))[:count]
  homes = _homes(rng, count)
  objects = [
    _make_object(rng, allowed[number], home, roams=count == 1)
    for number, home in zip(chosen, homes, strict=True)
  ]
  return Scene(tuple(objects), int(rng.integers(2**31)))


def _homes(rng, count):
  """Returns positions [count, 2] that lie apart, denser near the centre."""
  scale = np.array([ASPECT, 1.0])
  low, high = (_EDGE + 0.03) / scale, 1 - (_EDGE + 0.03) / scale
  apart = _APART
  while True:
    for _ in range(50):
      homes = rng.triangular(low, 0.5, high, (count, 2))
      gaps = np.linalg.norm((homes[:, None] - homes) * scale, axis=-1)
      if np.all(gaps[np.triu_indices(count, 1)] >= apart):
        return homes
    apart *= 0.9


def _make_object(rng, kind, home, *, roams):
  reach = 0.22 if roams else 0.07
  wander = np.stack(
    [
      rng.uniform(0.4 * reach, reach, (2, 2)),
      rng.uniform(0.06, 0.22, (2, 2)),
      rng.uniform(0, 2 * np.pi, (2, 2)),
    ],
    axis=-1,
  )
  bursts, now = [], rng.uniform(-1.0, 2.0)
  while now < 9:
    end = now + rng.uniform(0.6, 1.6)
    bursts.append([now, end])
    now = end + rng.uniform(0.8, 3.0)
  slow = rng.uniform(-0.4, 0.4)
  return SceneObject(
    kind=kind,
    diameter=rng.uniform(0.22, 0.33),
    seed=int(rng.integers(2**31)),
    home=home,
    wander=wander,
    bursts=np.array(bursts),
    wiggle=(
      rng.uniform(0.03, 0.06),
      rng.uniform(1.5, 2.5),
      rng.uniform(0, 2 * np.pi),
    ),
    spin=(
      rng.uniform(0, 2 * np.pi),
      slow,
      slow + rng.choice([-1, 1]) * rng.uniform(2, 4),
    ),
  )


class Painter:
  """Draws the frames of a scene."""

  def __init__(self, scene: Scene, size: tuple[int, int]):
    """Takes a scene and the (height, width) of frames."""
    self._scene, self._size = scene, size
    h, _ = size
    self._sprites = [
      sprite(item.kind, item.diameter * h, item.seed) for item in scene.objects
    ]
    rng = np.random.default_rng(scene.seed)
    self._background = _background(rng, size)
    self._drift = rng.uniform(-0.06, 0.06, 2)  # Heights per second.
    self._sway = rng.uniform(0.0, 0.02), rng.uniform(0.1, 0.4)
    self._light = rng.uniform(0.85, 1.05)

  def __call__(self, time: float) -> np.ndarray:
    """Returns the frame at a time in seconds, uint8 [h, w, 3], RGB."""
    h, w = self._size
    size, hertz = self._sway
    shift = self._drift * time + size * np.sin(2 * np.pi * hertz * time)
    across, down = (_MARGIN + shift) * h
    move = np.float32([[1, 0, across], [0, 1, down]])
    image = cv2.warpAffine(
      self._background,
      move,
      (w, h),
      flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
      borderMode=cv2.BORDER_REFLECT_101,
    )
    now = np.array([time])
    for item, look in zip(self._scene.objects, self._sprites, strict=True):
      (place,), (angle,) = item.places(now), item.angles(now)
      _paste(image, look, place * [w, h], angle)
    return cv2.convertScaleAbs(image, alpha=self._light)


def _paste(image, look, middle, angle):
  """Blends a rotated sprite into an image in place, centred at (x, y)."""
  h, w, _ = image.shape
  side = look.shape[0]
  reach = side // 2 + 1
  left, top = np.floor(middle).astype(int) - reach
  right, bottom = left + 2 * reach + 1, top + 2 * reach + 1
  # The centre of pixel i is at i + 0.5 here, and at i in OpenCV.
  x, y = middle - [left, top] - 0.5
  c, s, half = np.cos(angle), np.sin(angle), (side - 1) / 2
  move = np.float64(
    [
      [c, -s, x - c * half + s * half],
      [s, c, y - s * half - c * half],
    ]
  )
  turned = cv2.warpAffine(look, move, (right - left, bottom - top))
  x0, y0 = max(left, 0), max(top, 0)
  x1, y1 = min(right, w), min(bottom, h)
  turned = turned[y0 - top : y1 - top, x0 - left : x1 - left]
  behind = image[y0:y1, x0:x1]
  rest = 255 - turned[..., 3:].astype(np.uint16)
  behind[:] = turned[..., :3] + (behind * rest // 255).astype(np.uint8)


def _background(rng, size):
  """Returns a greyish texture, uint8 [h, w, 3], with margins on all sides."""
  h, w = (n + round(2 * _MARGIN * size[0]) for n in size)
  total = np.zeros((h, w), np.float32)
  for cells, weight in ((6, 0.8), (14, 0.6), (32, 0.45), (72, 0.3)):
    noise = rng.standard_normal((cells, round(cells * ASPECT)))
    total += weight * cv2.resize(
      noise.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC
    )
  grey = 0.42 + 0.13 * total / total.std() + rng.uniform(-0.1, 0.1)
  tint = 1 + rng.uniform(-0.08, 0.08, 3)
  rgb = np.clip(grey[..., None] * tint, 0.03, 0.97)
  return np.rint(rgb * 255).astype(np.uint8)
