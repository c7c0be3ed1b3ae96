"""Winograd's minimal filtering along the axes of an array.

Computing m outputs of a filter of r taps takes m + r - 1 products instead of
m r: inputs, taps and outputs are transformed to and from values of polynomials
at m + r - 1 points. Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016). The matrices are the transposed Toom-Cook matrices of
polynomial products.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Evaluation points by their number m + r - 1; infinity is added as the last.
# Those for four and six are Lavin and Gray's, the others had the smallest
# rounding errors of the sets tried. Errors in float32 relative to the standard
# deviation of the outputs: a 3x3x3 convolution of 64 channels has 2.7e-7 by
# plain sums, 3.1e-7 with four points in all three axes, 22e-7 with six in two
# axes; a stem has 3e-7 by plain sums, 5e-7 with five points, 9e-7 with seven,
# 26e-7 with ten (all taps at once).
_POINTS = {
  4: (0, 1, -1),
  5: (0, 1 / 2, -1, 2),
  6: (0, 1, -1, 2, -2),
  7: (0, 1 / 2, 1, -1, 2, -2),
}


@functools.cache
def matrices(m: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns A [m, n], G [n, r] and B [n, n], where n = m + r - 1.

  Filtering inputs d with taps g gives A ((G g) * (B d)).
  """
  n = m + r - 1
  points = np.array(_POINTS[n])

  def values(k):
    at_infinity = np.eye(k)[-1:]
    return np.concatenate([points[:, None] ** np.arange(k), at_infinity])

  a, g, b = values(m).T, values(r), np.linalg.inv(values(n)).T
  b[np.abs(b) < 1e-12] = 0
  # Balance the rows of G and B by powers of two, which is exact.
  scale = np.linalg.norm(b, axis=1) / np.linalg.norm(g, axis=1)
  scale = np.exp2(np.round(np.log2(scale) / 2))[:, None]
  return a, g * scale, b / scale


def tile_inputs(x: jax.Array, m: int, r: int, axis: int, at: int) -> jax.Array:
  """Transforms overlapping tiles of m + r - 1 inputs along an axis by B.

  The axis then counts tiles, and the points are a new axis at position `at`.
  """
  b = matrices(m, r)[2]
  tiles = (x.shape[axis] - r + 1) // m
  parts = [
    lax.slice_in_dim(x, i, i + m * (tiles - 1) + 1, m, axis)
    for i in range(m + r - 1)
  ]
  return _product(b, parts, at)


def tile_outputs(y: jax.Array, m: int, r: int, axis: int, at: int) -> jax.Array:
  """Transforms tiles of m outputs along an axis; transpose of `untile`."""
  a = matrices(m, r)[0]
  if at == 0 and y.shape[axis] == m:
    # A single tile: a matrix product, which makes the kernel gradient of a stem
    # 10 to 17% faster.
    y = jnp.tensordot(a.T.astype(y.dtype), y, (1, axis))
    return jnp.expand_dims(y, 1 + axis)
  parts = [lax.slice_in_dim(y, i, None, m, axis) for i in range(m)]
  return _product(a.T, parts, at)


def untile(x: jax.Array, m: int, r: int, at: int) -> jax.Array:
  """Transforms the points at axis `at` to the m outputs of each tile."""
  a = matrices(m, r)[0]
  parts = [lax.index_in_dim(x, i, at, False) for i in range(m + r - 1)]
  return _product(a, parts, at)


def transform_taps(kernel: jax.Array, m: int, axis: int) -> jax.Array:
  """Transforms the r taps along an axis to their points."""
  g = jnp.asarray(matrices(m, kernel.shape[axis])[1], kernel.dtype)
  kernel = jnp.tensordot(g, kernel, (1, axis), precision='highest')
  return jnp.moveaxis(kernel, 0, axis)


def _product(matrix, parts, at):
  """Multiplies a small matrix with stacked parts, as sums of whole arrays.

  The barrier keeps XLA from fusing the transforms of two axes, which took seven
  times as long.
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
