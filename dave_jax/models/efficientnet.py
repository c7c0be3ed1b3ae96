"""EfficientNet-Lite0: an encoder of single frames with ImageNet weights."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from dave_jax.kernels.conv3d import conv3d
from dave_jax.kernels.depthwise import depthwise_conv
from dave_jax.models.initialisation import drawn_on_host
from dave_jax.models.normalisation import MEAN, STANDARD_DEVIATION


class Stage(NamedTuple):
  """Blocks of one shape; the first of them has the stride."""

  expansion: int
  kernel: int
  stride: int
  features: int
  blocks: int


STEM_FEATURES = 32
STAGES = (
  Stage(1, 3, 1, 16, 1),
  Stage(6, 3, 2, 24, 2),
  Stage(6, 5, 2, 40, 2),
  Stage(6, 3, 2, 80, 3),
  Stage(6, 5, 1, 112, 3),
  Stage(6, 5, 2, 192, 4),
  Stage(6, 3, 1, 320, 1),
)
# Stages after which features are taken: strides 8, 16 and 32.
_TAKEN = (2, 4, 6)
FEATURES = tuple(STAGES[stage].features for stage in _TAKEN)
# In TensorFlow's implementation, whose weights these are.
_EPSILON = 1e-3


class EfficientNetLite0(nn.Module):
  """Encodes frames one by one into features at strides 8, 16 and 32.

  Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
  Networks" (ICML 2019), in the Lite form: ReLU6, no squeeze-and-excitation.
  Without the classifier. Batch norm uses its running statistics in training
  too: batches of a few photographs would spoil those of ImageNet.

  Attributes:
    dtype: Type of the computation; parameters are float32.
    lax_kernels: See `dave_jax.kernels.conv3d.conv3d`.
  """

  dtype: Any = jnp.float32
  lax_kernels: bool = False

  @nn.compact
  def __call__(self, frames: jax.Array) -> tuple[jax.Array, ...]:
    """Returns features [n, h / s, w / s, FEATURES[i]] for s = 8, 16, 32.

    Args:
      frames: [n, h, w, 3], normalised as by `models.inputs.normalise`; h and w
        divisible by 32.
    """
    x = _normalise(frames).astype(self.dtype)
    x = _Stem(STEM_FEATURES, self.dtype, self.lax_kernels, name='stem')(x)
    x = _relu6(FrozenBatchNorm(self.dtype, name='stem_bn')(x))
    taken, number = [], 0
    for index, stage in enumerate(STAGES):
      for block in range(stage.blocks):
        x = InvertedResidual(
          stage.expansion,
          stage.kernel,
          stage.stride if block == 0 else 1,
          stage.features,
          self.dtype,
          self.lax_kernels,
          name=f'block{number}',
        )(x)
        number += 1
      if index in _TAKEN:
        taken.append(x)
    return tuple(taken)


class InvertedResidual(nn.Module):
  """1x1 expansion, depthwise convolution, 1x1 projection without activation.

  Attributes:
    expansion: Channels inside are this many times those that come in; 1 leaves
      the first convolution out.
    kernel: Size of the depthwise kernel.
    stride: Stride of the depthwise convolution.
    features: Channels that come out.
    dtype: Type of the computation.
    lax_kernels: See `dave_jax.kernels.conv3d.conv3d`.
  """

  expansion: int
  kernel: int
  stride: int
  features: int
  dtype: Any
  lax_kernels: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [n, h, w, c] to [n, h / stride, w / stride, features]."""
    shortcut = x
    if self.expansion != 1:
      x = Pointwise(self.expansion * x.shape[-1], self.dtype, name='expand')(x)
      x = _relu6(FrozenBatchNorm(self.dtype, name='expand_bn')(x))
    x = _Depthwise(
      self.kernel, self.stride, self.dtype, self.lax_kernels, name='depthwise'
    )(x)
    x = _relu6(FrozenBatchNorm(self.dtype, name='depthwise_bn')(x))
    x = Pointwise(self.features, self.dtype, name='project')(x)
    x = FrozenBatchNorm(self.dtype, name='project_bn')(x)
    return x + shortcut if x.shape == shortcut.shape else x


class _Stem(nn.Module):
  """3x3 convolution of stride 2 without bias."""

  features: int
  dtype: Any
  lax_kernels: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [n, h, w, c] to [n, h / 2, w / 2, features]."""
    shape = (3, 3, x.shape[-1], self.features)
    kernel = self.param('kernel', drawn_on_host, shape)
    y = conv3d(
      x[:, None],
      kernel[None].astype(self.dtype),
      strides=(1, 2, 2),
      padding=((0, 0), (0, 1), (0, 1)),
      lax_kernels=self.lax_kernels,
    )
    return y[:, 0]


class _Depthwise(nn.Module):
  """Depthwise convolution without bias."""

  size: int
  stride: int
  dtype: Any
  lax_kernels: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [n, h, w, c] to [n, h / stride, w / stride, c]."""
    shape = (self.size, self.size, x.shape[-1], 1)
    kernel = self.param('kernel', drawn_on_host, shape)[..., 0]
    return depthwise_conv(
      x,
      kernel.astype(self.dtype),
      stride=self.stride,
      lax_kernels=self.lax_kernels,
    )


class Pointwise(nn.Module):
  """1x1 convolution without bias."""

  features: int
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., c] to [..., features]."""
    shape = (x.shape[-1], self.features)
    return x @ self.param('kernel', drawn_on_host, shape).astype(self.dtype)


class FrozenBatchNorm(nn.Module):
  """Batch norm by running statistics that training does not move.

  Parameters and statistics are named as in `flax.linen.BatchNorm`.
  """

  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises [..., c]."""
    shape = (x.shape[-1],)
    scale = self.param('scale', nn.initializers.ones, shape)
    bias = self.param('bias', nn.initializers.zeros, shape)
    mean = self.variable('batch_stats', 'mean', jnp.zeros, shape).value
    variance = self.variable('batch_stats', 'var', jnp.ones, shape).value
    gain = scale * lax.rsqrt(variance + _EPSILON)
    offset = bias - mean * gain
    return x * gain.astype(self.dtype) + offset.astype(self.dtype)


def _relu6(x):
  return jnp.clip(x, 0, 6)


def _normalise(frames):
  """Turns frames normalised for the 3D ResNets into (v - 127) / 128."""
  mean, deviation = (
    jnp.array(values, jnp.float32) for values in (MEAN, STANDARD_DEVIATION)
  )
  return frames * (deviation / 128) + (mean - 127) / 128
