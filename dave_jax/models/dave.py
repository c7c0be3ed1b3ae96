"""DAVE: audio-visual, video-only and audio-only saliency networks."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from dave_jax.checks import check_choice
from dave_jax.kernels.batch_norm import BatchNorm
from dave_jax.kernels.conv3d import conv3d
from dave_jax.models.efficientnet import EfficientNetLite0
from dave_jax.models.frame_features import (
  FINE_FEATURES,
  CentreBias,
  Embedding,
  FrameFeatures,
  FrameMixing,
)
from dave_jax.models.initialisation import (
  abstract_variables,
  drawn_on_host,
  fresh_variables,
)
from dave_jax.models.resnet3d import ResNet3D
from dave_jax.models.upsampling import double_bilinear

MODALITIES = ('audio_visual', 'video', 'audio')
VIDEO_BACKBONES = ('resnet3d', 'efficientnet_lite0')


class DAVE(nn.Module):
  """Predicts a saliency map for the last frame of a window of 16 frames.

  Deep Audio-Visual Embedding for dynamic saliency prediction, Tavakoli et al.,
  arXiv 1905.10693, section 3: two 3D residual encoders, whose features are
  concatenated and mixed by a 1x1 convolution, and a decoder of two upsampling
  blocks. A single-modality network has one encoder and no mixing layer. The
  audio-only network, whose features are the same everywhere, has a learned
  `Position` before its decoder.

  Attributes:
    modality: 'audio_visual', 'video' or 'audio'.
    video_backbone: 'resnet3d', as in the paper, or 'efficientnet_lite0', which
      encodes each frame by itself and is pre-trained on ImageNet. Its features
      at strides 8, 16 and 32 are embedded at stride 16, where `FrameMixing`
      reduces the 16 frames to one. The decoder upsamples once, with the
      features at stride 8 of the newest frame as a skip connection, and the map
      is a softmax over all places, with a learned centre bias.
    depth: Depth of the 3D residual encoders: 10, 18, 34 or 50.
    width: Channels of the encoders' stems; the other widths are multiples.
    shortcut: 'A' or 'B', see `ResNet3D`.
    detach_shortcut: See `ResNet3D`.
    decoder_batch_norm: Whether the upsampling blocks have batch norm, as in the
      paper. The published weights are for a network without it.
    frame_size: Height and width of the frames. The layers accept any multiple
      of 32; the audio-only network, whose input has no frames, broadcasts its
      features to this size.
    dtype: Type of the computation; parameters, statistics and maps are float32.
    rematerialise: See `ResNet3D`.
    lax_kernels: See `dave_jax.kernels.conv3d.conv3d`.
  """

  modality: str = 'audio_visual'
  video_backbone: str = 'resnet3d'
  depth: int = 18
  width: int = 64
  shortcut: str = 'A'
  detach_shortcut: bool = False
  decoder_batch_norm: bool = False
  frame_size: tuple[int, int] = (256, 320)
  dtype: Any = jnp.float32
  rematerialise: bool = False
  lax_kernels: bool = False

  @property
  def uses_video(self) -> bool:
    """Whether frames are an input."""
    return self.modality != 'audio'

  @property
  def uses_audio(self) -> bool:
    """Whether audio is an input."""
    return self.modality != 'video'

  @nn.compact
  def __call__(
    self,
    video: jax.Array | None,
    audio: jax.Array | None = None,
    *,
    train: bool,
    visual_only: bool = False,
    from_stem: bool = False,
  ) -> jax.Array:
    """Returns non-negative float32 saliency maps [b, h / 8, w / 8].

    Args:
      video: Normalised frames [b, 16, h, w, 3], h and w divisible by 32, or
        still images [b, 1, h, w, 3], each of which stands for 16 copies; None
        for the audio-only network.
      audio: Log-mel examples [b, 16, 64, 64], one for each frame, each [time,
        mel band]; None for the video-only network and the visual-only route.
      train: Whether batch norm normalises with the statistics of the batch and
        updates the running ones.
      visual_only: Takes the route of still images: the visual features go
        straight into the first upsampling block, past the audio encoder and the
        mixing layer.
      from_stem: Whether `video` is the output of the video encoder's stem,
        [b, 8, h / 4, w / 4, width] (see `dave_jax.models.stem_stream`);
        of 'efficientnet_lite0', the `FrameFeatures` of 16 frames.

    Raises:
      ValueError: The inputs do not fit the network.
    """
    self._check(video, audio, visual_only, from_stem)
    features, fine = [], None
    if self.uses_video and self.encodes_frames:
      x = video if from_stem else self._frame_features(video)
      features.append(FrameMixing(self.dtype, name='frame_mixing')(x.coarse))
      fine = x.fine
      _, h, w, _ = features[0].shape
    elif self.uses_video:
      encoder = self._encoder('video_encoder')
      x = encoder(video, train=train, from_stem=from_stem)
      features.append(x[:, 0])  # The 16 frames have been reduced to one.
      _, h, w, _ = features[0].shape
    else:
      h, w = (size // 32 for size in self.frame_size)
    if self.uses_audio and not visual_only:
      x = self._encoder('audio_encoder')(audio[..., None], train=train)
      x = x.mean(axis=(1, 2, 3))
      self.sow('intermediates', 'audio_features', x)
      b, c = x.shape
      x = jnp.broadcast_to(x[:, None, None], (b, h, w, c))
      features.append(x if self.uses_video else Position(name='position')(x))
    x = features[0]
    if len(features) == 2:
      self.sow('intermediates', 'video_features', x)
      mix = nn.Conv(
        x.shape[-1],
        (1, 1),
        kernel_init=drawn_on_host,
        dtype=self.dtype,
        name='combined_embedding',
      )
      x = nn.relu(mix(jnp.concatenate(features, axis=-1)))
    head = nn.Conv(1, (1, 1), kernel_init=drawn_on_host, name='saliency')
    if fine is not None:
      x = self._upscale(4 * self.width, 'upscale1')(x, fine, train=train)
      logits = head(x.astype(jnp.float32))[..., 0]
      return nn.softmax(CentreBias(name='centre')(logits), axis=(1, 2))
    x = self._upscale(8 * self.width, 'upscale1')(x, train=train)
    x = self._upscale(2 * self.width, 'upscale2')(x, train=train)
    return nn.relu(head(x.astype(jnp.float32)))[..., 0]

  @property
  def encodes_frames(self) -> bool:
    """Whether the video encoder encodes each frame by itself."""
    return self.video_backbone != 'resnet3d'

  @nn.nowrap
  def _frame_features(self, video):
    """Encodes the frames of [b, t, h, w, 3]."""
    b, t, *rest = video.shape
    encoder = EfficientNetLite0(
      self.dtype, self.lax_kernels, name='video_encoder'
    )
    embedding = Embedding(8 * self.width, self.dtype, name='video_embedding')
    x = embedding(encoder(video.reshape(b * t, *rest)))
    coarse, fine = (y.reshape(b, t, *y.shape[1:]) for y in x)
    return FrameFeatures(coarse, fine[:, -1])

  @nn.nowrap
  def initialise(self, seed: int) -> dict:
    """Returns fresh variables {'params', 'batch_stats'} as NumPy arrays.

    He initialisation, as in the published code; see `fresh_variables`.
    """
    return fresh_variables(self.abstract_variables(), seed)

  @nn.nowrap
  def variable_shapes(self) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Returns {path: shape} of the parameters and batch statistics."""
    flat = traverse_util.flatten_dict(self.abstract_variables())
    return {path: leaf.shape for path, leaf in flat.items()}

  @nn.nowrap
  def abstract_variables(self) -> dict:
    """Returns {'params', 'batch_stats'} of `jax.ShapeDtypeStruct`s."""
    # The frame size does not change the shape of any variable.
    video = jax.ShapeDtypeStruct((1, 16, 64, 64, 3), jnp.float32)
    audio = jax.ShapeDtypeStruct((1, 16, 64, 64), jnp.float32)
    return abstract_variables(
      # The shortest trace, of which `load` waits for one.
      self.clone(lax_kernels=True),
      video if self.uses_video else None,
      audio if self.uses_audio else None,
    )

  @nn.nowrap
  def _encoder(self, name: str) -> ResNet3D:
    return ResNet3D(
      depth=self.depth,
      width=self.width,
      shortcut=self.shortcut,
      detach_shortcut=self.detach_shortcut,
      dtype=self.dtype,
      rematerialise=self.rematerialise,
      lax_kernels=self.lax_kernels,
      name=name,
    )

  @nn.nowrap
  def _upscale(self, features: int, name: str) -> 'Upscale':
    return Upscale(
      features,
      self.decoder_batch_norm,
      self.dtype,
      self.lax_kernels,
      name=name,
    )

  @nn.nowrap
  def _check(self, video, audio, visual_only, from_stem):
    check_choice('modality', self.modality, MODALITIES)
    check_choice('video_backbone', self.video_backbone, VIDEO_BACKBONES)
    if self.encodes_frames and not self.uses_video:
      raise ValueError(
        "an audio-only network has no video backbone; leave it at 'resnet3d'"
      )
    if visual_only and not self.uses_video:
      raise ValueError('an audio-only network has no visual-only route')
    if from_stem and self.encodes_frames:
      self._check_features(video)
    elif self.uses_video:
      t, size, c = (8, 8, self.width) if from_stem else (16, 32, 3)
      shape = None if video is None else video.shape
      lengths = (t,) if from_stem else (1, t)
      fits = shape is not None and len(shape) == 5
      fits = fits and shape[1] in lengths and shape[4] == c
      if not fits or shape[2] % size or shape[3] % size:
        raise ValueError(
          f'expected video of shape [b, {t}, h, w, {c}] with h and w divisible '
          f'by {size}, got {shape}'
        )
    if self.uses_audio and not visual_only:
      shape = None if audio is None else audio.shape
      if shape is None or shape[1:] != (16, 64, 64):
        raise ValueError(
          f'expected audio of shape [b, 16, 64, 64], got {shape}'
        )

  @nn.nowrap
  def _check_features(self, video):
    c = 8 * self.width
    shapes = [getattr(part, 'shape', None) for part in video or ()]
    if (
      len(shapes) != 2
      or shapes[0][1] not in (1, 16)
      or shapes[0][-1] != c
      or shapes[1][-1] != FINE_FEATURES
    ):
      raise ValueError(
        f'expected features of 16 frames of shapes [b, 16, h, w, {c}] and '
        f'[b, 2 h, 2 w, {FINE_FEATURES}], got {shapes}'
      )


