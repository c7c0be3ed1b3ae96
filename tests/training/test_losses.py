"""Losses, compared with sums by hand and with the scores they are like."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training import losses
from dave_jax.training.losses import Objective
from tests.scoring.batches import metrics


@pytest.fixture
def maps():
  rng = np.random.default_rng(0)
  saliency = rng.random((3, 8, 10)).astype(np.float32)
  density = rng.random((3, 8, 10)) ** 6
  density /= density.sum(axis=(1, 2), keepdims=True)
  fixations = (rng.random((3, 8, 10)) > 0.8).astype(np.uint8)
  return saliency, density.astype(np.float32), fixations


def test_divergence_by_hand():
  """Four pixels: 0.1, 0.2, 0.3 and 0.4 against 0, 0.5, 0.5 and 0."""
  saliency = jnp.array([[[1.0, 2.0], [3.0, 4.0]]])
  density = jnp.array([[[0.0, 0.5], [0.5, 0.0]]])
  expected = 0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.5 / 0.3)
  found = losses.kl_divergence(saliency, density, epsilon=0.0)
  np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_divergence_is_zero_where_maps_agree(maps):
  _, density, _ = maps
  found = losses.kl_divergence(7 * density, density, epsilon=0.0)
  np.testing.assert_allclose(found, 0, atol=1e-6)


def test_divergence_of_zeros_is_that_of_a_uniform_map(maps):
  """log(pixels) minus the entropy of the density."""
  _, density, _ = maps
  g = np.where(density > 0, density, 1)
  expected = np.log(80) + (density * np.log(g)).sum(axis=(1, 2))
  found = losses.kl_divergence(0 * density, density, epsilon=1e-3)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_divergence_has_finite_gradients_everywhere(maps):
  _, density, _ = maps
  saliency = jnp.zeros_like(density).at[1].set(1.0).at[2, :4].set(2.0)

  def total(s):
    return losses.kl_divergence(s, density, epsilon=1e-3).sum()

  assert np.isfinite(jax.grad(total)(saliency)).all()


def test_cc_is_the_score(maps):
  saliency, density, _ = maps
  np.testing.assert_allclose(
    losses.cc(saliency, density),
    metrics.cc(saliency, density),
    atol=1e-5,
  )


def test_nss_is_the_score_except_for_the_deviation(maps):
  """The score divides by the standard deviation with N - 1."""
  saliency, _, fixations = maps
  n = saliency[0].size
  np.testing.assert_allclose(
    losses.nss(saliency, fixations),
    metrics.nss(saliency, fixations) * np.sqrt(n / (n - 1)),
    rtol=1e-4,
  )


def test_sim_is_the_score_of_pysaliency(maps):
  """Which does not subtract the minimum of the maps either."""
  saliency, density, _ = maps
  np.testing.assert_allclose(
    losses.sim(saliency, density, epsilon=0.0),
    metrics.sim(saliency, density, protocol='pysaliency'),
    rtol=1e-5,
  )


def test_constant_maps_score_zero_with_finite_gradients(maps):
  _, density, fixations = maps
  uniform = jnp.ones_like(density)

  def total(s):
    return (losses.cc(s, density) + losses.nss(s, fixations)).sum()

  assert total(uniform) == 0
  assert np.isfinite(jax.grad(total)(uniform)).all()


def test_objective_is_the_weighted_sum(maps):
  saliency, density, fixations = maps
  batch = {'density': density, 'fixations': fixations}
  objective = Objective(kl=2.0, cc=0.5, nss=0.25, sim=1.0, epsilon=0.1)
  total, terms = objective(saliency, batch)
  expected = (
    2 * losses.kl_divergence(saliency, density, epsilon=0.1)
    - 0.5 * losses.cc(saliency, density)
    - 0.25 * losses.nss(saliency, fixations)
    - losses.sim(saliency, density, epsilon=0.1)
  )
  np.testing.assert_allclose(total, expected, rtol=1e-5)
  assert set(terms) == {'kl', 'cc', 'nss', 'sim'}


def test_objective_without_a_weight_is_refused(maps):
  objective = Objective(0.0, 0.0, 0.0, 0.0, 1e-3)
  with pytest.raises(ValueError, match=r'got 0 for all; set loss\.kl'):
    objective(maps[0], {'density': maps[1]})
