"""3D residual networks, the encoders of video and audio."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dave_jax.checks import check_choice
from dave_jax.kernels.batch_norm import BatchNorm, moments
from dave_jax.kernels.conv3d import Conv3D, conv3d
from dave_jax.kernels.max_pool import max_pool3d, max_pool3d_and_moments
from dave_jax.models.constant_clip import convolve_constant_clip
from dave_jax.models.initialisation import drawn_on_host

BLOCKS = {
  10: (1, 1, 1, 1),
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 6, 3),
}
WINDOW_FRAMES = 16
# The shortest clip of copies of an image whose convolution has all frames, and
# their pooling all frames, of a window of copies: the first three and the last
# three differ, and those between are the same.
_CONSTANT_FRAMES = 10


class ResNet3D(nn.Module):
  """Encodes a window of 16 frames as one feature map.

  The network of Hara, Kataoka and Satoh, "Can Spatiotemporal 3D CNNs Retrace
  the History of 2D CNNs and ImageNet?" (CVPR 2018, table 2), without its
  classifier. Parameters are named as in its published state dicts.

  Attributes:
    depth: 10, 18, 34 (basic blocks) or 50 (bottlenecks).
    width: Channels of the stem; 64 in the published networks.
    shortcut: 'A' (subsampled and padded with zero channels) or 'B' (projected).
    detach_shortcut: Stops the gradient at shortcuts of type 'A', as the
      published code does by mistake.
    dtype: Type of the computation; parameters are float32.
    rematerialise: Whether the backward pass recomputes the activations inside
      the stem and the blocks rather than storing them.
    lax_kernels: See `conv3d`.
  """

  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  detach_shortcut: bool = False
  dtype: Any = jnp.float32
  rematerialise: bool = False
  lax_kernels: bool = False

  @property
  def features(self) -> int:
    """Number of output channels."""
    return self.width * 8 * (4 if self.depth == 50 else 1)

  @nn.compact
  def __call__(
    self, x: jax.Array, *, train: bool, from_stem: bool = False
  ) -> jax.Array:
    """Returns features [b, t / 16, h / 32, w / 32, features].

    Args:
      x: [b, t, h, w, c], where c is 3, or 1 for three equal channels. A single
        frame stands for a window of 16 copies of it.
      train: Whether batch norm normalises with the statistics of the batch and
        updates the running ones.
      from_stem: Whether `x` is the output of the stem,
        [b, t / 2, h / 4, w / 4, width], rather than its input.

    Raises:
      ValueError: The depth or shortcut is unknown.
    """
    check_choice('depth', self.depth, BLOCKS)
    check_choice('shortcut', self.shortcut, ('A', 'B'))

    def apply(module, x):
      return module(x, train=train)

    if self.rematerialise:
      apply = nn.remat(apply)
    if not from_stem:
      stem = Stem(self.width, self.dtype, self.lax_kernels, name='stem')
      x = apply(stem, x)
    self.sow('intermediates', 'stem_output', x)
    for stage, blocks in enumerate(BLOCKS[self.depth], start=1):
      for i in range(blocks):
        block = Block(
          features=self.width * 2 ** (stage - 1),
          stride=2 if i == 0 and stage > 1 else 1,
          bottleneck=self.depth == 50,
          shortcut=self.shortcut,
          detach_shortcut=self.detach_shortcut,
          dtype=self.dtype,
          lax_kernels=self.lax_kernels,
          name=f'layer{stage}_{i}',
        )
        x = apply(block, x)
      self.sow('intermediates', f'layer{stage}', x)
    return x


class Stem(nn.Module):
  """7x7x7 convolution at stride (1, 2, 2), batch norm, ReLU, 3x3x3 max pool."""

  features: int
  dtype: Any
  lax_kernels: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [b, t, h, w, 1 or 3] to [b, t / 2, h / 4, w / 4, features].

    A single frame stands for 16 copies of it.
    """
    kernel = self.param('kernel', drawn_on_host, (7, 7, 7, 3, self.features))
    if x.shape[-1] == 1:
      # Convolving three equal channels equals convolving one of them with the
      # sum of the kernels, at a third of the cost.
      kernel = kernel.sum(axis=3, keepdims=True)
    bn = BatchNorm(self.features, self.dtype, name='bn')
    x = x.astype(self.dtype)
    kernel = (kernel * bn.signs()).astype(self.dtype)
    constant = x.shape[1] == 1
    if constant:
      x = convolve_constant_clip(
        x, kernel, frames=_CONSTANT_FRAMES, lax_kernels=self.lax_kernels
      )
    else:
      x = conv3d(
        x,
        kernel,
        strides=(1, 2, 2),
        padding=((3, 3), (3, 3), (3, 3)),
        lax_kernels=self.lax_kernels,
      )
    if train:
      maxima, *means = max_pool3d_and_moments(x, lax_kernels=self.lax_kernels)
      if constant:
        means = [
          (
            _CONSTANT_FRAMES * mean
            + (WINDOW_FRAMES - _CONSTANT_FRAMES) * middle
          )
          / WINDOW_FRAMES
          for mean, middle in zip(
            means, moments(x[:, _CONSTANT_FRAMES // 2]), strict=True
          )
        ]
    else:
      maxima, means = max_pool3d(x, lax_kernels=self.lax_kernels), ()
    x = bn.relu_of_pooled(maxima, *means)
    if constant:
      b, t, *rest = x.shape
      copies = WINDOW_FRAMES // 2 - t + 1
      middle = jnp.broadcast_to(x[:, 2:3], (b, copies, *rest))
      x = jnp.concatenate([x[:, :2], middle, x[:, 3:]], axis=1)
    return x


class Block(nn.Module):
  """Residual block: two 3x3x3 convolutions, or a bottleneck of three.

  The bottleneck's convolutions are 1x1x1, 3x3x3 and 1x1x1, the last with four
  times the channels. The first 3x3x3 convolution has the stride.
  """

  features: int
  stride: int
  bottleneck: bool
  shortcut: str
  detach_shortcut: bool
  dtype: Any
  lax_kernels: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    sizes = (1, 3, 1) if self.bottleneck else (3, 3)
    widths = [self.features] * len(sizes)
    if self.bottleneck:
      widths[-1] *= 4
    computed = self.dtype, self.lax_kernels
    residual = _Shortcut(
      widths[-1],
      self.stride,
      self.shortcut,
      self.detach_shortcut,
      *computed,
      name='downsample',
    )(x, train=train)
    strided = sizes.index(3)
    for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
      stride = self.stride if i == strided else 1
      conv = Conv3D(width, size, stride, *computed, name=f'conv{i + 1}')
      x = conv(x)
      bn = BatchNorm(width, self.dtype, name=f'bn{i + 1}')
      last = i + 1 == len(sizes)
      x = bn(x, residual if last else None, train=train, relu=True)
    return x


class _Shortcut(nn.Module):
  """Matches a block's input to the shape of its output."""

  features: int
  stride: int
  shortcut: str
  detach_shortcut: bool
  dtype: Any
  lax_kernels: bool

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    if self.stride == 1 and x.shape[-1] == self.features:
      return x
    if self.shortcut == 'B':
      computed = self.dtype, self.lax_kernels
      conv = Conv3D(self.features, 1, self.stride, *computed, name='conv')
      bn = BatchNorm(self.features, self.dtype, name='bn')
      return bn(conv(x), train=train)
    s = self.stride
    x = x[:, ::s, ::s, ::s]
    x = jnp.pad(x, ((0, 0),) * 4 + ((0, self.features - x.shape[-1]),))
    return jax.lax.stop_gradient(x) if self.detach_shortcut else x
