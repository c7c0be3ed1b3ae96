"""Losses between saliency maps and the ground truth, one value per example.

Maps and densities are [b, h, w]; each loss returns float32 [b].
"""

import dataclasses

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Objective:
  """A weighted sum of losses; a loss of weight 0 is not computed.

  `kl` is minimized. `cc`, `nss` and `sim` are maximized, so they enter the sum
  with a minus sign.

  Attributes:
    kl, cc, nss, sim: Weights of the losses of this module.
    epsilon: See `distribution`.
  """

  kl: float
  cc: float
  nss: float
  sim: float
  epsilon: float

  def __call__(
    self, maps: jax.Array, batch: dict
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the loss [b] of maps [b, h, w], and its terms {name: [b]}.

    Args:
      maps: Predicted saliency maps.
      batch: With 'density' [b, h, w], and 'fixations' [b, h, w] for `nss`.

    Raises:
      ValueError: All weights are 0.
    """
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
      raise ValueError(
        'expected a loss with a weight other than 0, got 0 for all; set loss.kl'
      )
    total = sum(
      (value if name == 'kl' else -value) * getattr(self, name)
      for name, value in terms.items()
    )
    return total, terms


def distribution(saliency: jax.Array, epsilon: float) -> jax.Array:
  """Normalizes maps to probabilities that sum to 1.

  Args:
    saliency: Non-negative maps [b, h, w].
    epsilon: Share of the probability that is spread evenly over the pixels, so
      that none is 0. A map of zeros becomes uniform.
  """
  size = saliency.shape[1] * saliency.shape[2]
  total = saliency.sum(axis=(1, 2), keepdims=True)
  # The lower bound keeps 0 / 0, and its gradient, out of maps of zeros.
  shares = saliency / jnp.maximum(total, 1e-12)
  uniform = jnp.where(total > 0, epsilon, 1.0) / size
  return (1 - epsilon) * shares + uniform


def kl_divergence(
  saliency: jax.Array, density: jax.Array, *, epsilon: float
) -> jax.Array:
  """Returns KL(density || saliency) in nats, the loss of the paper (sec. 3.2).

  Args:
    saliency: Predicted non-negative maps [b, h, w].
    density: Ground truth [b, h, w] that sums to 1; pixels of 0 contribute 0.
    epsilon: See `distribution`.
  """
  s = distribution(saliency, epsilon)
  log_g = jnp.log(jnp.where(density > 0, density, 1.0))
  return (density * (log_g - jnp.log(s))).sum(axis=(1, 2))


def cc(saliency: jax.Array, density: jax.Array) -> jax.Array:
  """Returns Pearson's correlation coefficient, 0 for a constant map."""
  return (_standardized(saliency) * _standardized(density)).mean(axis=(1, 2))


def nss(saliency: jax.Array, fixations: jax.Array) -> jax.Array:
  """Returns the normalized scanpath saliency.

  Like `scoring.metrics.nss`, except that it divides by the standard deviation
  with N instead of N - 1, and is 0 for a constant map or without fixations.

  Args:
    saliency: Predicted maps [b, h, w].
    fixations: [b, h, w], above 0 at fixated pixels.
  """
  fixated = (fixations > 0).astype(jnp.float32)
  count = fixated.sum(axis=(1, 2))
  total = (_standardized(saliency) * fixated).sum(axis=(1, 2))
  return total / jnp.maximum(count, 1)


def sim(
  saliency: jax.Array, density: jax.Array, *, epsilon: float
) -> jax.Array:
  """Returns the similarity, the sum of minima of both distributions, 0 to 1.

  Without the min-max scaling of `scoring.metrics.sim`, through which only the
  smallest and the largest value would get a gradient.

  Args:
    saliency: Predicted non-negative maps [b, h, w].
    density: Ground truth [b, h, w] that sums to 1.
    epsilon: See `distribution`.
  """
  s = distribution(saliency, epsilon)
  return jnp.minimum(s, density).sum(axis=(1, 2))


def _standardized(maps):
  mean = maps.mean(axis=(1, 2), keepdims=True)
  variance = ((maps - mean) ** 2).mean(axis=(1, 2), keepdims=True)
  # The inner `where` keeps sqrt(0), whose gradient is infinite, out of both
  # branches of the outer one.
  deviation = jnp.sqrt(jnp.where(variance > 0, variance, 1.0))
  return jnp.where(variance > 0, (maps - mean) / deviation, 0.0)
