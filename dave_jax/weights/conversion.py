"""Converts PyTorch state dicts to Flax variables and back, key by key."""

import re

import jax
import numpy as np
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.models.resnet3d import BLOCKS
from dave_jax.weights import torch_names

KINDS = ('dave', 'resnet3d', 'efficientnet_lite0')
# Fields of DAVE that say which layers it has.
_LAYER_FIELDS = ('modality', 'video_backbone', 'depth', 'width', 'shortcut')


def recognise(state_dict: dict[str, np.ndarray]) -> str:
  """Returns the kind of network, one of KINDS, from the keys.

  Raises:
    ValueError: The keys are of none of them.
  """
  if 'combinedEmbedding.weight' in state_dict:
    return 'dave'
  if 'conv1.weight' in state_dict and 'layer4.0.conv1.weight' in state_dict:
    return 'resnet3d'
  if '_conv_stem.weight' in state_dict:
    return 'efficientnet_lite0'
  some = ', '.join(sorted(state_dict)[:5])
  raise ValueError(
    'expected the weights of the published DAVE (combinedEmbedding.weight), '
    'of a 3D ResNet (conv1.weight, layer4.0.conv1.weight) or of '
    'EfficientNet-Lite0 (_conv_stem.weight), got '
    f'{len(state_dict)} other keys: {some}, ...; '
    '--kind lists what does not fit'
  )


def dave_from_torch(
  state_dict: dict[str, np.ndarray],
) -> tuple[dict, dict[str, np.ndarray]]:
  """Converts the published DAVE.

  Returns:
    Variables of `DAVE()`, and the entries that it does not use.

  Raises:
    ValueError: Keys are missing, unknown or of another shape; lists them all.
  """
  module = DAVE()
  shapes = module.variable_shapes()
  return _from_torch(state_dict, torch_names.dave_places(), shapes)


def encoder_from_torch(
  state_dict: dict[str, np.ndarray], kind: str
) -> tuple[dict, dict, dict[str, np.ndarray]]:
  """Converts an encoder of DAVE.

  Args:
    state_dict: Weights of a network for classification.
    kind: 'resnet3d', of 3D-ResNets-PyTorch, or 'efficientnet_lite0', of
      EfficientNet-PyTorch.

  Returns:
    Variables of the encoder, the fields of the `DAVE` that has it, and the
    entries that it does not use.

  Raises:
    ValueError: It is a 3D ResNet of a depth other than 10, 18, 34 and 50; or
      keys are missing, unknown or of another shape, and all of them are listed.
  """
  if kind == 'resnet3d':
    fields = _resnet_fields(state_dict)
    places = torch_names.encoder_places(**fields)
  else:
    fields = {'video_backbone': kind}
    places = torch_names.efficientnet_places()
  module = DAVE(modality='video', **fields)
  shapes = {
    (collection, *rest): shape
    for (collection, encoder, *rest), shape in module.variable_shapes().items()
    if encoder == 'video_encoder'
  }
  variables, unused = _from_torch(state_dict, places, shapes)
  return variables, fields, unused


def _resnet_fields(state_dict):
  """Returns {'depth', 'shortcut'} of a 3D ResNet."""
  blocks = tuple(
    len(
      {
        m[1]
        for k in state_dict
        if (m := re.match(rf'layer{stage}\.(\d+)\.', k))
      }
    )
    for stage in (1, 2, 3, 4)
  )
  bottleneck = 'layer1.0.conv3.weight' in state_dict
  depths = [
    depth
    for depth, known in BLOCKS.items()
    if known == blocks and (depth == 50) == bottleneck
  ]
  if not depths:
    kind = 'bottlenecks' if bottleneck else 'basic blocks'
    raise ValueError(
      f'expected a 3D ResNet of depth 10, 18, 34 or 50, got {blocks} {kind}'
    )
  shortcut = 'B' if any('.downsample.' in key for key in state_dict) else 'A'
  return {'depth': depths[0], 'shortcut': shortcut}


