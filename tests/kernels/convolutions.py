"""Convolutions that the tests of `conv3d` compute, and `lax` beside."""

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.kernels.conv3d import lax_conv3d

SAME = ((1, 1),) * 3
STEM = ((3, 3),) * 3
# Shapes of x and kernel, strides, padding. Each takes another code path.
CASES = {
  'winograd': ((1, 3, 24, 28, 16), (3, 3, 3, 16, 24), (1, 1, 1), SAME),
  'winograd, larger tiles in time': (
    (1, 8, 12, 16, 8),
    (3, 3, 3, 8, 8),
    (1, 1, 1),
    SAME,
  ),
  'winograd, broken tiles': (
    (2, 4, 25, 27, 16),
    (3, 3, 3, 16, 16),
    (1, 1, 1),
    SAME,
  ),
  'winograd, many channels': (
    (1, 4, 16, 20, 128),
    (3, 3, 3, 128, 128),
    (1, 1, 1),
    SAME,
  ),
  'winograd, one tap in time': (
    (1, 2, 24, 24, 16),
    (1, 3, 3, 16, 16),
    (1, 1, 1),
    ((0, 0), (1, 1), (1, 1)),
  ),
  'stem': ((1, 16, 20, 24, 3), (7, 7, 7, 3, 24), (1, 2, 2), STEM),
  'stem, frames left over': (
    (2, 6, 9, 11, 1),
    (7, 7, 7, 1, 20),
    (1, 2, 2),
    STEM,
  ),
  'stem, pairs of frames': (
    (1, 16, 20, 24, 3),
    (7, 7, 7, 3, 8),
    (1, 2, 2),
    STEM,
  ),
  'stem, pairs, a frame left over': (
    (2, 5, 9, 11, 1),
    (7, 7, 7, 1, 4),
    (1, 2, 2),
    STEM,
  ),
  'stem, few frames': ((1, 3, 9, 10, 3), (7, 7, 7, 3, 4), (1, 2, 2), STEM),
  'gathered': ((2, 4, 6, 10, 8), (3, 3, 3, 8, 12), (1, 1, 1), SAME),
  'strided': ((1, 8, 12, 14, 8), (3, 3, 3, 8, 16), (2, 2, 2), SAME),
  'strided, odd': ((2, 7, 11, 9, 4), (3, 3, 3, 4, 6), (2, 2, 2), SAME),
  'two frames': ((1, 2, 5, 6, 8), (3, 3, 3, 8, 8), (1, 1, 1), SAME),
  'one frame': ((2, 1, 5, 6, 8), (3, 3, 3, 8, 8), (1, 1, 1), SAME),
  'two frames to one': ((1, 2, 6, 6, 4), (3, 3, 3, 4, 8), (2, 2, 2), SAME),
  'frames of padding alone': (
    (1, 1, 4, 4, 2),
    (1, 3, 3, 2, 2),
    (1, 1, 1),
    ((1, 0), (1, 1), (1, 1)),
  ),
  'uneven padding': (
    (1, 5, 7, 8, 3),
    (2, 4, 3, 3, 5),
    (1, 3, 2),
    ((0, 1), (2, 0), (0, 3)),
  ),
  'no padding': (
    (1, 5, 7, 8, 3),
    (3, 3, 3, 3, 5),
    (1, 1, 1),
    ((0, 0),) * 3,
  ),
  'stride longer than the kernel': (
    (1, 7, 8, 9, 3),
    (1, 2, 1, 3, 4),
    (2, 3, 2),
    ((0, 0),) * 3,
  ),
  'pointwise': ((2, 3, 4, 5, 6), (1, 1, 1, 6, 7), (1, 1, 1), ((0, 0),) * 3),
  'pointwise, strided': (
    (2, 3, 5, 4, 6),
    (1, 1, 1, 6, 7),
    (2, 2, 2),
    ((0, 0),) * 3,
  ),
}


def draw_arrays(x_shape, kernel_shape, strides, padding, seed=0):
  rng = np.random.default_rng(seed)

  def draw(shape, scale=1.0):
    return jnp.asarray(scale * rng.standard_normal(shape), jnp.float32)

  x = draw(x_shape)
  kernel = draw(kernel_shape, np.prod(kernel_shape[:4]) ** -0.5)
  out = jax.eval_shape(
    lambda: lax_conv3d(x, kernel, strides=strides, padding=padding)
  )
  return x, kernel, draw(out.shape)


def value_and_gradients(convolve, strides, padding):
  def run(x, kernel, dy):
    y, back = jax.vjp(
      lambda x, kernel: convolve(x, kernel, strides=strides, padding=padding),
      x,
      kernel,
    )
    return y, *back(dy)

  return jax.jit(run)


def assert_close(actual, expected, relative):
  scale = np.abs(np.asarray(expected, np.float32)).max()
  np.testing.assert_allclose(
    np.asarray(actual, np.float32),
    np.asarray(expected, np.float32),
    atol=relative * scale,
    rtol=0,
  )
