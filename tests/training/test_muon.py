"""Muon against singular value decompositions and optax.contrib."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from dave_jax.training.muon import orthogonalize, scale_by_muon
from tests.training.test_optimizer import SETTINGS, make_optimizer


def _random(*shape, seed=0):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize('shape', [(40, 8), (8, 40), (16, 16), (1029, 8)])
def test_singular_vectors_stay_and_values_become_one(shape):
  """The polynomials end within 0.3 of 1."""
  matrix = _random(*shape) * 1e-3
  found = np.asarray(orthogonalize([matrix, 2 * matrix])[0], np.float64)
  u, _, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
  inside = u.T @ found @ vt.T
  np.testing.assert_allclose(np.diag(inside), 1, atol=0.3)
  np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=1e-3)
  np.testing.assert_allclose(found, u @ inside @ vt, atol=1e-3)


def test_small_singular_values_grow_and_zeros_stay():
  diagonal = np.diag(np.float32([1, 1e-2, 1e-5, 0]))
  found = np.diag(orthogonalize([diagonal])[0])
  assert abs(found[1] - 1) < 0.3
  # The first factors multiply to 4.0848 * 3.9505 * 3.7418 * 2.8769 * 2.8366.
  np.testing.assert_allclose(found[2], 492.8e-5, rtol=0.1)
  assert found[3] == 0


def test_no_gradient_is_no_update():
  (found,) = orthogonalize([np.zeros((8, 4), np.float32)])
  np.testing.assert_array_equal(found, 0)


def test_updates_are_those_of_optax():
  """Of kernels of many shapes, over three steps."""
  shapes = {'a': (3, 3, 3, 4, 8), 'b': (3, 3, 3, 8, 8), 'c': (1, 1, 24, 8)}

  def dimensions(tree):
    return {
      key: contrib.MuonDimensionNumbers(tuple(range(leaf.ndim - 1)), -1)
      for key, leaf in tree.items()
    }

  params = {key: jnp.zeros(shape) for key, shape in shapes.items()}
  ours = scale_by_muon(0.0, 0.2)
  theirs = contrib.muon(
    1.0,
    'dion',
    beta=0.0,
    consistent_rms=0.2,
    muon_weight_dimension_numbers=dimensions,
  )
  state, their_state = ours.init(params), theirs.init(params)
  for step in range(3):
    gradients = {k: _random(*s, seed=step) for k, s in shapes.items()}
    found, state = ours.update(gradients, state)
    expected, their_state = theirs.update(gradients, their_state, params)
    for key in shapes:
      # Updates of optax.contrib.muon have the sign of a descent.
      np.testing.assert_allclose(found[key], -expected[key], atol=1e-4)


def test_momentum_is_that_of_nesterov():
  """By hand: after gradients g and 0, m is m (1 - m) g, the update m^2 of g."""
  transform = scale_by_muon(0.5, 0.2)
  gradient = {'a': _random(6, 4)}
  _, state = transform.update(gradient, transform.init(gradient))
  np.testing.assert_allclose(state.momentum['a'], 0.5 * gradient['a'])
  found, state = transform.update({'a': jnp.zeros((6, 4))}, state)
  np.testing.assert_allclose(state.momentum['a'], 0.25 * gradient['a'])
  (direction,) = orthogonalize([gradient['a']])
  np.testing.assert_allclose(found['a'], direction * 6**0.5 * 0.2, atol=1e-5)


def test_vectors_and_kernels_of_one_output_use_adam():
  """Adam's first update is the learning rate against the gradient."""
  params = {
    'a': {'kernel': jnp.ones((1, 4, 4)), 'bias': jnp.ones(4)},
    'b': {'kernel': jnp.ones((1, 4, 1)), 'bias': jnp.ones(1)},
  }
  optimizer = make_optimizer({'all': ('a', 'b')}, **SETTINGS | {'name': 'muon'})
  gradients = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 3.0), params)
  new, *_ = optimizer.update(
    gradients, optimizer.init(params), params, 0, groups=('all',)
  )
  new = jax.tree.map(np.asarray, optax.tree.sub(params, new))
  for leaf in (new['a']['bias'], new['b']['kernel'], new['b']['bias']):
    np.testing.assert_allclose(leaf, 0.1, rtol=1e-5)
  # One singular value, of equal entries 1 / 4, times 2 * 0.2 * 0.1.
  np.testing.assert_allclose(new['a']['kernel'], 0.01, rtol=0.3)
