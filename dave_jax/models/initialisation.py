"""Draws fresh weights on the host, the same on every platform."""

import math

import jax
import numpy as np
from flax import linen as nn
from flax import traverse_util

# Initialisers of He et al. (2015). `fresh_variables` draws from the same
# distributions.
FAN_IN = nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')
FAN_OUT = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')


def fresh_variables(shapes: dict, seed: int) -> dict:
  """Returns He-initialised variables as NumPy arrays.

  NumPy draws them rather than the modules' own initialisers: JAX's 'rbg'
  generator gives other numbers on a GPU or TPU than on a CPU, and its default,
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
