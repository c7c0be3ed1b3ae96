"""The loss that is minimised: a weighted sum of terms."""

import dataclasses

import jax

from dave_jax.training import losses


@dataclasses.dataclass(frozen=True)
class Objective:
  """Sums terms by weight; those of weight 0 are not computed.

  What is better when higher, all but the divergence, counts negatively.

  Attributes:
    kl, correlation, scanpath_saliency, similarity: Weights of the terms of
      `training.losses`.
    epsilon: See `losses.distribution`.
  """

  kl: float
  correlation: float
  scanpath_saliency: float
  similarity: float
  epsilon: float

  def __call__(
    self, maps: jax.Array, batch: dict
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns the loss [b] of maps [b, h, w], and its terms {name: [b]}."""
    density = batch['density']
    terms = {}
    if self.kl:
      terms['kl'] = losses.kl_divergence(maps, density, epsilon=self.epsilon)
    if self.correlation:
      terms['correlation'] = losses.correlation(maps, density)
    if self.scanpath_saliency:
      terms['scanpath_saliency'] = losses.scanpath_saliency(
        maps, batch['fixations']
      )
    if self.similarity:
      terms['similarity'] = losses.similarity(
        maps, density, epsilon=self.epsilon
      )
    if not terms:
      raise ValueError('all terms of the loss have weight 0; give one a weight')
    total = sum(
      (value if name == 'kl' else -value) * getattr(self, name)
      for name, value in terms.items()
    )
    return total, terms
