"""Max pooling on CPUs against `lax.reduce_window`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dave_jax.kernels.max_pool import max_pool3d, max_pool3d_and_moments

pytestmark = pytest.mark.usefixtures('quick_to_compile')


def _lax(x):
  return lax.reduce_window(
    x,
    np.array(-np.inf, x.dtype),
    lax.max,
    (1, 3, 3, 3, 1),
    (1, 2, 2, 2, 1),
    ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)),
  )


def _distinct(shape, dtype=jnp.float32):
  values = np.random.default_rng(0).permutation(np.prod(shape))
  return jnp.asarray(values.reshape(shape) - np.prod(shape) / 2, dtype)


@pytest.mark.parametrize(
  'shape', [(2, 4, 8, 12, 5), (1, 2, 2, 2, 3), (1, 5, 6, 4, 3)]
)
def test_value_and_gradient_agree_with_lax(shape):
  x = _distinct(shape)
  y, back = jax.vjp(jax.jit(max_pool3d), x)
  expected, expected_back = jax.vjp(_lax, x)
  np.testing.assert_array_equal(y, expected)
  dy = _distinct(y.shape)
  np.testing.assert_array_equal(back(dy)[0], expected_back(dy)[0])


@pytest.mark.parametrize('shape', [(2, 4, 8, 12, 5), (1, 5, 6, 4, 3)])
def test_moments_and_their_gradient_agree_with_plain_sums(shape):
  """In float32, whose sums of products may be ordered in another way."""

  def plain(x):
    axes = 0, 1, 2, 3
    return _lax(x), x.mean(axes), (x * x).mean(axes)

  x = _distinct(shape) / np.prod(shape)
  found, back = jax.vjp(jax.jit(max_pool3d_and_moments), x)
  expected, expected_back = jax.vjp(plain, x)
  cotangents = tuple(map(_distinct, (part.shape for part in expected)))
  for ours, theirs in zip(
    (*found, *back(cotangents)),
    (*expected, *expected_back(cotangents)),
    strict=True,
  ):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_one_of_several_maxima_gets_the_gradient():
  x = jnp.zeros((1, 4, 4, 6, 2))
  dy = _distinct((1, 2, 2, 3, 2))
  dx = jax.vjp(jax.jit(max_pool3d), x)[1](dy)[0]
  np.testing.assert_allclose(dx.sum(), dy.sum())


def test_nan_propagates():
  x = jnp.zeros((1, 4, 4, 4, 1)).at[0, 2, 1, 3, 0].set(jnp.nan)
  np.testing.assert_array_equal(jax.jit(max_pool3d)(x), _lax(x))


def test_bfloat16():
  x = _distinct((1, 2, 4, 6, 4), jnp.bfloat16)
  y, back = jax.vjp(jax.jit(max_pool3d), x)
  np.testing.assert_array_equal(y, _lax(x))
  assert back(y)[0].dtype == y.dtype == jnp.bfloat16


@pytest.mark.parametrize('platform', ['cuda', 'tpu'])
@pytest.mark.parametrize(
  'pool', [max_pool3d, lambda x: max_pool3d_and_moments(x)[0]]
)
def test_accelerators_use_lax(platform, pool):
  shape = jax.ShapeDtypeStruct((1, 4, 8, 8, 4), jnp.float32)
  text = (
    jax.jit(jax.grad(lambda x: (pool(x) ** 2).sum()))
    .trace(shape)
    .lower(lowering_platforms=(platform,))
    .as_text()
  )
  assert 'stablehlo.reduce_window' in text
  assert 'stablehlo.select_and_scatter' in text
  assert 'stablehlo.while' not in text
