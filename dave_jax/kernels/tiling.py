"""Splits a convolution into pieces that fit the caches of a CPU."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax import lax

from dave_jax.kernels import winograd

# Memory of the inputs that one piece gathers. On two cores with 1 MiB of L2
# cache each, 64 channels of 8x64x80 took 39, 30 and 19 ms with 18, 9 and
# 4.5 MiB.
PIECE_BYTES = 4 << 20
# The same of many channels, but for tiles of 2x2. One core computes products of
# fewer than 80 rows: the gradient of the input of 4x32x40x128 takes 28 ms with
# 8 MiB and 52 ms with 4 MiB, and a convolution of 2x16x20x256, gathered, 17 and
# 20 ms.
_MANY_CHANNELS, _LARGE_PIECE_BYTES = 128, 8 << 20


@dataclasses.dataclass(frozen=True)
class Tiling:
  """How one convolution is split into pieces.

  Tuples are in the order time, height, width. Along an axis, a piece either
  uses Winograd tiles or gathers the inputs under each tap (im2col).

  Attributes:
    kernel: Number of taps.
    strides: Strides.
    tiles: Outputs of a Winograd tile; 0 for an axis that is gathered.
    piece: Outputs of a piece.
    grid: Number of pieces.
    parts: Number of Winograd filters of equal length that the taps in time are
      split into. One filter of all seven taps of a stem loses a decimal digit,
      two of four lose half of that.
  """

  kernel: tuple[int, int, int]
  strides: tuple[int, int, int]
  tiles: tuple[int, int, int]
  piece: tuple[int, int, int]
  grid: tuple[int, int, int]
  parts: int = 1

  @property
  def taps(self) -> tuple[int, int, int]:
    """Taps of one filter; the last part in time may be padded with zeros."""
    return (-(-self.kernel[0] // self.parts), *self.kernel[1:])

  @property
  def size(self) -> tuple[int, ...]:
    """Outputs of all pieces together, which may exceed those needed."""
    return tuple(p * g for p, g in zip(self.piece, self.grid, strict=True))

  @property
  def tiled(self) -> list[int]:
    """Axes that use Winograd tiles, among 0, 1, 2."""
    return [axis for axis in range(3) if self.tiles[axis]]

  @property
  def gathered(self) -> list[int]:
    """Axes whose taps are gathered, among 0, 1, 2."""
    return [axis for axis in range(3) if not self.tiles[axis]]

  def start(self, i):
    """Returns the start of piece i in the output [b, t, h, w, n]."""
    i, w = i // self.grid[2], i % self.grid[2]
    t, h = i // self.grid[1], i % self.grid[1]
    p_t, p_h, p_w = self.piece
    return (0, t * p_t, h * p_h, w * p_w, 0)

  def pad_input(self, x, padding):
    """Pads x, [b, t, h, w, c], to the inputs of all pieces."""
    pads = []
    spans = self._spans(self.size)
    for axis, (low, _) in enumerate(padding):
      needed = spans[axis]
      pads.append((low, needed - low - x.shape[1 + axis]))
    return pad(x, pads)

  def pad_output(self, dy):
    """Pads the gradient of the output to the outputs of all pieces."""
    pads = [(0, n - dy.shape[1 + axis]) for axis, n in enumerate(self.size)]
    return pad(dy, pads)

  def _spans(self, outputs):
    """Returns the number of inputs that a number of outputs depends on."""
    taps = (self.parts * self.taps[0], *self.taps[1:])
    return [
      (o - 1) * s + k
      for o, s, k in zip(outputs, self.strides, taps, strict=True)
    ]

  def matrices(self, kernel, flipped=False):
    """Returns the kernel's parts as matrices [points, taps * c, n].

    With `flipped`, the taps are reversed and it is [points, c, taps * n].
    """
    if flipped:
      kernel = jnp.flip(kernel, (0, 1, 2))
    if self.parts == 1:
      return [self._matrix(kernel, flipped)]
    missing = self.parts * self.taps[0] - self.kernel[0]
    kernel = jnp.pad(kernel, ((0, missing), *((0, 0),) * 4))
    parts = jnp.split(kernel, self.parts)
    return [self._matrix(part, flipped) for part in parts]

  def _matrix(self, kernel, flipped):
    for axis in self.tiled:
      kernel = winograd.transform_taps(kernel, self.tiles[axis], axis)
    points = math.prod(kernel.shape[axis] for axis in self.tiled)
    order = (3, *self.gathered, 4) if flipped else (*self.gathered, 3, 4)
    kernel = kernel.transpose(*self.tiled, *order)
    if flipped:
      return kernel.reshape(points, kernel.shape[len(self.tiled)], -1)
    return kernel.reshape(points, -1, kernel.shape[-1])

  def patches(self, x, i):
    """Returns the inputs of piece i for each part of the kernel.

    Each is [points, b, t, h, w, taps * c].
    """
    start = self.start(i)
    at = (0, *(start[1 + a] * self.strides[a] for a in range(3)), 0)
    spans = self._spans(self.piece)
    x = lax.dynamic_slice(x, at, (x.shape[0], *spans, x.shape[4]))
    x = x.astype(jnp.float32)
    for at, axis in enumerate(self.tiled):
      x = winograd.tile_inputs(
        x, self.tiles[axis], self.taps[axis], 1 + at + axis, at
      )
    x = x.reshape(-1, *x.shape[len(self.tiled) :])
    for axis in reversed(self.gathered):
      x = self._gather(x, axis)
    if self.parts == 1:
      return [x]
    # The tiles of the next part are those of this one, shifted by its taps.
    count = self.piece[0] // self.tiles[0]
    step = self.taps[0] // self.tiles[0]
    return [
      lax.slice_in_dim(x, i * step, i * step + count, axis=2)
      for i in range(self.parts)
    ]

  def _gather(self, x, axis):
    """Concatenates the inputs under each tap of an axis along the channels.

    One axis at a time: 27 slices at once took XLA 0.35 s to compile and ran no
    faster than three steps of three slices.
    """
    step = self.strides[axis]
    span = (self.piece[axis] - 1) * step + 1
    taps = self.kernel[axis]
    parts = [
      lax.slice_in_dim(x, i, i + span, step, 2 + axis) for i in range(taps)
    ]
    if taps == 1:
      return parts[0]
    return lax.optimization_barrier(jnp.concatenate(parts, axis=-1))

  def untile(self, y):
    """Maps tiles [points, b, t, h, w, n] to outputs [b, t, h, w, n]."""
    if not self.tiled:
      return y[0]
    sizes = [self.tiles[a] + self.taps[a] - 1 for a in self.tiled]
    y = y.reshape(*sizes, *y.shape[1:])
    for at, axis in enumerate(self.tiled):
      y = winograd.untile(y, self.tiles[axis], self.taps[axis], at)
    d = len(self.tiled)
    order = [d]
    for axis in range(3):
      order.append(d + 1 + axis)
      if self.tiles[axis]:
        order.append(self.tiled.index(axis))
    y = y.transpose(*order, d + 4)
    return y.reshape(y.shape[0], *self.piece, y.shape[-1])

  def tile(self, dy):
    """Transpose of `untile`: [b, t, h, w, n] to [points, b, t, h, w, n]."""
    for at, axis in enumerate(self.tiled):
      dy = winograd.tile_outputs(
        dy, self.tiles[axis], self.taps[axis], 1 + at + axis, at
      )
    return dy.reshape(-1, *dy.shape[len(self.tiled) :])


def choose_tiling(
  x_shape: tuple[int, ...],
  out: tuple[int, int, int],
  kernel: tuple[int, int, int],
  n: int,
  strides: tuple[int, int, int],
  *,
  precise: bool = False,
  gradient: bool = False,
) -> Tiling:
  """Chooses how to split a convolution.

  Args:
    x_shape: Shape of the input, [b, t, h, w, c].
    out: Outputs in time, height and width.
    kernel: Number of taps.
    n: Number of output channels.
    strides: Strides.
    precise: Whether to avoid the Winograd tiles that lose a decimal digit.
    gradient: Whether to use the largest tiles, which lose a little more, as
      gradients allow.
  """
  b, c = x_shape[0], x_shape[4]
  tiles, parts = _tiles(b, out, kernel, min(c, n), strides, precise, gradient)
  each = 4 * c  # Bytes gathered for one output.
  for axis, (k, m) in enumerate(zip(kernel, tiles, strict=True)):
    r = -(-k // parts) if axis == 0 else k
    each *= (m + r - 1) / m if m else k
  steps = [m or 1 for m in tiles]
  # Outputs of a piece. The batch is not split: it may be sharded over devices.
  large = min(c, n) >= _MANY_CHANNELS and (gradient or not tiles[1])
  count = (_LARGE_PIECE_BYTES if large else PIECE_BYTES) / (each * b)
  w = out[2]
  if kernel[0] == 7 and tiles[0]:
    # Splitting frames gathers six neighbours again, splitting columns five.
    w = min(w, max(8, int(count / out[0])))
  w = _round_up(w, steps[2])
  rows = count / w
  # With Winograd in height, several frames in a piece share their borders.
  t = out[0] if tiles[1] or w < out[2] else steps[0]
  t = min(t, max(steps[0], int(rows / steps[1])))
  h = max(1, int(rows / t / steps[1])) * steps[1]
  piece, grid = [], []
  for total, size, step in zip(out, (t, h, w), steps, strict=True):
    piece.append(step * even_size(-(-total // step), max(1, size // step)))
    grid.append(-(-total // piece[-1]))
  return Tiling(kernel, strides, tiles, tuple(piece), tuple(grid), parts)


def even_size(total: int, most: int) -> int:
  """Returns the size, at most `most`, of equal pieces of `total`.

  Pieces down to half of `most` are preferred if they leave no rest, because
  cutting the rest off copies the whole result.
  """
  for size in range(min(most, total), most // 2, -1):
    if total % size == 0:
      return size
  return -(-total // -(-total // most))


def _tiles(b, out, kernel, channels, strides, precise, gradient):
  """Returns the tiles and parts, with Winograd where it saves time.

  Measured, gathered against Winograd, in ms:

  - 3x3x3: 8x64x80x64: 106, 22; 4x32x40x128: 40, 12; 8x16x16x64: 4.6, 1.4;
    8x32x40x8: 1.9, 0.6.
  - 3x3x3, precise, tiles of 2x2x2 against 2x2x4: 8x64x80x64: 80, 57.
    Gathered in time, tiles of 2x2 against 2x2x2: 4x32x40x128: 32, 45, since one
    core computes products of so few channels.
  - 3x3x3, gradients, tiles in two axes against three: of the input, 8x64x80x64:
    66, 45; 4x32x40x128: 26, 29; of the kernel: 97, 60; 36, 40.
  - 1x3x3: 32x40x256: 9, 5; 16x20x256: 1.8, 2.6; 8x8x512: 8, 51. With few tiles
    the cost of the kernel, which grows fourfold, dominates.
  - 7x7x7 at strides 1, 2, 2: 16x256x320x3: 2180, 210; 16x64x64x1: 7, 3.
  """
  if kernel[1:] == (3, 3) and strides == (1, 1, 1):
    count = b * out[0] * -(-out[1] // 4) * -(-out[2] // 4)
    if channels >= 8 and min(out[1:]) >= 8 and count >= channels / 4:
      many_frames = kernel[0] == 3 and out[0] % 8 == 0
      if precise:
        if many_frames:
          return (2, 2, 4), 1
        in_time = kernel[0] == 3 and channels < _MANY_CHANNELS
        return (2 if in_time else 0, 2, 2), 1
      if gradient and many_frames:
        return (4, 4, 4), 1
      return (0, 4, 4), 1
  if kernel[0] == 7 and strides[0] == 1 and out[0] >= 4:
    return (4, 0, 0), 2
  return (0, 0, 0), 1


def pad(x: jax.Array, padding) -> jax.Array:
  """Pads time, height and width with zeros; negative numbers crop."""
  b, t, h, w, c = x.shape
  *others, (low, high) = padding
  # Width and channels merged: one loop less, 0.05 s to compile instead of 0.2.
  config = [(0, 0, 0), *((*pads, 0) for pads in others), (low * c, high * c, 0)]
  x = lax.pad(x.reshape(b, t, h, w * c), jnp.zeros((), x.dtype), config)
  return x.reshape(*x.shape[:3], -1, c)


def _round_up(n, step):
  return -(-n // step) * step
