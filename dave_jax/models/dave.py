"""DAVE: audio-visual, video-only and audio-only saliency networks."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jax import lax

from dave_jax.kernels.batch_norm import BatchNorm
from dave_jax.kernels.conv3d import conv3d
from dave_jax.models.resnet3d import ResNet3D

MODALITIES = ('audio_visual', 'video', 'audio')
_FAN_IN = nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')


class DAVE(nn.Module):
  """Predicts where people look at the end of a window of 16 frames.

  Deep Audio-Visual Embedding for dynamic saliency prediction, Tavakoli et al.,
  arXiv 1905.10693, section 3: two 3D residual encoders, their features
  concatenated and mixed by a 1x1 convolution, and a decoder of two upsampling
  blocks. A single-modality network has one encoder and no mixing.

  Attributes:
    modality: 'audio_visual', 'video' or 'audio'.
    depth: Depth of the encoders: 10, 18, 34 or 50.
    width: Channels of the encoders' stems; the rest follows from it.
    shortcut: 'A' or 'B', see `ResNet3D`.
    detach_shortcut: See `ResNet3D`.
    decoder_batch_norm: Batch norm in the upsampling blocks, as the paper has
      it. The published weights are for a network without.
    frame_size: Height and width of the frames the network is for. Its layers
      take any that 32 divides; the audio-only network, which sees no frame,
      spreads its features over this.
    dtype: Type of the computation; parameters, statistics and maps are float32.
    rematerialise: See `ResNet3D`.
  """

  modality: str = 'audio_visual'
  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  detach_shortcut: bool = False
  decoder_batch_norm: bool = False
  frame_size: tuple[int, int] = (256, 320)
  dtype: Any = jnp.float32
  rematerialise: bool = False

  @nn.compact
  def __call__(
    self,
    video: jax.Array | None,
    audio: jax.Array | None = None,
    *,
    train: bool,
    visual_only: bool = False,
    pooled_video: bool = False,
  ) -> jax.Array:
    """Returns saliency maps [b, h / 8, w / 8], float32, not below zero.

    Args:
      video: Normalised frames [b, 16, h, w, 3], h and w divisible by 32, or
        [b, 1, h, w, 3] of still images, each for 16 frames that are alike; None
        for the audio-only network.
      audio: Log-mel examples [b, 16, 64, 64], one a frame, each [time, mel
        band]; None for the video-only network and the visual-only route.
      train: Whether batch norm uses, and updates with, the batch's statistics.
      visual_only: Takes the route of still images: the visual features go
        straight into the first upsampling block; sound and mixing convolution
        are left out.
      pooled_video: Whether `video` has been through the encoder's stem already
        (`dave_jax.models.stem_stream`): [b, 8, h / 4, w / 4, width].

    Raises:
      ValueError: For inputs that do not fit the network.
    """
    self._check(video, audio, visual_only, pooled_video)
    features = []
    if self.modality != 'audio':
      encoder = self._encoder('video_encoder')
      x = encoder(video, train=train, pooled=pooled_video)
      features.append(x[:, 0])  # Sixteen frames have become one.
      _, h, w, _ = features[0].shape
    else:
      h, w = (size // 32 for size in self.frame_size)
    if self.modality != 'video' and not visual_only:
      encoder = self._encoder('audio_encoder')
      x = encoder(audio[..., None], train=train)
      x = x.mean(axis=(1, 2, 3))
      self.sow('intermediates', 'audio_features', x)
      b, c = x.shape
      features.append(jnp.broadcast_to(x[:, None, None], (b, h, w, c)))
    x = features[0]
    if len(features) == 2:
      self.sow('intermediates', 'video_features', x)
      mix = nn.Conv(
        x.shape[-1],
        (1, 1),
        kernel_init=_FAN_IN,
        dtype=self.dtype,
        name='combined_embedding',
      )
      x = nn.relu(mix(jnp.concatenate(features, axis=-1)))
    x = self._upscale(8 * self.width, 'upscale1')(x, train=train)
    x = self._upscale(2 * self.width, 'upscale2')(x, train=train)
    head = nn.Conv(1, (1, 1), kernel_init=_FAN_IN, name='saliency')
    return nn.relu(head(x.astype(jnp.float32)))[..., 0]

  @nn.nowrap
  def initialise(self, seed: int) -> dict:
    """Returns fresh variables: He initialisation, as published."""
    # Threefry, JAX's default, takes 19 s to compile for these, 'rbg' 3 s.
    key = jax.random.key(seed, impl='rbg')
    h, w = 64, 64  # No parameter's shape depends on them.
    video = jnp.zeros((1, 16, h, w, 3)) if self.modality != 'audio' else None
    audio = jnp.zeros((1, 16, 64, 64)) if self.modality != 'video' else None
    init = jax.jit(functools.partial(self.init, train=False))
    variables = init(key, video, audio)
    return {name: variables[name] for name in ('params', 'batch_stats')}

  @nn.nowrap
  def variable_shapes(self) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Returns {path: shape} of the parameters and batch statistics."""
    variables = jax.eval_shape(lambda: self.initialise(0))
    flat = traverse_util.flatten_dict(variables)
    return {path: leaf.shape for path, leaf in flat.items()}

  @nn.nowrap
  def _encoder(self, name: str) -> ResNet3D:
    return ResNet3D(
      depth=self.depth,
      width=self.width,
      shortcut=self.shortcut,
      detach_shortcut=self.detach_shortcut,
      dtype=self.dtype,
      rematerialise=self.rematerialise,
      name=name,
    )

  @nn.nowrap
  def _upscale(self, features: int, name: str) -> 'Upscale':
    return Upscale(features, self.decoder_batch_norm, self.dtype, name=name)

  @nn.nowrap
  def _check(self, video, audio, visual_only, pooled_video):
    if self.modality not in MODALITIES:
      raise ValueError(f'modality {self.modality!r} is none of {MODALITIES}')
    if visual_only and self.modality == 'audio':
      raise ValueError('an audio-only network has no visual-only route')
    if self.modality != 'audio':
      t, size, c = (8, 8, self.width) if pooled_video else (16, 32, 3)
      shape = None if video is None else video.shape
      fits = shape is not None and len(shape) == 5
      lengths = (t,) if pooled_video else (1, t)
      if (
        not fits
        or shape[1] not in lengths
        or shape[2] % size
        or shape[3] % size
        or shape[4] != c
      ):
        raise ValueError(
          f'video is {shape}; wanted [b, {t}, h, w, {c}], h and w divisible '
          f'by {size}'
        )
    if self.modality != 'video' and not visual_only:
      shape = None if audio is None else audio.shape
      if shape is None or shape[1:] != (16, 64, 64):
        raise ValueError(f'audio is {shape}; wanted [b, 16, 64, 64]')


