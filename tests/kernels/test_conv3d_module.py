"""The module of 3D convolution: its parameter and initialisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.kernels.conv3d import Conv3D

pytestmark = pytest.mark.usefixtures('quick_to_compile')
SAME = ((1, 1),) * 3


def test_module_has_one_parameter():
  module = Conv3D(features=8, size=3, stride=2)
  x = jnp.ones((2, 4, 6, 8, 5), jnp.bfloat16)
  variables = jax.jit(module.init)(jax.random.key(0), x)
  shapes = jax.tree.map(lambda a: (a.shape, a.dtype.name), variables)
  assert shapes == {'params': {'kernel': ((3, 3, 3, 5, 8), 'float32')}}
  y = jax.eval_shape(module.apply, variables, x)
  assert (y.shape, y.dtype) == ((2, 2, 3, 4, 8), jnp.float32)
  y = jax.eval_shape(module.clone(dtype=jnp.bfloat16).apply, variables, x)
  assert y.dtype == jnp.bfloat16


def test_module_has_he_initialisation():
  """Variance 2 / (taps x features): He et al. (2015), equation 14."""
  module = Conv3D(features=64, size=3)
  x = jnp.ones((1, 3, 3, 3, 32))
  kernel = jax.jit(module.init)(jax.random.key(0), x)
  kernel = kernel['params']['kernel']
  np.testing.assert_allclose(kernel.var(), 2 / (27 * 64), rtol=0.05)
