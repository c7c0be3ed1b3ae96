"""The kinds of simulated objects and how they look.

A kind has a shape, a texture, a colour and a voice (see `voices`). Which look
goes with which voice is the same in all splits, so that a network can learn it.
"""

import dataclasses

import cv2
import numpy as np

EYE = 0.25  # Height of an object's eye above its centre, in diameters.
_FINER = 4  # Factor of supersampling when sprites are drawn.


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of object.

  Attributes:
    shape: 'disc', 'square', 'triangle', 'star', 'cross' or 'ring'.
    texture: 'stripes', 'checks', 'dots', 'rings', 'waves' or 'grain'.
    hue: Hue in degrees.
    voice: See `voices.voice`.
    appeal: How strongly it attracts gaze at rest and in silence. Kinds differ
      in it so that images alone teach a network to tell them apart, which it
      needs to find the source of a voice.
  """

  shape: str
  texture: str
  hue: float
  voice: str
  appeal: float


# Data sets of fewer kinds use the first.
KINDS = (
  Kind('disc', 'stripes', 0.0, 'hum', 4.0),
  Kind('star', 'grain', 50.0, 'bell', 0.5),
  Kind('cross', 'rings', 180.0, 'whistle', 1.5),
  Kind('triangle', 'checks', 230.0, 'rattle', 0.25),
  Kind('square', 'dots', 120.0, 'knock', 2.5),
  Kind('ring', 'waves', 305.0, 'chirp', 1.0),
)


def sprite(kind: Kind, diameter: float, seed: int) -> np.ndarray:
  """Returns an image of an object, uint8 [n, n, 4], premultiplied RGBA.

  Hue, brightness and texture vary slightly with the seed; the eye does not.

  Args:
    kind: Kind of the object.
    diameter: Diameter of its circumscribed circle in pixels; n is slightly
      more.
    seed: Seed of its variation.
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
  """Returns the opacity, float32 [side, side], 1 inside the shape."""
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
  """Returns a pattern in 0..1 on coordinates in -1..1."""
  phase = rng.uniform(0, 2 * np.pi, 2)
  turn = rng.uniform(-0.15, 0.15)
  x, y = (
    x * np.cos(turn) - y * np.sin(turn),
    x * np.sin(turn) + y * np.cos(turn),
  )
  pitch = np.pi * rng.uniform(2.6, 3.2)  # Radians per radius.
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