class Upscale(nn.Module):
  """Doubles a map: bilinear, 3x3 convolution, batch norm if asked, ReLU."""

  features: int
  batch_norm: bool
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, 2 h, 2 w, features]."""
    x = double_bilinear(x)
    x = _Conv3x3(self.features, self.dtype, name='combine')(x)
    if self.batch_norm:
      return BatchNorm(self.features, self.dtype, name='bn')(x, train=train)
    return nn.relu(x)


class _Conv3x3(nn.Module):
  """3x3 convolution and bias, with the encoders' convolution."""

  features: int
  dtype: Any

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (3, 3, x.shape[-1], self.features)
    kernel = self.param('kernel', _FAN_IN, shape)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    x = conv3d(
      x[:, None].astype(self.dtype),
      kernel[None].astype(self.dtype),
      padding=((0, 0), (1, 1), (1, 1)),
    )
    return x[:, 0] + bias.astype(self.dtype)


def double_bilinear(x: jax.Array) -> jax.Array:
  """Doubles height and width of [b, h, w, c], corners on corners.

  As `torch.nn.functional.interpolate(scale_factor=2, mode='bilinear',
  align_corners=True)`.
  """
  return _double(_double(x, 1), 2)


def _double(x, axis):
  """Mixes each point with the one before, and with the one after, in turns.

  Place i of 2 n lies at i (n - 1) / (2 n - 1) of the n points: k / (2 n - 1)
  before point k for i = 2 k, and (n - 1 - k) / (2 n - 1) after it for the next
  i. A product with a matrix of all points would take 4 times as long.
  """
  n = x.shape[axis]
  k = np.arange(n).reshape([n if a == axis else 1 for a in range(x.ndim)])

  def mixed(share, step):
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (step, -step, 0)
    neighbour = lax.pad(x, jnp.zeros((), x.dtype), config)
    keep, take = (jnp.asarray(s, x.dtype) for s in (1 - share, share))
    return keep * x + take * neighbour

  pairs = mixed(k / (2 * n - 1), 1), mixed((n - 1 - k) / (2 * n - 1), -1)
  shape = list(x.shape)
  shape[axis] *= 2
  return jnp.stack(pairs, axis + 1).reshape(shape)