def dave_to_torch(
  module: DAVE, variables: dict, unused: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Converts a network into the state dict that the original code loads.

  Batch norm in the decoder, which the original never applies, is folded into
  the convolution before it, which leaves the maps of evaluation the same.

  Args:
    module: The network; must have the layers of the published one.
    variables: Its parameters and batch statistics.
    unused: Entries that only the original has, as `dave_from_torch` returns
      them. Absent ones are filled in: zeros, or an identity batch norm.

  Returns:
    The state dict, and the keys that were filled in.

  Raises:
    ValueError: The network has other layers than the original.
  """
  differ = [
    f'{name} {getattr(module, name)!r} (expected {value!r})'
    for name in _LAYER_FIELDS
    if getattr(module, name) != (value := getattr(DAVE(), name))
  ]
  if differ:
    raise ValueError(
      'the original code has one network, with other layers than this: '
      + ', '.join(differ)
    )
  flat = traverse_util.flatten_dict(jax.device_get(variables))
  if module.decoder_batch_norm:
    flat = _fold_decoder_batch_norm(flat)
  state_dict = {}
  for key, place in torch_names.dave_places().items():
    array = np.asarray(flat.pop(place.path))
    if place.axes is not None:
      array = array.transpose(np.argsort(place.axes))
    state_dict[key] = np.ascontiguousarray(array)
  if flat:
    left = ', '.join(sorted('/'.join(path) for path in flat))
    raise ValueError(f'the original code has no layer for {left}')
  filled_in = _fill_in_unused(state_dict)
  missing = sorted(set(filled_in) - set(unused))
  return state_dict | filled_in | unused, missing


def _from_torch(state_dict, places, shapes):
  """Returns (variables, unused); raises an error that lists each wrong key."""
  flat, unused, problems = {}, {}, []
  for key, array in state_dict.items():
    if key in places:
      place = places[key]
      shape = shapes[place.path]
      if place.axes is not None:
        shape = tuple(shape[i] for i in np.argsort(place.axes))
      axes = place.axes or tuple(range(len(shape)))
      shape += (1,) * place.unit_axes
      if array.shape != shape:
        problems.append(f'{key}: shape {array.shape}, expected {shape}')
        continue
      flat[place.path] = np.ascontiguousarray(
        array.reshape(shape[: len(axes)]).transpose(axes), dtype=np.float32
      )
    elif torch_names.is_unused(key):
      unused[key] = array
    else:
      problems.append(f'{key}: unknown')
  problems += [f'{key}: missing' for key in places if key not in state_dict]
  if problems:
    raise ValueError(
      f'{len(problems)} keys do not fit the network:\n  '
      + '\n  '.join(sorted(problems))
    )
  return traverse_util.unflatten_dict(flat), unused


def _fold_decoder_batch_norm(flat):
  flat = dict(flat)
  for name in ('upscale1', 'upscale2'):
    scale, bias, mean, variance = (
      flat.pop((collection, name, 'bn', leaf))
      for collection, leaf in [
        ('params', 'scale'),
        ('params', 'bias'),
        ('batch_stats', 'mean'),
        ('batch_stats', 'var'),
      ]
    )
    gain = scale / np.sqrt(variance + 1e-5)
    kernel = ('params', name, 'combine', 'kernel')
    offset = ('params', name, 'combine', 'bias')
    flat[kernel] = flat[kernel] * gain
    flat[offset] = (flat[offset] - mean) * gain + bias
  return flat


def _fill_in_unused(state_dict):
  """Returns entries that the original loads beside those of `state_dict`."""
  unused = {
    key: (np.ones if key.endswith(('bn.weight', 'var')) else np.zeros)(
      shape, np.float32
    )
    for key, shape in torch_names.DAVE_UNUSED.items()
  }
  for key in [*state_dict, *unused]:
    if key.endswith('.running_var'):
      count = key.replace('running_var', 'num_batches_tracked')
      unused[count] = np.zeros((), np.int64)
  return unused
