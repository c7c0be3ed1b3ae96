"""3D convolution and its gradients as matrix products, for CPUs."""

import dataclasses
import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_T, _H, _W = 1, 2, 3


@dataclasses.dataclass(frozen=True)
class Plan:
  """How one convolution is cut up.

  Attributes:
    tiles: For time, height and width: how many outputs a Winograd tile holds,
      or 0 to gather the taps instead.
    piece: Outputs in time and height that are computed together.
  """

  tiles: tuple[int, int, int]
  piece: tuple[int, int]


PIECE_BYTES = 4 << 20


def plan(b, out, kernel_shape, strides) -> Plan:
  k_t, k_h, k_w, c, n = kernel_shape
  t, h, w = out
  tiles = [0, 0, 0]
  if (
    strides == (1, 1, 1)
    and k_h == k_w == 3
    and min(c, n) >= 16
    and min(h, w) >= 24
  ):
    tiles = [0, 4, 4]
  elif strides[0] == 1 and k_t == 7 and t >= 4:
    tiles = [4, 0, 0]
  points = math.prod(m + k - 1 for m, k in zip(tiles, kernel_shape) if m)
  taps = math.prod(k for m, k in zip(tiles, kernel_shape) if not m)
  per_tile = math.prod(m for m in tiles if m)
  # Bytes of gathered values for one output position.
  each = 4 * points * taps * c / per_tile
  step_t, step_h = tiles[0] or 1, tiles[1] or 1
  rows = PIECE_BYTES / (each * b * w)
  if tiles[1]:
    p_t = t if rows / t >= step_h / 2 else max(1, int(rows / step_h))
    p_t = min(t, p_t)
  else:
    p_t = step_t
  p_h = max(step_h, int(rows / p_t) // step_h * step_h)
  # equal pieces
  n_h = -(-h // p_h)
  p_h = -(-h // (n_h * step_h)) * step_h
  n_t = -(-t // p_t)
  p_t = -(-t // (n_t * step_t)) * step_t
  return Plan(tuple(tiles), (p_t, p_h))


def forward(x, kernel, strides, padding):
  out = output_size(x.shape, kernel.shape, strides, padding)
  if math.prod(kernel.shape[:3]) == 1:
    return _pointwise(x, kernel, strides, padding)
  if kernel.shape[0] > 1 and out[0] <= 2:
    return _frames_apart(x, kernel, strides, padding, out)
  how = plan(x.shape[0], out, kernel.shape, strides)
  b, n = x.shape[0], kernel.shape[-1]
  dtype = x.dtype
  x, grid = _padded(x, kernel.shape, strides, padding, out, how)
  u = _transformed_kernel(kernel.astype(jnp.float32), how)
  size = tuple(g * p for g, p in zip(grid, how.piece)) + (
    _round_up(out[2], how.tiles[2]),
  )

  def step(i, y):
    patches = _patches(x, i, grid, kernel.shape, strides, size, how)
    shape = patches.shape
    m = lax.dot_general(
      patches.reshape(shape[0], -1, shape[-1]), u, (((2,), (1,)), ((0,), (0,)))
    )
    m = m.reshape(*shape[:-1], n)
    part = _untile(m, kernel.shape, how).astype(dtype)
    start = (i // grid[1] * how.piece[0], i % grid[1] * how.piece[1])
    return lax.dynamic_update_slice(y, part, (0, *start, 0, 0))

  y = _loop(math.prod(grid), step, jnp.zeros((b, *size, n), dtype))
  return y[:, : out[0], : out[1], : out[2]]


def kernel_gradient(x, dy, kernel_shape, strides, padding):
  out = dy.shape[1:4]
  if math.prod(kernel_shape[:3]) == 1:
    zero = jnp.zeros(kernel_shape, x.dtype)
    return jax.vjp(lambda k: _pointwise(x, k, strides, padding), zero)[1](dy)[0]
  if kernel_shape[0] > 1 and out[0] <= 2:
    return _frames_apart_kernel(x, dy, kernel_shape, strides, padding)
  how = plan(x.shape[0], out, kernel_shape, strides)
  n = kernel_shape[-1]
  dtype = x.dtype
  x, grid = _padded(x, kernel_shape, strides, padding, out, how)
  size = tuple(g * p for g, p in zip(grid, how.piece)) + (
    _round_up(out[2], how.tiles[2]),
  )
  if size != tuple(out):
    dy = jnp.pad(dy, ((0, 0), *((0, s - o) for s, o in zip(size, out)), (0, 0)))

  def step(i, total):
    patches = _patches(x, i, grid, kernel_shape, strides, size, how)
    start = (0, i // grid[1] * how.piece[0], i % grid[1] * how.piece[1], 0, 0)
    part = lax.dynamic_slice(dy, start, (dy.shape[0], *how.piece, size[2], n))
    part = _tile_output(part.astype(jnp.float32), kernel_shape, how)
    p, k = patches.shape[0], patches.shape[-1]
    return total + _dot_tn(patches.reshape(p, -1, k), part.reshape(p, -1, n))

  u = jax.eval_shape(
    lambda k: _transformed_kernel(k, how),
    jax.ShapeDtypeStruct(kernel_shape, jnp.float32),
  )
  du = _loop(math.prod(grid), step, jnp.zeros(u.shape))
  transpose = jax.linear_transpose(
    lambda k: _transformed_kernel(k, how),
    jax.ShapeDtypeStruct(kernel_shape, jnp.float32),
  )
  return transpose(du)[0].astype(dtype)


def _dot_tn(patches, part):
  return lax.dot_general(patches, part, (((1,), (1,)), ((0,), (0,))))


def input_gradient(dy, kernel, x_shape, strides, padding):
  """Each phase of a strided convolution's input gradient is a convolution."""
  if math.prod(kernel.shape[:3]) == 1:
    zero = jnp.zeros(x_shape, dy.dtype)
    return jax.vjp(lambda x: _pointwise(x, kernel, strides, padding), zero)[1](
      dy
    )[0]
  kernel = jnp.swapaxes(kernel, 3, 4)
  phases = []
  for phase in itertools.product(*map(range, strides)):
    taps, pads, counts = [], [], []
    for i, (f, s, (low, _)) in enumerate(zip(phase, strides, padding)):
      n, k = x_shape[i + 1], kernel.shape[i]
      first = (f + low) % s
      taps.append(slice(first, None, s))
      j = len(range(first, k, s))
      count = -(-n // s)
      lo = j - 1 - (f + low - first) // s
      pads.append((lo, count + j - 1 - lo - dy.shape[i + 1]))
      counts.append(count)
    part = jnp.flip(kernel[tuple(taps)], (0, 1, 2))
    if part.size == 0:
      phases.append(jnp.zeros((dy.shape[0], *counts, part.shape[-1]), dy.dtype))
    else:
      phases.append(forward(dy, part, (1, 1, 1), tuple(pads)))
  if len(phases) == 1:
    return phases[0]
  b, t, h, w, c = phases[0].shape
  dx = jnp.stack(phases).reshape(*strides, b, t, h, w, c)
  dx = dx.transpose(3, 4, 0, 5, 1, 6, 2, 7)
  s_t, s_h, s_w = strides
  dx = dx.reshape(b, t * s_t, h * s_h, w * s_w, c)
  return dx[:, : x_shape[1], : x_shape[2], : x_shape[3]]


def output_size(x_shape, kernel_shape, strides, padding):
  return tuple(
    (n + sum(p) - k) // s + 1
    for n, k, s, p in zip(x_shape[1:4], kernel_shape, strides, padding)
  )


def _pointwise(x, kernel, strides, padding):
  x = lax.pad(
    x,
    jnp.zeros((), x.dtype),
    ((0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)),
  )
  s_t, s_h, s_w = strides
  return x[:, ::s_t, ::s_h, ::s_w] @ kernel[0, 0, 0]


def _frames(n, k, s, low, out):
  for o in range(out):
    first, last = max(0, low - o * s), min(k, n + low - o * s)
    start = o * s + first - low
    yield slice(start, start + last - first), slice(first, last)


def _frames_apart(x, kernel, strides, padding, out):
  """Leaves out the taps in time that meet padding alone."""
  low = padding[0][0]
  y = []
  for frames, taps in _frames(
    x.shape[1], kernel.shape[0], strides[0], low, out[0]
  ):
    part = x[:, frames]
    b, t, h, w, c = part.shape
    # Frames become channels: taps in time then need no loop.
    y.append(_planar(part, kernel[taps], strides, padding))
  return jnp.concatenate(y, axis=1)


def _planar(x, kernel, strides, padding):
  k_t, k_h, k_w, c, n = kernel.shape
  if k_t > 1:
    b, t, h, w, c = x.shape
    x = jnp.concatenate([x[:, i : i + 1] for i in range(t)], -1)
    kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(1, k_h, k_w, k_t * c, n)
  return forward(x, kernel, (1, *strides[1:]), ((0, 0), *padding[1:]))


def _frames_apart_kernel(x, dy, kernel_shape, strides, padding):
  k_t, k_h, k_w, c, n = kernel_shape
  low = padding[0][0]
  total = jnp.zeros(kernel_shape, x.dtype)
  parts = []
  for o, (frames, taps) in enumerate(
    _frames(x.shape[1], k_t, strides[0], low, dy.shape[1])
  ):
    part = x[:, frames]
    t = part.shape[1]
    part = jnp.concatenate([part[:, i : i + 1] for i in range(t)], -1)
    g = kernel_gradient(
      part,
      dy[:, o : o + 1],
      (1, k_h, k_w, t * c, n),
      (1, *strides[1:]),
      ((0, 0), *padding[1:]),
    )
    g = g.reshape(k_h, k_w, t, c, n).transpose(2, 0, 1, 3, 4)
    parts.append(jnp.pad(g, ((taps.start, k_t - taps.stop), *((0, 0),) * 4)))
  return sum(parts)


def _padded(x, kernel_shape, strides, padding, out, how):
  grid = (-(-out[0] // how.piece[0]), -(-out[1] // how.piece[1]))
  size = (
    grid[0] * how.piece[0],
    grid[1] * how.piece[1],
    _round_up(out[2], how.tiles[2]),
  )
  config = [(0, 0, 0)]
  for n, k, s, (low, _), o in zip(
    x.shape[1:4], kernel_shape, strides, padding, size
  ):
    config.append((low, (o - 1) * s + k - n - low, 0))
  config.append((0, 0, 0))
  return lax.pad(x, jnp.zeros((), x.dtype), config), grid


def _patches(x, i, grid, kernel_shape, strides, size, how):
  """Returns [points, b, t, h, w, taps * c] of piece i."""
  outs = (*how.piece, size[2])
  spans = [(o - 1) * s + k for o, s, k in zip(outs, strides, kernel_shape)]
  start = (
    0,
    i // grid[1] * how.piece[0] * strides[0],
    i % grid[1] * how.piece[1] * strides[1],
    0,
    0,
  )
  v = lax.dynamic_slice(x, start, (x.shape[0], *spans, x.shape[4]))
  v = v.astype(jnp.float32)
  points = []
  outs = list(outs)
  for axis, m in enumerate(how.tiles):
    if not m:
      continue
    b_matrix = toom_cook(m, kernel_shape[axis])[2]
    d = len(points)
    n = b_matrix.shape[0]
    outs[axis] //= m
    slices = [
      lax.slice_in_dim(v, j, j + m * (outs[axis] - 1) + 1, m, axis + 1 + d)
      for j in range(n)
    ]
    v = jnp.stack([_combine(row, slices) for row in b_matrix], d)
    v = lax.optimization_barrier(v)
    points.append(n)
  d = len(points)
  v = v.reshape(-1, *v.shape[d:])
  steps = [1 if m else s for m, s in zip(how.tiles, strides)]
  taps = [1 if m else k for m, k in zip(how.tiles, kernel_shape)]

  def at(v, axis, j):
    o, s = outs[axis], steps[axis]
    return lax.slice_in_dim(v, j, j + (o - 1) * s + 1, s, axis + 2)

  if taps[0] * taps[1] > 1:
    v = jnp.stack(
      [at(at(v, 0, i), 1, j) for i in range(taps[0]) for j in range(taps[1])],
      axis=-2,
    )
    v = v.reshape(*v.shape[:-2], -1)
  if taps[2] > 1:
    v = lax.optimization_barrier(v)
    v = jnp.stack([at(v, 2, j) for j in range(taps[2])], axis=-2)
    v = v.reshape(*v.shape[:-2], -1)
  return v


def _transformed_kernel(kernel, how):
  """[k_t, k_h, k_w, c, n] -> [points, taps * c, n]."""
  c, n = kernel.shape[3:]
  for axis, m in enumerate(how.tiles):
    if m:
      g = jnp.asarray(toom_cook(m, kernel.shape[axis])[1], jnp.float32)
      kernel = jnp.moveaxis(
        jnp.tensordot(g, kernel, (1, axis), precision='highest'), 0, axis
      )
  order = [a for a in range(3) if how.tiles[a]]
  # As `_patches` stacks them: width outermost.
  order += [a for a in (2, 0, 1) if not how.tiles[a]]
  points = math.prod(kernel.shape[a] for a in range(3) if how.tiles[a])
  return kernel.transpose(*order, 3, 4).reshape(points, -1, n)


def _untile(m, kernel_shape, how):
  """[points, b, t, h, w, n] -> [b, t, h, w, n]."""
  axes = [a for a in range(3) if how.tiles[a]]
  if not axes:
    return m[0]
  sizes = [how.tiles[a] + kernel_shape[a] - 1 for a in axes]
  m = m.reshape(*sizes, *m.shape[1:])
  for i, axis in enumerate(axes):
    a_matrix = toom_cook(how.tiles[axis], kernel_shape[axis])[0]
    if i:
      m = lax.optimization_barrier(m)
    parts = [lax.index_in_dim(m, j, i, False) for j in range(a_matrix.shape[1])]
    m = jnp.stack([_combine(row, parts) for row in a_matrix], i)
  # [m_h, m_w, b, t, h, w, n] -> [b, t, h, m_h, w, m_w, n]
  d = len(axes)
  order, shape = [d], [m.shape[d]]
  for a in range(3):
    order.append(d + 1 + a)
    shape.append(m.shape[d + 1 + a])
    if a in axes:
      order.append(axes.index(a))
      shape[-1] *= how.tiles[a]
  return m.transpose(*order, d + 4).reshape(*shape, m.shape[-1])


def _tile_output(dy, kernel_shape, how):
  """[b, t, h, w, n] -> [points, b, t, h, w, n]: the transpose of `_untile`."""
  d = 0
  for axis, m in enumerate(how.tiles):
    if not m:
      continue
    a_matrix = toom_cook(m, kernel_shape[axis])[0]
    slices = [lax.slice_in_dim(dy, j, None, m, axis + 1 + d) for j in range(m)]
    dy = jnp.stack([_combine(row, slices) for row in a_matrix.T], d)
    dy = lax.optimization_barrier(dy)
    d += 1
  if not d:
    return dy[None]
  return dy.reshape(-1, *dy.shape[d:])


def _combine(row, parts):
  terms = []
  for c, part in zip(row, parts):
    if c:
      terms.append(part if c == 1 else part * np.float32(c))
  return functools.reduce(jnp.add, terms)


_POINTS = {
  6: (0, 1, -1, 2, -2),
  10: (0, 1 / 2, -1 / 2, 3 / 4, -3 / 4, 5 / 4, -5 / 4, 2, -2),
}


@functools.cache
def toom_cook(m, r):
  """Returns A [m, n], G [n, r], B [n, n], n = m + r - 1."""
  n = m + r - 1
  points = np.array(_POINTS[n], float)

  def evaluate(k):
    at_infinity = np.eye(k)[-1:]
    return np.concatenate([points[:, None] ** np.arange(k), at_infinity])

  a, g, b = evaluate(m).T, evaluate(r), np.linalg.inv(evaluate(n)).T
  b[np.abs(b) < 1e-9] = 0
  scale = np.linalg.norm(b, axis=1) / np.linalg.norm(g, axis=1)
  scale = np.exp2(np.round(np.log2(scale) / 2))[:, None]
  return a, g * scale, b / scale


def _round_up(n, m):
  return -(-n // m) * m if m else n


def _loop(n, step, init):
  if n == 1:
    return step(0, init)
  return lax.fori_loop(0, n, step, init)
