"""Muon: updates of kernels by orthogonalized momentum.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
`optax.contrib.muon` computes the same kernel by kernel, which compiles to
several times as many programs.
"""

import collections
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

# Coefficients a, b and c of successive polynomials x (a + b x^2 + c x^4), which
# move singular values of up to 1 towards 1; those of Dion (Ahn et al., arXiv
# 2504.05295, as in `optax.contrib`).
_POLYNOMIALS = (
  (4.0848, -6.8946, 2.9270),
  (3.9505, -6.3029, 2.6377),
  (3.7418, -5.5913, 2.3037),
  (2.8769, -3.1427, 1.2046),
  (2.8366, -3.0525, 1.2012),
)


class MuonState(NamedTuple):
  """State of `scale_by_muon`: the momentum of each kernel."""

  momentum: optax.Updates


def scale_by_muon(
  momentum: float, update_rms: float
) -> optax.GradientTransformation:
  """Returns the transformation of kernels [..., inputs, outputs].

  A kernel is a matrix of as many columns as outputs. With momentum m, of
  gradient g, its update is that of Nesterov, momentum * m + (1 - momentum) * g,
  with all of its singular values near 1, times
  sqrt(max(rows, columns)) * update_rms (Liu et al., arXiv 2502.16982).

  Args:
    momentum: Decay rate of the momentum, 0 or more and below 1.
    update_rms: Root mean square of the updates of kernels of full rank.
  """

  def init(params):
    return MuonState(optax.tree.zeros_like(params))

  def update(gradients, state, params=None):
    del params

    def average(m, g):
      return momentum * m + (1 - momentum) * g

    new = jax.tree.map(average, state.momentum, gradients)
    leaves, tree = jax.tree.flatten(jax.tree.map(average, new, gradients))
    matrices = [leaf.reshape(-1, leaf.shape[-1]) for leaf in leaves]
    updates = [
      (matrix * (max(matrix.shape) ** 0.5 * update_rms)).reshape(leaf.shape)
      for matrix, leaf in zip(orthogonalize(matrices), leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, updates), MuonState(new)

  return optax.GradientTransformation(init, update)


def orthogonalize(matrices: list[jax.Array]) -> list[jax.Array]:
  """Returns matrices with the same singular vectors and values near 1.

  Values below about 0.002 of the Frobenius norm remain smaller. The polynomials
  are computed of the products of the rows or of the columns, whichever are
  fewer, at once for all matrices that have as many.
  """
  wide = [len(m) < m.shape[1] for m in matrices]
  tall = [m.T if w else m for m, w in zip(matrices, wide, strict=True)]
  by_size = collections.defaultdict(list)
  for i, matrix in enumerate(tall):
    by_size[matrix.shape[1]].append(i)
  result = list(tall)
  for members in by_size.values():
    products = jnp.stack([tall[i].T @ tall[i] for i in members])
    for i, factor in zip(members, _factors(products), strict=True):
      result[i] = tall[i] @ factor
  return [m.T if w else m for m, w in zip(result, wide, strict=True)]


def _factors(products):
  """Maps X^T X [b, n, n] to the factors P for which X P is orthogonal."""
  squares = jnp.trace(products, axis1=1, axis2=2)[:, None, None]
  squares = jnp.maximum(squares, jnp.finfo(products.dtype).tiny)
  identity = jnp.eye(products.shape[-1], dtype=products.dtype)

  def apply(carry, coefficients):
    products, factors = carry
    a, b, c = coefficients
    step = a * identity + b * products + c * products @ products
    # All are polynomials of one matrix, so their order does not matter.
    return (step @ products @ step, step @ factors), None

  first = products / squares, jnp.broadcast_to(identity, products.shape)
  (_, factors), _ = jax.lax.scan(apply, first, jnp.asarray(_POLYNOMIALS))
  return factors * jax.lax.rsqrt(squares)
