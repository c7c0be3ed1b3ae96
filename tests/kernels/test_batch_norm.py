"""Fused batch norm against `flax.linen.BatchNorm`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dave_jax.kernels.batch_norm import BatchNorm
from dave_jax.kernels.max_pool import max_pool3d, max_pool3d_and_moments

pytestmark = pytest.mark.usefixtures('quick_to_compile')
SHAPE = (2, 4, 6, 8, 5)


def _draw(shape=SHAPE, seed=0):
  return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def _variables():
  c = SHAPE[-1]
  return {
    # Of both signs.
    'params': {'scale': _draw(c, 1), 'bias': _draw(c, 2)},
    'batch_stats': {'mean': _draw(c, 3), 'var': _draw(c, 4) ** 2},
  }


def _flax(train):
  return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)


def _value_and_gradients(function, *args):
  """Differentiates a weighted sum of the result and the new statistics."""

  def total(*args):
    y, state = function(*args)
    weights = _draw(y.shape, 9)
    # A loss may depend on the statistics too.
    return (y * weights).sum() + sum(
      (leaf * _draw(leaf.shape, 8)).sum() for leaf in jax.tree.leaves(state)
    ), (y, state)

  places = tuple(range(len(args)))
  return jax.jit(jax.value_and_grad(total, places, has_aux=True))(*args)


def _assert_close(actual, expected):
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  for a, b in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max(), rtol=1e-5)


@pytest.mark.parametrize('train', [True, False])
@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('with_residual', [True, False])
def test_values_statistics_and_gradients_agree_with_flax(
  train, relu, with_residual
):
  residual = (_draw(seed=5),) if with_residual else ()

  def ours(variables, x, *residual):
    return BatchNorm(SHAPE[-1]).apply(
      variables, x, *residual, train=train, relu=relu, mutable=['batch_stats']
    )

  def flax(variables, x, *residual):
    y, state = _flax(train).apply(variables, x, mutable=['batch_stats'])
    y = sum(residual, y)
    return nn.relu(y) if relu else y, state

  args = _variables(), _draw(), *residual
  _assert_close(
    _value_and_gradients(ours, *args), _value_and_gradients(flax, *args)
  )


@pytest.mark.parametrize('train', [True, False])
def test_relu_of_pooled_is_the_pooled_relu(train):
  """Also for channels with a negative scale."""

  def ours(variables, x):
    module = BatchNorm(SHAPE[-1])
    x = x * module.apply(variables, method='signs')
    pooled = max_pool3d_and_moments(x) if train else (max_pool3d(x),)
    return module.apply(
      variables,
      *pooled,
      method='relu_of_pooled',
      mutable=['batch_stats'],
    )

  def flax(variables, x):
    y, state = _flax(train).apply(variables, x, mutable=['batch_stats'])
    return max_pool3d(nn.relu(y)), state

  args = _variables(), _draw()
  _assert_close(
    _value_and_gradients(ours, *args), _value_and_gradients(flax, *args)
  )


def test_variables_are_named_as_in_flax():
  shapes = [
    jax.tree.map(
      lambda a: (a.shape, a.dtype),
      jax.eval_shape(
        lambda m=module, k=kwargs: m.init(jax.random.key(0), _draw(), **k)
      ),
    )
    for module, kwargs in (
      (BatchNorm(SHAPE[-1]), {'train': True}),
      (_flax(train=True), {}),
    )
  ]
  assert shapes[0] == shapes[1]


def test_bfloat16():
  """The result is rounded once, by 2**-8 of the value at most."""
  x = jnp.asarray(_draw(), jnp.bfloat16)

  def run(dtype, x):
    module = BatchNorm(SHAPE[-1], dtype)
    return module.apply(_variables(), x, train=True, mutable=['batch_stats'])[0]

  y = run(jnp.bfloat16, x)
  assert y.dtype == jnp.bfloat16
  wide = run(jnp.float32, x.astype(jnp.float32))
  np.testing.assert_allclose(y.astype(jnp.float32), wide, rtol=2**-8, atol=1e-6)
