"""The audio encoder with a classifier on top."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dave_jax.models.resnet3d import ResNet3D


class SoundClassifier(nn.Module):
  """Tells what is heard, for training the audio encoder (paper, section 3.1).

  The encoder is that of `DAVE`, under the same name.

  Attributes:
    labels: How many there are.
    depth, width, shortcut, dtype: See `ResNet3D`.
  """

  labels: int
  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, audio: jax.Array, *, train: bool) -> jax.Array:
    """Returns logits [b, labels], float32.

    Args:
      audio: Log-mel examples [b, 16, 64, 64].
      train: Whether batch norm uses, and updates with, the batch's statistics.
    """
    encoder = ResNet3D(
      depth=self.depth,
      width=self.width,
      shortcut=self.shortcut,
      dtype=self.dtype,
      name='audio_encoder',
    )
    features = encoder(audio[..., None], train=train).mean(axis=(1, 2, 3))
    head = nn.Dense(self.labels, name='classifier')
    return head(features.astype(jnp.float32))

  @nn.nowrap
  def initialise(self, seed: int) -> dict:
    """Returns fresh variables."""
    key = jax.random.key(seed, impl='rbg')
    init = jax.jit(
      lambda: self.init(key, jnp.zeros((1, 16, 64, 64)), train=False)
    )
    return dict(init())
