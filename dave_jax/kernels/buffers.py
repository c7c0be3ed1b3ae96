"""Says when arrays of a program for a CPU have memory of their own.

XLA decides where arrays lie and in which order operations run. These functions
add what it cannot simplify, so that it decides better.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp


def to_overwrite(shape: tuple[int, ...], x: jax.Array) -> jax.Array:
  """Returns an array that a loop overwrites, with a value of x everywhere.

  XLA would make one array of zeros for all loops that begin with the same,
  keep it from the forward pass to the backward pass, and copy it for each loop.

  Args:
    shape: As long as that of x, with the same batch size first.
    x: An array that differs from loop to loop.
  """
  return jnp.broadcast_to(x[(slice(None), *(slice(1),) * (x.ndim - 1))], shape)


def keep(y: jax.Array, arrays: Sequence[jax.Array]) -> jax.Array:
  """Returns y; the program keeps the arrays until then.

  XLA gives the result of an operation the memory of arrays that are no longer
  needed, and so makes it wait for the operations that read those. It does not
  for what a loop carries to its end, unless nothing reads that.
  """
  if not arrays:
    return y
  corner = (slice(None), *(0,) * (y.ndim - 1))
  return y.at[corner].add(_zero(*arrays).astype(y.dtype))


def after(y: jax.Array, array: jax.Array) -> jax.Array:
  """Returns y; what is computed from it waits for the array.

  XLA adds the zero where it reads y, so y should go into an operation on each
  element.
  """
  return y + _zero(array).astype(y.dtype)


def _zero(*arrays):
  """Returns 0, which the compiler does not know."""
  corners = sum(abs(array[(0,) * array.ndim]) for array in arrays)
  return jnp.minimum(corners, 0)
