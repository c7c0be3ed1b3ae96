"""3D max pooling with an implementation for each platform."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dave_jax.kernels import buffers
from dave_jax.kernels.batch_norm import moments


def max_pool3d(x: jax.Array, *, lax_kernels: bool = False) -> jax.Array:
  """Max pooling over windows of 3x3x3 with stride 2 and padding 1.

  GPUs and TPUs use `lax.reduce_window`. CPUs use a loop over frames that stores
  the position of each maximum for the gradient. For an input of 16x128x160x64,
  `lax.reduce_window` takes 64 ms, and its gradient 763 ms and five index arrays
  of the input's size; the loop takes 15 and 40 ms and a byte for each output.

  If several values of a window are the maximum, one of them gets the gradient;
  which one depends on the platform.

  Args:
    x: [b, t, h, w, c].
    lax_kernels: Whether CPUs use `lax.reduce_window` too. Odd sizes always do.

  Returns:
    [b, ceil(t / 2), ceil(h / 2), ceil(w / 2), c], of the same type as x.
  """
  if lax_kernels or any(n % 2 for n in x.shape[1:4]):
    return _reduce_window(x)
  return _max_pool3d(x)


def max_pool3d_and_moments(
  x: jax.Array, *, lax_kernels: bool = False
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Returns `max_pool3d(x)` and the moments of x that batch norm needs.

  On CPUs one loop computes the gradient of all three, so that it takes as much
  memory as x once, not twice.

  Args:
    x, lax_kernels: As in `max_pool3d`.

  Returns:
    The maxima; and of each channel, float32 [c], the mean and the mean of the
    squares.
  """
  if lax_kernels or any(n % 2 for n in x.shape[1:4]):
    return _reduce_window(x), *moments(x)
  return _max_pool3d_and_moments(x)


def _reduce_window(x):
  return lax.reduce_window(
    x,
    np.array(-np.inf, x.dtype),
    lax.max,
    (1, 3, 3, 3, 1),
    (1, 2, 2, 2, 1),
    ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)),
  )


@jax.custom_vjp
def _max_pool3d(x):
  return lax.platform_dependent(
    x, cpu=lambda x: _maxima_and_positions(x)[0], default=_reduce_window
  )


def _forward(x):
  y, positions = lax.platform_dependent(
    x, cpu=_maxima_and_positions, default=_maxima_only
  )
  # The gradient needs x on accelerators and the positions on CPUs; XLA removes
  # the other one.
  return y, (x, positions)


def _maxima_only(x):
  y = _reduce_window(x)
  return y, jnp.zeros(y.shape, jnp.int8)


def _backward(residuals, dy):
  return (
    lax.platform_dependent(
      *residuals,
      dy,
      cpu=lambda x, positions, dy: _scatter(positions, dy),
      default=lambda x, positions, dy: jax.vjp(_reduce_window, x)[1](dy)[0],
    ),
  )


_max_pool3d.defvjp(_forward, _backward)


@jax.custom_vjp
def _max_pool3d_and_moments(x):
  return _max_pool3d(x), *moments(x)


def _forward_with_moments(x):
  y, residuals = _forward(x)
  return (y, *moments(x)), residuals


def _backward_with_moments(residuals, cotangents):
  x, positions = residuals
  dy, dmean, dsquare = cotangents
  n = x.size // x.shape[-1]

  def of_moments(x):
    dx = (dmean + 2 * dsquare * x.astype(jnp.float32)) / n
    return dx.astype(x.dtype)

  return (
    lax.platform_dependent(
      x,
      positions,
      dy,
      cpu=lambda x, positions, dy: _scatter(
        positions,
        dy,
        lambda i: of_moments(lax.dynamic_slice_in_dim(x, i, 1, axis=1)),
      ),
      default=lambda x, positions, dy: (
        jax.vjp(_reduce_window, x)[1](dy)[0] + of_moments(x)
      ),
    ),
  )


_max_pool3d_and_moments.defvjp(_forward_with_moments, _backward_with_moments)


