"""Draws fresh weights on the host, the same on every platform."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util


def drawn_on_host(key, shape, dtype=jnp.float32) -> jax.Array:
  """Initialiser of kernels, of which only the shape is used: returns NaN.

  `fresh_variables` draws the values. Flax calls the initialisers of a module
  whenever it is traced, to compare shapes, and tracing random numbers for each
  kernel takes 0.2 s of the start of `predict`.
  """
  del key
  return jnp.full(shape, jnp.nan, dtype)


def fresh_variables(shapes: dict, seed: int) -> dict:
  """Returns He-initialised variables as NumPy arrays.

  As He et al. (2015). NumPy draws them rather than JAX, whose 'rbg' generator
  gives other numbers on a GPU or TPU than on a CPU, and whose default,
  'threefry', takes over a minute to compile for this many parameters on a CPU
  (none here, and 1.6 s to draw).

  Args:
    shapes: {'params', 'batch_stats'} with the shape of each variable. Modules
      named '..._encoder' are scaled by fan-out, the others by fan-in.
    seed: Determines all numbers. A variable's numbers depend on its path and
      shape only, not on what else there is.

  Returns:
    Variables of the same structure, float32.
  """
  flat = traverse_util.flatten_dict(shapes)
  return traverse_util.unflatten_dict(
    {path: _draw(path, leaf.shape, seed) for path, leaf in flat.items()}
  )


def abstract_variables(
  module: nn.Module, *inputs: jax.ShapeDtypeStruct | None
) -> dict:
  """Returns the shapes and types of a module's variables."""

  def init(*inputs):
    return module.init(jax.random.key(0), *inputs, train=False)

  variables = jax.eval_shape(init, *inputs)
  return {name: variables[name] for name in ('params', 'batch_stats')}


def _draw(path, shape, seed):
  _, module, *_, name = path
  if name in ('scale', 'var'):
    return np.ones(shape, np.float32)
  if name != 'kernel':
    return np.zeros(shape, np.float32)
  channels = shape[-1] if module.endswith('_encoder') else shape[-2]
  deviation = math.sqrt(2 / (math.prod(shape[:-2]) * channels))
  key = [seed, *'/'.join(path).encode()]
  generator = np.random.default_rng(key)
  return generator.standard_normal(shape, np.float32) * np.float32(deviation)
