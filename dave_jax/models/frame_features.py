"""Features of single frames, and what sixteen of them become."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dave_jax.models.efficientnet import FEATURES, EfficientNetLite0
from dave_jax.models.normalisation import normalise

FINE_FEATURES = FEATURES[0]
WINDOW_FRAMES = 16
# Averages of the past that motion is measured against, in frames: the newest
# few, and the whole window.
_SPANS = (3, WINDOW_FRAMES - 1)


class FrameFeatures(NamedTuple):
  """What a frame is remembered by.

  Attributes:
    coarse: [..., h / 16, w / 16, c], strides 8, 16 and 32 embedded together.
    fine: [..., h / 8, w / 8, c'], stride 8; of the newest frame alone.
  """

  coarse: jax.Array
  fine: jax.Array


class Embedding(nn.Module):
  """Joins features at strides 8, 16 and 32 at stride 16.

  Attributes:
    features: Channels that come out.
    dtype: Type of the computation.
  """

  features: int
  dtype: Any

  @nn.compact
  def __call__(self, pyramid: tuple[jax.Array, ...]) -> FrameFeatures:
    """Maps what `EfficientNetLite0` returns to the features of its frames."""
    fine, middle, deep = pyramid
    n, h, w, _ = middle.shape
    pooled = fine.reshape(n, h, 2, w, 2, -1).mean(axis=(2, 4))
    doubled = jnp.repeat(jnp.repeat(deep, 2, axis=1), 2, axis=2)
    x = jnp.concatenate([pooled, middle, doubled], axis=-1)
    layer = nn.Dense(self.features, dtype=self.dtype, name='layer')
    return FrameFeatures(nn.relu(layer(x)), fine)


class FrameMixing(nn.Module):
  """Adds to the newest frame's features what changed before it.

  Each channel is compared with weighted means of its past: of the last 3 and of
  the last 15 frames, plus what is learned. Rises and falls are projected and
  added. The projection starts with zeros, so that a fresh network sees the
  newest frame alone. If all frames are equal, the result is the features of the
  newest frame whatever the weights.

  Attributes:
    dtype: Type of the computation.
  """

  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, 16, h, w, c], or [b, 1, h, w, c] of images, to [b, h, w, c]."""
    newest = x[:, -1]
    c = x.shape[-1]
    zeros = nn.initializers.zeros
    spans, ages = len(_SPANS), WINDOW_FRAMES - 1
    weights = self.param('weights', zeros, (spans, ages, c))
    projection = self.param('projection', zeros, (2 * spans * c, c))
    if x.shape[1] == 1:
      return newest
    weights = (weights + _means()[:, :, None]).astype(self.dtype)
    # Unrolled: XLA fuses this into one loop that stores no differences, which
    # takes a fifth of the time of a reduction over stacked ones on a CPU.
    changes = [jnp.zeros_like(newest)] * spans
    for age in range(ages):
      difference = newest - x[:, -2 - age]
      changes = [
        change + w[age] * difference
        for change, w in zip(changes, weights, strict=True)
      ]
    changes += [-change for change in changes]
    changes = nn.relu(jnp.concatenate(changes, axis=-1))
    return nn.relu(newest + changes @ projection.astype(self.dtype))


def _means():
  """Returns weights [spans, 15] of the past, newest first."""
  ages = np.arange(1, WINDOW_FRAMES)
  rows = [np.where(ages <= span, 1 / span, 0) for span in _SPANS]
  return np.stack(rows).astype(np.float32)


class CentreBias(nn.Module):
  """A learned map of 6x8 places that is added to the logits, stretched."""

  @nn.compact
  def __call__(self, logits: jax.Array) -> jax.Array:
    """Adds to [b, h, w]."""
    centre = self.param('map', nn.initializers.zeros, (6, 8))
    return logits + jax.image.resize(centre, logits.shape[1:], 'linear')


class FrameStream(NamedTuple):
  """Features of the newest frames of a video, oldest first.

  Attributes:
    coarse: Sixteen arrays [h / 16, w / 16, c]; before the first frame, that one
      repeated.
    fine: [h / 8, w / 8, c'] of the newest.
  """

  coarse: tuple[jax.Array, ...]
  fine: jax.Array


def push(
  encode: Callable[[np.ndarray], FrameFeatures],
  stream: FrameStream | None,
  image: np.ndarray,
) -> FrameStream:
  """Returns the stream after a frame, each of which is encoded once.

  Args:
    encode: From an image, uint8 [h, w, 3], to its features.
    stream: After the frame before; None before the first.
    image: The frame.
  """
  new = encode(image)
  before = (new.coarse,) * WINDOW_FRAMES if stream is None else stream.coarse
  return FrameStream((*before[1:], new.coarse), new.fine)


def stacked(streams: Sequence[FrameStream]) -> FrameFeatures:
  """Returns the windows that end at the newest frames, as `DAVE` takes them."""
  coarse = jnp.stack([jnp.stack(stream.coarse) for stream in streams])
  return FrameFeatures(coarse, jnp.stack([s.fine for s in streams]))


@functools.partial(
  jax.jit, static_argnames=('features', 'dtype', 'lax_kernels')
)
def encode_image(
  variables: dict,
  image: jax.Array,
  *,
  features: int,
  dtype: Any,
  lax_kernels: bool,
) -> FrameFeatures:
  """Returns the features of one image, without a batch dimension.

  Args:
    variables: {'params', 'batch_stats'} of a `DAVE`: of 'video_encoder' and
      'video_embedding' at least.
    image: uint8 [h, w, 3].
    features: Channels of the embedding, as the network has it.
    dtype: Type of the computation.
    lax_kernels: See `dave_jax.kernels.conv3d.conv3d`.
  """

  def part(module):
    return {c: tree[module] for c, tree in variables.items() if module in tree}

  frames = normalise(image)[None]
  encoder = EfficientNetLite0(dtype, lax_kernels)
  pyramid = encoder.apply(part('video_encoder'), frames)
  x = Embedding(features, dtype).apply(part('video_embedding'), pyramid)
  return FrameFeatures(x.coarse[0], x.fine[0])