def _maxima_and_positions(x):
  """Returns the maxima and their positions 9 t + 3 h + w within windows."""
  b, t, h, w, c = x.shape

  def frame(i, carry):
    y, all_positions = carry
    before = lax.dynamic_slice_in_dim(x, jnp.maximum(2 * i - 1, 0), 1, axis=1)
    before = jnp.where(i > 0, before, -jnp.inf)
    pair = lax.dynamic_slice_in_dim(x, 2 * i, 2, axis=1)
    best, positions = _first_largest(
      [(before, 0), (pair[:, :1], 9), (pair[:, 1:], 18)]
    )
    for axis, unit in ((2, 3), (3, 1)):
      # Keeps XLA from recomputing one axis inside the comparisons of the next.
      best, positions = lax.optimization_barrier((best, positions))
      best, positions = _first_largest(
        [
          (value, at + jnp.int8(i * unit))
          for i, (value, at) in enumerate(
            zip(
              _under_taps(best, axis, -jnp.inf),
              _under_taps(positions, axis, 0),
              strict=True,
            )
          )
        ]
      )
    return (
      lax.dynamic_update_slice_in_dim(y, best, i, axis=1),
      lax.dynamic_update_slice_in_dim(all_positions, positions, i, axis=1),
    )

  shape = (b, t // 2, h // 2, w // 2, c)
  first = buffers.to_overwrite(shape, x), jnp.zeros(shape, jnp.int8)
  return lax.fori_loop(0, t // 2, frame, first)


def _first_largest(candidates):
  """Returns the largest of (value, position) pairs, the first if equal."""
  (best, positions), *others = candidates
  positions = jnp.broadcast_to(jnp.int8(positions), best.shape)
  for value, at in others:
    # NaN propagates, as in XLA's own maximum.
    larger = (value > best) | (value != value)
    best = jnp.where(larger, value, best)
    positions = jnp.where(larger, jnp.int8(at), positions)
  return best, positions


def _under_taps(x, axis, padding):
  """Returns the values under each of the three taps of an axis."""
  n = x.shape[axis]
  config = [(0, 0, 0)] * x.ndim
  config[axis] = (1, 0, 0)
  x = lax.pad(x, jnp.array(padding, x.dtype), config)
  return [lax.slice_in_dim(x, i, i + n - 1, 2, axis) for i in range(3)]


def _scatter(positions, dy, added=None):
  """Adds each output's gradient at the input position of its maximum.

  An even frame, row or column lies in one window, an odd one in two.

  Args:
    positions, dy: Of the maxima, [b, t, h, w, c].
    added: Returns what else is added to an input frame, [b, 1, 2 h, 2 w, c].
  """
  b, t, h, w, c = dy.shape
  config = ((0, 0, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0), (0, 0, 0))
  positions = lax.pad(positions, jnp.int8(-1), config)
  dy = lax.pad(dy, jnp.zeros((), dy.dtype), config)
  odd_h = jnp.arange(2).reshape(1, 1, 1, 2, 1, 1, 1)
  odd_w = jnp.arange(2).reshape(1, 1, 1, 1, 1, 2, 1)

  def in_window(x, *start):
    x = lax.dynamic_slice(x, (0, *start, 0), (b, 1, h, w, c))
    return x.reshape(b, 1, h, 1, w, 1, c)

  def pair(i, dx):
    for odd_t in range(2):
      total = 0
      for step in itertools.product(range(1 + odd_t), range(2), range(2)):
        start = (i + step[0], step[1], step[2])
        tap_h, tap_w = (
          odd + 1 - 2 * s
          for odd, s in zip((odd_h, odd_w), step[1:], strict=True)
        )
        tap = 9 * (odd_t + 1 - 2 * step[0]) + 3 * tap_h + tap_w
        tap = jnp.where((tap_h < 0) | (tap_w < 0), -2, tap).astype(jnp.int8)
        total += jnp.where(
          in_window(positions, *start) == tap, in_window(dy, *start), 0
        )
      number = 2 * i + odd_t
      frame = total.reshape(b, 1, 2 * h, 2 * w, c)
      if added is not None:
        frame += added(number)
      dx = lax.dynamic_update_slice_in_dim(dx, frame, number, axis=1)
    return dx

  first = buffers.to_overwrite((b, 2 * t, 2 * h, 2 * w, c), dy)
  return lax.fori_loop(0, t, pair, first)
