"""Audio encoder with a classification head."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dave_jax.models.initialisation import (
  abstract_variables,
  drawn_on_host,
  fresh_variables,
)
from dave_jax.models.resnet3d import ResNet3D


class SoundClassifier(nn.Module):
  """Classifies sounds to pre-train the audio encoder (paper, section 3.1).

  The encoder has the same structure and name as the audio encoder of `DAVE`.

  Attributes:
    labels: Number of classes.
    depth, width, shortcut, dtype, lax_kernels: See `ResNet3D`.
  """

  labels: int
  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  dtype: Any = jnp.float32
  lax_kernels: bool = False

  @nn.compact
  def __call__(self, audio: jax.Array, *, train: bool) -> jax.Array:
    """Returns logits [b, labels], float32.

    Args:
      audio: Log-mel examples [b, 16, 64, 64].
      train: Whether batch norm normalises with the statistics of the batch and
        updates the running ones.
    """
    encoder = ResNet3D(
      depth=self.depth,
      width=self.width,
      shortcut=self.shortcut,
      dtype=self.dtype,
      lax_kernels=self.lax_kernels,
      name='audio_encoder',
    )
    features = encoder(audio[..., None], train=train).mean(axis=(1, 2, 3))
    head = nn.Dense(self.labels, kernel_init=drawn_on_host, name='classifier')
    return head(features.astype(jnp.float32))

  @nn.nowrap
  def initialise(self, seed: int) -> dict:
    """Returns fresh variables, see `fresh_variables`."""
    audio = jax.ShapeDtypeStruct((1, 16, 64, 64), jnp.float32)
    return fresh_variables(abstract_variables(self, audio), seed)
