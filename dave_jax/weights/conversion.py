"""PyTorch's arrays to our variables and back, every key accounted for."""

import re

import jax
import numpy as np
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.models.resnet3d import BLOCKS
from dave_jax.weights import torch_names

KINDS = ('dave', 'resnet3d')


def recognise(state_dict: dict[str, np.ndarray]) -> str:
  """Returns 'dave' or 'resnet3d', by the keys.

  Raises:
    ValueError: It is neither.
  """
  if 'combinedEmbedding.weight' in state_dict:
    return 'dave'
  if 'conv1.weight' in state_dict and 'layer4.0.conv1.weight' in state_dict:
    return 'resnet3d'
  some = ', '.join(sorted(state_dict)[:5])
  raise ValueError(
    f'neither a published DAVE (combinedEmbedding.weight) nor a 3D ResNet '
    f'(conv1.weight, layer4.0.conv1.weight) is among the {len(state_dict)} '
    f'keys {some}, ...; --kind insists on one'
  )


def dave_from_torch(
  state_dict: dict[str, np.ndarray],
) -> tuple[dict, dict[str, np.ndarray]]:
  """Returns (variables of `DAVE()`, entries that it does not use).

  Raises:
    ValueError: Keys are missing, unknown or misshapen; all are listed.
  """
  module = DAVE()
  shapes = module.variable_shapes()
  return _from_torch(state_dict, torch_names.dave_places(), shapes)


def encoder_from_torch(
  state_dict: dict[str, np.ndarray],
) -> tuple[dict, dict, dict[str, np.ndarray]]:
  """Returns (variables, {'depth', 'shortcut'}, unused) of a 3D ResNet.

  Raises:
    ValueError: It is no 3D ResNet of depth 10, 18, 34 or 50; or keys are
      missing, unknown or misshapen; all are listed.
  """
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
      f'a 3D ResNet of {blocks} {kind}; wanted one of depth 10, 18, 34 or 50'
    )
  shortcut = 'B' if any('.downsample.' in key for key in state_dict) else 'A'
  facts = {'depth': depths[0], 'shortcut': shortcut}
  module = DAVE(modality='video', **facts)
  shapes = {
    (collection, *rest): shape
    for (collection, encoder, *rest), shape in module.variable_shapes().items()
    if encoder == 'video_encoder'
  }
  places = torch_names.encoder_places(**facts)
  variables, unused = _from_torch(state_dict, places, shapes)
  return variables, facts, unused


def dave_to_torch(
  module: DAVE, variables: dict, unused: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Returns (state dict that the original loads, keys that were made up).

  Batch norm of the decoder, which the original never applies, is folded into
  the convolution before it: the same maps in evaluation.

  Args:
    module: The network; must have the published one's shape.
    variables: Its parameters and batch statistics.
    unused: Entries that our network does not have, as conversion found them;
      those absent are made up: zeros, identity batch norm, zero counts.

  Raises:
    ValueError: The original has no such network.
  """
  wanted = {'modality': 'audio_visual', 'depth': 18, 'width': 64}
  wanted['shortcut'] = 'A'
  differ = [
    f'{name} {getattr(module, name)!r} (wanted {value!r})'
    for name, value in wanted.items()
    if getattr(module, name) != value
  ]
  if differ:
    raise ValueError(
      'the original software has one network only, and this is another: '
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
    raise ValueError(f'no place for {_listed("/".join(p) for p in flat)}')
  made_up = _made_up_unused(state_dict)
  missing = sorted(set(made_up) - set(unused))
  return state_dict | made_up | unused, missing


def _from_torch(state_dict, places, shapes):
  """Returns (variables, unused) or raises with every key that is wrong."""
  flat, unused, problems = {}, {}, []
  for key, array in state_dict.items():
    if key in places:
      place = places[key]
      shape = shapes[place.path]
      if place.axes is not None:
        shape = tuple(shape[i] for i in np.argsort(place.axes))
      if array.shape != shape:
        problems.append(f'{key}: shape {array.shape}, wanted {shape}')
        continue
      axes = place.axes or tuple(range(array.ndim))
      flat[place.path] = np.ascontiguousarray(
        array.transpose(axes), dtype=np.float32
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


def _made_up_unused(state_dict):
  """Returns what the original wants to load beside `state_dict`."""
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


def _listed(names) -> str:
  return ', '.join(sorted(names))