class Position(nn.Module):
  """Adds what is learned of 6x8 places, stretched, to features.

  It starts with zeros.
  """

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Adds to [b, h, w, c]."""
    _, h, w, c = x.shape
    places = self.param('map', nn.initializers.zeros, (6, 8, c))
    return x + jax.image.resize(places, (h, w, c), 'linear').astype(x.dtype)


class Upscale(nn.Module):
  """Doubles the resolution: bilinear, 3x3 convolution, [batch norm,] ReLU.

  Features that a skip connection brings are concatenated before the
  convolution.
  """

  features: int
  batch_norm: bool
  dtype: Any
  lax_kernels: bool = False

  @nn.compact
  def __call__(
    self, x: jax.Array, skip: jax.Array | None = None, *, train: bool
  ) -> jax.Array:
    """Maps [b, h, w, c] to [b, 2 h, 2 w, features], as large as `skip`."""
    conv = _Conv3x3(self.features, self.dtype, self.lax_kernels, name='combine')
    x = double_bilinear(x)
    if skip is not None:
      x = jnp.concatenate([x, skip.astype(x.dtype)], axis=-1)
    x = conv(x)
    if self.batch_norm:
      bn = BatchNorm(self.features, self.dtype, name='bn')
      return bn(x, train=train, relu=True)
    return nn.relu(x)


class _Conv3x3(nn.Module):
  """3x3 convolution with bias, computed by `conv3d`, which is fast on CPUs."""

  features: int
  dtype: Any
  lax_kernels: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (3, 3, x.shape[-1], self.features)
    kernel = self.param('kernel', drawn_on_host, shape)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    x = conv3d(
      x[:, None].astype(self.dtype),
      kernel[None].astype(self.dtype),
      padding=((0, 0), (1, 1), (1, 1)),
      lax_kernels=self.lax_kernels,
    )
    return x[:, 0] + bias.astype(self.dtype)
