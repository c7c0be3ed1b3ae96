"""3D residual networks: the encoders of sound and picture."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dave_jax.kernels.batch_norm import BatchNorm
from dave_jax.kernels.conv3d import Conv3D, conv3d
from dave_jax.kernels.max_pool import max_pool3d
from dave_jax.models.constant_clip import convolve_still

BLOCKS = {
  10: (1, 1, 1, 1),
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 6, 3),
}
WINDOW_FRAMES = 16
_FAN_OUT = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')


class ResNet3D(nn.Module):
  """Encodes a window of 16 frames into one map of features.

  The network of Hara, Kataoka and Satoh, "Can Spatiotemporal 3D CNNs Retrace
  the History of 2D CNNs and ImageNet?" (CVPR 2018, table 2), without its
  classifier. Parameters are named as in its published state dicts.

  Attributes:
    depth: 10, 18, 34 (basic blocks) or 50 (bottlenecks).
    width: Channels of the stem; 64 in the published networks.
    shortcut: 'A' (subsampled, zero channels appended) or 'B' (projected).
    detach_shortcut: Lets no gradient through the shortcuts of type 'A', as the
      published code does by mistake.
    dtype: Type of the computation; parameters are float32.
    rematerialise: Whether the gradient computes stem and blocks again in place
      of keeping what is within them.
  """

  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  detach_shortcut: bool = False
  dtype: Any = jnp.float32
  rematerialise: bool = False

  @property
  def features(self) -> int:
    """Number of channels that come out."""
    return self.width * 8 * (4 if self.depth == 50 else 1)

  @nn.compact
  def __call__(
    self, x: jax.Array, *, train: bool, pooled: bool = False
  ) -> jax.Array:
    """Returns features [b, t / 16, h / 32, w / 32, features].

    Args:
      x: [b, t, h, w, c]; c is 3, or 1 for three channels that are equal. One
        frame stands for a window of 16 that are alike.
      train: Whether batch norm uses, and updates with, the batch's statistics.
      pooled: Whether `x` has been through the stem already:
        [b, t / 2, h / 4, w / 4, width].

    Raises:
      ValueError: For an unknown depth or shortcut.
    """
    if self.depth not in BLOCKS:
      raise ValueError(f'depth {self.depth} is none of {sorted(BLOCKS)}')
    if self.shortcut not in ('A', 'B'):
      raise ValueError(f"shortcut {self.shortcut!r} is neither 'A' nor 'B'")

    def apply(module, x):
      return module(x, train=train)

    if self.rematerialise:
      apply = nn.remat(apply)
    if not pooled:
      stem = Stem(self.width, self.dtype, name='stem')
      x = apply(stem, x)
    self.sow('intermediates', 'pooled_stem', x)
    for stage, blocks in enumerate(BLOCKS[self.depth], start=1):
      for i in range(blocks):
        stride = 2 if i == 0 and stage > 1 else 1
        block = Block(
          features=self.width * 2 ** (stage - 1),
          stride=stride,
          bottleneck=self.depth == 50,
          shortcut=self.shortcut,
          detach_shortcut=self.detach_shortcut,
          dtype=self.dtype,
          name=f'layer{stage}_{i}',
        )
        x = apply(block, x)
      self.sow('intermediates', f'layer{stage}', x)
    return x


class Stem(nn.Module):
  """7x7x7 convolution at stride (1, 2, 2), batch norm, ReLU, 3x3x3 max pool."""

  features: int
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [b, t, h, w, 1 or 3] to [b, t / 2, h / 4, w / 4, features].

    One frame stands for 16.
    """
    kernel = self.param('kernel', _FAN_OUT, (7, 7, 7, 3, self.features))
    if x.shape[-1] == 1:
      # Three equal channels give what their kernels' sum gives on one of them,
      # for a third of the work.
      kernel = kernel.sum(axis=3, keepdims=True)
    bn = BatchNorm(self.features, self.dtype, name='bn')
    x = x.astype(self.dtype)
    kernel = (kernel * bn.signs()).astype(self.dtype)
    if x.shape[1] == 1:
      x = convolve_still(x, kernel, frames=WINDOW_FRAMES)
    else:
      padding = ((3, 3), (3, 3), (3, 3))
      x = conv3d(x, kernel, strides=(1, 2, 2), padding=padding)
    return bn.pooled(max_pool3d(x), x, train=train)


class Block(nn.Module):
  """Convolutions and a shortcut around them.

  Two of 3x3x3, or as a bottleneck 1x1x1, 3x3x3 and 1x1x1 to four times the
  channels; the first 3x3x3 takes the stride.
  """

  features: int
  stride: int
  bottleneck: bool
  shortcut: str
  detach_shortcut: bool
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    sizes = (1, 3, 1) if self.bottleneck else (3, 3)
    widths = [self.features] * len(sizes)
    if self.bottleneck:
      widths[-1] *= 4
    residual = _Shortcut(
      widths[-1],
      self.stride,
      self.shortcut,
      self.detach_shortcut,
      self.dtype,
      name='downsample',
    )(x, train=train)
    strided = sizes.index(3)
    for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
      stride = self.stride if i == strided else 1
      x = _conv(width, size, stride, self.dtype, f'conv{i + 1}')(x)
      last = i + 1 == len(sizes)
      x = BatchNorm(width, self.dtype, name=f'bn{i + 1}')(
        x, residual if last else None, train=train
      )
    return x


class _Shortcut(nn.Module):
  """Brings a block's input to the shape of its output."""

  features: int
  stride: int
  shortcut: str
  detach_shortcut: bool
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    if self.stride == 1 and x.shape[-1] == self.features:
      return x
    if self.shortcut == 'B':
      x = _conv(self.features, 1, self.stride, self.dtype, 'conv')(x)
      bn = BatchNorm(self.features, self.dtype, name='bn')
      return bn(x, train=train, relu=False)
    s = self.stride
    x = x[:, ::s, ::s, ::s]
    x = jnp.pad(x, ((0, 0),) * 4 + ((0, self.features - x.shape[-1]),))
    return jax.lax.stop_gradient(x) if self.detach_shortcut else x


def _conv(features: int, size: int, stride: int, dtype, name: str) -> Conv3D:
  return Conv3D(
    features=features,
    kernel_size=(size,) * 3,
    strides=(stride,) * 3,
    padding=((size // 2,) * 2,) * 3,
    dtype=dtype,
    kernel_init=_FAN_OUT,
    name=name,
  )
