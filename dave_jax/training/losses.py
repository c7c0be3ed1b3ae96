"""Losses of saliency maps against where people looked, one for each example.

Of maps and densities [b, h, w]; each returns [b], float32.
"""

import dataclasses

import jax
import jax.numpy as jnp


def distribution(saliency: jax.Array, epsilon: float) -> jax.Array:
  """Returns maps [b, h, w], not below zero, as probabilities that sum to 1.

  Args:
    saliency: [b, h, w].
    epsilon: Share of the probability that is spread evenly, so that no place
      has none; a map of zeros is even.
  """
  size = saliency.shape[1] * saliency.shape[2]
  total = saliency.sum(axis=(1, 2), keepdims=True)
  # The tiny keeps 0 / 0, and its gradient, out of maps of zeros.
  shares = saliency / jnp.maximum(total, 1e-12)
  even = jnp.where(total > 0, epsilon, 1.0) / size
  return (1 - epsilon) * shares + even


def kl_divergence(
  saliency: jax.Array, density: jax.Array, *, epsilon: float
) -> jax.Array:
  """Returns KL(G || S), in nats, as in the paper's training (section 3.2).

  The sum of g log(g / s) over the places, of which those with g = 0 add
  nothing: 0 where the maps agree, the entropy of the density taken off.

  Args:
    saliency: Predicted maps [b, h, w], not below zero.
    density: Sums to 1.
    epsilon: See `distribution`.
  """
  s = distribution(saliency, epsilon)
  log_g = jnp.log(jnp.where(density > 0, density, 1.0))
  return (density * (log_g - jnp.log(s))).sum(axis=(1, 2))


def cc(saliency: jax.Array, density: jax.Array) -> jax.Array:
  """Returns Pearson's correlation, -1 to 1; 0 for a constant map."""
  return (_standardised(saliency) * _standardised(density)).mean(axis=(1, 2))


def nss(saliency: jax.Array, fixations: jax.Array) -> jax.Array:
  """Returns NSS: the mean standardised saliency of the fixated places.

  As `scoring.metrics.nss`, with the standard deviation of N in place of N - 1,
  and 0 for a constant map or none fixated, which there is no score of.

  Args:
    saliency: [b, h, w].
    fixations: [b, h, w], above 0 where somebody looked.
  """
  looked = (fixations > 0).astype(jnp.float32)
  count = looked.sum(axis=(1, 2))
  total = (_standardised(saliency) * looked).sum(axis=(1, 2))
  return total / jnp.maximum(count, 1)


def sim(
  saliency: jax.Array, density: jax.Array, *, epsilon: float
) -> jax.Array:
  """Returns the sum of minima of the two distributions, 0 to 1.

  Without the min-max scaling of the score of this name, whose gradient would be
  the extremes' alone.

  Args:
    saliency: Predicted maps [b, h, w], not below zero.
    density: Sums to 1.
    epsilon: See `distribution`.
  """
  s = distribution(saliency, epsilon)
  return jnp.minimum(s, density).sum(axis=(1, 2))


def _standardised(maps):
  mean = maps.mean(axis=(1, 2), keepdims=True)
  variance = ((maps - mean) ** 2).mean(axis=(1, 2), keepdims=True)
  # Safe in both branches: the root of 0 has no gradient.
  root = jnp.sqrt(jnp.where(variance > 0, variance, 1.0))
  return jnp.where(variance > 0, (maps - mean) / root, 0.0)


@dataclasses.dataclass(frozen=True)
class Objective:
  """Sums terms by weight; those of weight 0 are not computed.

  What is better when higher, all but the divergence, counts negatively.

  Attributes:
    kl, cc, nss, sim: Weights of the terms of
      `training.losses`.
    epsilon: See `losses.distribution`.
  """

  kl: float
  cc: float
  nss: float
  sim: float
  epsilon: float

  def __call__(
    self, maps: jax.Array, batch: dict
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the loss [b] of maps [b, h, w], and its terms {name: [b]}."""
    density = batch['density']
    terms = {}
    if self.kl:
      terms['kl'] = kl_divergence(maps, density, epsilon=self.epsilon)
    if self.cc:
      terms['cc'] = cc(maps, density)
    if self.nss:
      terms['nss'] = nss(maps, batch['fixations'])
    if self.sim:
      terms['sim'] = sim(maps, density, epsilon=self.epsilon)
    if not terms:
      raise ValueError('all terms of the loss have weight 0; give one a weight')
    total = sum(
      (value if name == 'kl' else -value) * getattr(self, name)
      for name, value in terms.items()
    )
    return total, terms
