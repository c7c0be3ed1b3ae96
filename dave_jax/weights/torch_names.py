"""Names of PyTorch state dict entries and their paths in Flax variables."""

import dataclasses
import re

from dave_jax.models.efficientnet import STAGES
from dave_jax.models.resnet3d import BLOCKS

# For numpy.transpose: PyTorch's layout of kernels to Flax's.
_CONV3D = (2, 3, 4, 1, 0)  # [out, in, t, h, w] -> [t, h, w, in, out]
_CONV2D = (2, 3, 1, 0)
_DEPTHWISE = (2, 3, 0, 1)  # [channels, 1, h, w] -> [h, w, channels, 1]
_POINTWISE = (1, 0)

_BATCH_NORM = {
  'weight': ('params', 'scale'),
  'bias': ('params', 'bias'),
  'running_mean': ('batch_stats', 'mean'),
  'running_var': ('batch_stats', 'var'),
}


@dataclasses.dataclass(frozen=True)
class Place:
  """The variable of a state dict entry.

  Attributes:
    path: Path of the variable, as ('params', 'saliency', 'kernel').
    axes: For `numpy.transpose` from PyTorch's layout to Flax's; None keeps the
      layout.
    unit_axes: Trailing axes of length 1 that only PyTorch has.
  """

  path: tuple[str, ...]
  axes: tuple[int, ...] | None = None
  unit_axes: int = 0


def encoder_places(depth: int, shortcut: str) -> dict[str, Place]:
  """Returns {key of a 3D ResNet's state dict: place in `ResNet3D`}."""
  places = {
    'conv1.weight': Place(('params', 'stem', 'kernel'), _CONV3D),
    **_batch_norm('bn1', ('stem', 'bn')),
  }
  convolutions = 3 if depth == 50 else 2
  for stage, blocks in enumerate(BLOCKS[depth], start=1):
    for i in range(blocks):
      theirs, ours = f'layer{stage}.{i}', f'layer{stage}_{i}'
      for n in range(1, convolutions + 1):
        places[f'{theirs}.conv{n}.weight'] = Place(
          ('params', ours, f'conv{n}', 'kernel'), _CONV3D
        )
        places |= _batch_norm(f'{theirs}.bn{n}', (ours, f'bn{n}'))
      projected = stage > 1 or depth == 50
      if i == 0 and projected and shortcut == 'B':
        places[f'{theirs}.downsample.0.weight'] = Place(
          ('params', ours, 'downsample', 'conv', 'kernel'), _CONV3D
        )
        places |= _batch_norm(
          f'{theirs}.downsample.1', (ours, 'downsample', 'bn')
        )
  return places


def efficientnet_places() -> dict[str, Place]:
  """Returns {key of EfficientNet-Lite0's state dict: place in its encoder}.

  The keys are those of EfficientNet-PyTorch.
  """
  places = {
    '_conv_stem.weight': Place(('params', 'stem', 'kernel'), _CONV2D),
    **_batch_norm('_bn0', ('stem_bn',)),
  }
  expansions = [
    stage.expansion for stage in STAGES for _ in range(stage.blocks)
  ]
  for i, expansion in enumerate(expansions):
    theirs, ours = f'_blocks.{i}', f'block{i}'
    for number, layer in enumerate(('expand', 'depthwise', 'project')):
      if layer == 'expand' and expansion == 1:
        continue
      path = ('params', ours, layer, 'kernel')
      places[f'{theirs}._{layer}_conv.weight'] = (
        Place(path, _DEPTHWISE)
        if layer == 'depthwise'
        else Place(path, _POINTWISE, unit_axes=2)
      )
      places |= _batch_norm(f'{theirs}._bn{number}', (ours, f'{layer}_bn'))
  return places


def dave_places() -> dict[str, Place]:
  """Returns {key of the published DAVE's state dict: place in `DAVE`}."""
  places = {}
  for theirs, ours in [
    ('video_branch', 'video_encoder'),
    ('audio_branch', 'audio_encoder'),
  ]:
    for key, place in encoder_places(18, 'A').items():
      collection, *rest = place.path
      places[f'{theirs}.{key}'] = Place((collection, ours, *rest), place.axes)
  for theirs, ours in [
    ('combinedEmbedding', ('combined_embedding',)),
    ('upscale1.combine', ('upscale1', 'combine')),
    ('upscale2.combine', ('upscale2', 'combine')),
    ('saliency', ('saliency',)),
  ]:
    places[f'{theirs}.weight'] = Place(('params', *ours, 'kernel'), _CONV2D)
    places[f'{theirs}.bias'] = Place(('params', *ours, 'bias'))
  return places


# Entries, with their shapes, that the published DAVE holds and never uses.
DAVE_UNUSED = {
  'audio_branch.fc_new.weight': (12, 512),
  'audio_branch.fc_new.bias': (12,),
  'video_branch.fc_new.weight': (400, 512),
  'video_branch.fc_new.bias': (400,),
  **{
    f'upscale{i}.bn.{name}': (size,)
    for i, size in [(1, 512), (2, 128)]
    for name in _BATCH_NORM
  },
}


def is_unused(key: str) -> bool:
  """Returns whether the saliency network needs no entry of this key.

  True of classifiers (`fc`, `fc_new`; `_conv_head`, `_bn1` and `_fc` of
  EfficientNet), step counts of batch norm, and the batch norm in DAVE's
  decoder, which the published network never applies.
  """
  return bool(
    re.search(r'(^|\.)fc(_new)?\.(weight|bias)$', key)
    or re.match(r'_(conv_head|bn1|fc)\.', key)
    or key.endswith('.num_batches_tracked')
    or key in DAVE_UNUSED
  )


def _batch_norm(theirs: str, ours: tuple[str, ...]) -> dict[str, Place]:
  return {
    f'{theirs}.{name}': Place((collection, *ours, leaf))
    for name, (collection, leaf) in _BATCH_NORM.items()
  }
