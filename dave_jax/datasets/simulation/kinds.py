"""The kinds of things: what each looks like.

A kind is a shape, a texture and a colour; `voices` says what it sounds like.
Which look goes with which voice is fixed, the same in all splits: that is what
a network can learn.
"""

import dataclasses

import cv2
import numpy as np

EYE = 0.25  # Of a thing's diameter: its eye is that far above its middle.
_FINER = 4  # Sprites are drawn this many times larger, then averaged.


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of thing.

  Attributes:
    shape: 'disc', 'square', 'triangle', 'star', 'cross' or 'ring'.
    texture: 'stripes', 'checks', 'dots', 'rings', 'waves' or 'grain'.
    hue: Degrees on the colour circle.
    voice: See `voices.voice`.
    appeal: How much it draws the eye at rest and in silence, as faces do more
      than walls. So pictures alone teach a network to tell kinds apart, which
      is what it needs to find whose voice it hears.
  """

  shape: str
  texture: str
  hue: float
  voice: str
  appeal: float


# The first few are used where fewer are asked for.
KINDS = (
  Kind('disc', 'stripes', 0.0, 'hum', 4.0),
  Kind('star', 'grain', 50.0, 'bell', 0.5),
  Kind('cross', 'rings', 180.0, 'whistle', 1.5),
  Kind('triangle', 'checks', 230.0, 'rattle', 0.25),
  Kind('square', 'dots', 120.0, 'knock', 2.5),
  Kind('ring', 'waves', 305.0, 'chirp', 1.0),
)


def sprite(kind: Kind, diameter: float, seed: int) -> np.ndarray:
  """Returns a thing of a kind, uint8 [n, n, 4]: red, green, blue, opacity.

  Colours are multiplied by the opacity already. Every thing has an eye, which
  never changes. No two of a kind are quite alike: hue, brightness and texture
  vary a little with the seed.

  Args:
    kind: What it is.
    diameter: Pixels of the circle it fits in; n is a little more.
    seed: Of what is its own.
  """
  rng = np.random.default_rng(seed)
  side = int(np.ceil(diameter)) + 2
  fine = side * _FINER
  axis = (np.arange(fine) + 0.5 - fine / 2) / (diameter * _FINER / 2)
  x, y = np.meshgrid(axis, axis)
  opacity = _mask(kind.shape, fine, diameter * _FINER / 2)
  tone = _texture(kind.texture, x, y, rng)
  hue = (kind.hue + rng.uniform(-8, 8)) % 360
  bright = rng.uniform(0.85, 1.0)
  hsv = np.empty((fine, fine, 3), np.float32)
  hsv[..., 0] = hue
  hsv[..., 1] = 0.95 - 0.25 * tone
  hsv[..., 2] = bright * (0.45 + 0.55 * tone)
  rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
  rgba = np.dstack([rgb, np.ones_like(opacity)]) * opacity[..., None]
  eye = round(fine / 2), round(fine / 2 - EYE * diameter * _FINER)
  for share, level in ((0.1, 1.0), (0.05, 0.0)):
    radius = round(share * diameter * _FINER)
    cv2.circle(rgba, eye, radius, (level, level, level, 1.0), -1)
  small = cv2.resize(rgba, (side, side), interpolation=cv2.INTER_AREA)
  return np.rint(small * 255).astype(np.uint8)


def _mask(shape, side, radius):
  """Returns float32 [side, side], 1 inside."""
  mask = np.zeros((side, side), np.float32)
  points = _outline(shape) * radius + side / 2
  cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1.0)
  if shape == 'ring':
    centre = (side // 2, side // 2)
    cv2.circle(mask, centre, round(0.3 * radius), 0.0, -1)
  return mask


def _outline(shape):
  """Returns the corners [n, 2] of a shape in the unit circle."""
  corners = {'square': 4, 'triangle': 3, 'star': 10}
  if shape == 'cross':
    a, b = 0.92, 0.34
    corner = [[b, a], [b, b], [a, b], [a, -b], [b, -b], [b, -a]]
    return np.array(corner + [[-u, -v] for u, v in corner])
  count = corners.get(shape, 64)
  angle = 2 * np.pi * np.arange(count) / count - np.pi / 2
  length = np.ones(count)
  if shape == 'star':
    length[1::2] = 0.5
  return np.stack([np.cos(angle), np.sin(angle)], axis=1) * length[:, None]


def _texture(texture, x, y, rng):
  """Returns a pattern of 0 to 1 on coordinates from -1 to 1."""
  phase = rng.uniform(0, 2 * np.pi, 2)
  turn = rng.uniform(-0.15, 0.15)
  x, y = (
    x * np.cos(turn) - y * np.sin(turn),
    x * np.sin(turn) + y * np.cos(turn),
  )
  pitch = np.pi * rng.uniform(2.6, 3.2)  # Radians in half a diameter.
  if texture == 'stripes':
    wave = np.sin(pitch * x + phase[0])
  elif texture == 'checks':
    wave = np.sin(pitch * x + phase[0]) * np.sin(pitch * y + phase[1]) * 2
  elif texture == 'dots':
    wave = np.cos(pitch * x + phase[0]) + np.cos(pitch * y + phase[1]) - 0.5
  elif texture == 'rings':
    wave = np.sin(1.4 * pitch * np.hypot(x, y) + phase[0])
  elif texture == 'waves':
    wave = np.sin(pitch * y + 1.5 * np.sin(pitch * x + phase[0]) + phase[1])
  else:
    coarse = rng.uniform(-1, 1, (12, 12)).astype(np.float32)
    wave = 2 * cv2.resize(coarse, x.shape, interpolation=cv2.INTER_CUBIC)
  return (0.5 + 0.5 * np.clip(2 * wave, -1, 1)).astype(np.float32)
