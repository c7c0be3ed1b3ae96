"""Winograd's minimal filtering along the axes of an array.

m outputs of a filter of r taps need m + r - 1 products instead of m r: inputs,
taps and outputs are taken to and from the values of polynomials at m + r - 1
points. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
(CVPR 2016); the matrices are Toom and Cook's for products, transposed.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# The last point is infinity. Four and six points are Lavin and Gray's. The
# others lost least of the sets tried. Rounding in float32, as a part of the
# outputs' deviation: plain sums of a 3x3x3 convolution of 64 channels 2.7e-7,
# four points in all three axes 3.1e-7, six in two axes 22e-7; a stem's plain
# sums 3e-7, five points 5e-7, seven 9e-7, ten (all taps at once) 26e-7.
_POINTS = {
  4: (0, 1, -1),
  5: (0, 1 / 2, -1, 2),
  6: (0, 1, -1, 2, -2),
  7: (0, 1 / 2, 1, -1, 2, -2),
}


@functools.cache
def matrices(m: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns A [m, n], G [n, r] and B [n, n], where n = m + r - 1.

  The filter g over inputs d gives A ((G g) * (B d)).
  """
  n = m + r - 1
  points = np.array(_POINTS[n])

  def values(k):
    at_infinity = np.eye(k)[-1:]
    return np.concatenate([points[:, None] ** np.arange(k), at_infinity])

  a, g, b = values(m).T, values(r), np.linalg.inv(values(n)).T
  b[np.abs(b) < 1e-12] = 0
  # Rows of G and B alike in size, by powers of two: no digit is lost.
  scale = np.linalg.norm(b, axis=1) / np.linalg.norm(g, axis=1)
  scale = np.exp2(np.round(np.log2(scale) / 2))[:, None]
  return a, g * scale, b / scale


def tile_inputs(x: jax.Array, m: int, r: int, axis: int, at: int) -> jax.Array:
  """Takes overlapping tiles of m + r - 1 along an axis to their points.

  The axis then counts tiles; the points are a new axis at position `at`.
  """
  b = matrices(m, r)[2]
  tiles = (x.shape[axis] - r + 1) // m
  parts = [
    lax.slice_in_dim(x, i, i + m * (tiles - 1) + 1, m, axis)
    for i in range(m + r - 1)
  ]
  return _product(b, parts, at)


def tile_outputs(y: jax.Array, m: int, r: int, axis: int, at: int) -> jax.Array:
  """Takes tiles of m along an axis to points: the transpose of `untile`."""
  a = matrices(m, r)[0]
  if at == 0 and y.shape[axis] == m:
    # A single tile: a matrix product, 10 to 17% off a stem's kernel gradient.
    y = jnp.tensordot(a.T.astype(y.dtype), y, (1, axis))
    return jnp.expand_dims(y, 1 + axis)
  parts = [lax.slice_in_dim(y, i, None, m, axis) for i in range(m)]
  return _product(a.T, parts, at)


def untile(x: jax.Array, m: int, r: int, at: int) -> jax.Array:
  """Takes the points at axis `at` to the m outputs of a tile."""
  a = matrices(m, r)[0]
  parts = [lax.index_in_dim(x, i, at, False) for i in range(m + r - 1)]
  return _product(a, parts, at)


def transform_taps(kernel: jax.Array, m: int, axis: int) -> jax.Array:
  """Takes the r taps at an axis to their points."""
  g = jnp.asarray(matrices(m, kernel.shape[axis])[1], kernel.dtype)
  kernel = jnp.tensordot(g, kernel, (1, axis), precision='highest')
  return jnp.moveaxis(kernel, 0, axis)


def _product(matrix, parts, at):
  """Stacks the rows' sums of parts; a matrix product would read six at a time.

  The barrier keeps XLA from computing one axis inside the next one's sums,
  which took seven times as long.
  """
  rows = []
  for row in matrix:
    terms = [
      part if c == 1 else part * np.asarray(c, part.dtype)
      for c, part in zip(row, parts, strict=True)
      if c
    ]
    rows.append(functools.reduce(jnp.add, terms))
  return lax.optimization_barrier(jnp.stack(rows, at))
