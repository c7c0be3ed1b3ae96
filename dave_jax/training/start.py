"""The weights that a run starts from."""

import contextlib
import json
import pathlib

import numpy as np
from flax import traverse_util
from ml_collections import ConfigDict

from dave_jax.buckets import local_model
from dave_jax.checks import check_choice
from dave_jax.models.dave import DAVE
from dave_jax.weights import model_folder as store

# Initialization of the layer that combines both modalities: random, or identity
# on the visual features plus faint audio.
MIXES = ('fresh', 'identity')
_FAINT = 0.3


def starting_variables(
  model: DAVE, start: ConfigDict, seed: int
) -> tuple[dict, list[str]]:
  """Returns the variables before the first step.

  Args:
    model: The network.
    start: Checkpoint folders, or '' for none: of a whole `network` (an
      audio-visual network takes what a single-modality one has), of a
      `video_encoder` and of an `audio_encoder`, which replace those of
      `network`. `head_scale` and `head_bias` initialize the last layer, `mix`
      the layer that combines both modalities.
    seed: Seed of random weights.

  Returns:
    {'params', 'batch_stats'} as NumPy arrays, and a line for each encoder that
    says where it comes from.

  Raises:
    FileNotFoundError: There is no such folder.
    ValueError: A folder has no such weights or those of another network, or
      `mix` is unknown.
  """
  check_choice('start.mix', start.mix, MIXES)
  variables = model.initialise(seed)
  variables = {c: dict(tree) for c, tree in variables.items()}
  origin = dict.fromkeys(_encoders(model), 'random weights')
  head = variables['params']['saliency']
  variables['params']['saliency'] = {
    'kernel': np.asarray(head['kernel']) * start.head_scale,
    'bias': np.full_like(head['bias'], start.head_bias),
  }
  mix = variables['params'].get('combined_embedding')
  if start.mix == 'identity' and mix is not None:
    kernel = _identity_on_visual(np.asarray(mix['kernel']))
    variables['params']['combined_embedding'] = mix | {'kernel': kernel}
  if start.network:
    stored = _load(start.network, 'network')
    if stored.contents != 'network':
      raise ValueError(
        f'{start.network}: expected a whole network, got encoders; use it as '
        'start.video_encoder or start.audio_encoder'
      )
    found = [m for m in variables['params'] if m in stored.variables['params']]
    _replace(variables, stored, found, start.network)
    origin |= {name: start.network for name in origin if name in found}
  for encoder in origin:
    folder = start[encoder]
    if folder:
      load_encoder(variables, folder, encoder)
      origin[encoder] = folder
  return variables, [f'{name}: {place}' for name, place in origin.items()]


def recorded_training(start: ConfigDict) -> set[str]:
  """Returns what the initial weights were trained on by their own records.

  Args:
    start: As for `starting_variables`; folders that are missing or have no
      record count as nothing.
  """
  found = set()
  for field in ('network', 'video_encoder', 'audio_encoder'):
    if not start[field]:
      continue
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
      folder = pathlib.Path(local_model(start[field]))
      description = json.loads((folder / store.DESCRIPTION).read_text())
      found |= set(description.get('origin', {}).get('trained_on', ()))
  return found


def load_encoder(variables: dict, folder: str, encoder: str) -> None:
  """Replaces an encoder's weights, in place, with those of a checkpoint folder.

  Args:
    variables: {'params', 'batch_stats'} by module.
    folder: The checkpoint folder.
    encoder: 'video_encoder' or 'audio_encoder'.

  Raises:
    FileNotFoundError: There is no such folder.
    ValueError: It has no such encoder, or one of another network.
  """
  _replace(variables, _load(folder, encoder), [encoder], folder)


def _identity_on_visual(kernel):
  """Returns a kernel [1, 1, 2 c, c], identity on visual, scaled on audio."""
  c = kernel.shape[-1]
  visual = np.eye(c, dtype=kernel.dtype)[None, None]
  return np.concatenate([visual, _FAINT * kernel[:, :, c:]], axis=2)


def _encoders(model):
  modules = {path[1] for path in model.variable_shapes()}
  return [m for m in ('video_encoder', 'audio_encoder') if m in modules]


def _load(folder, field):
  try:
    return store.load(local_model(folder))
  except FileNotFoundError as error:
    raise FileNotFoundError(
      f'{error}; create it with python -m dave_jax.convert, use another, or '
      f'start from random weights: --config.start.{field}='
    ) from error


def _replace(variables, stored, modules, folder):
  """Replaces modules, in place, after a check of their shapes."""
  for collection, tree in variables.items():
    found = stored.variables.get(collection, {})
    for module in modules:
      if module not in tree:
        continue
      if module not in found:
        raise ValueError(
          f'{folder}: expected {module}, got '
          f'{", ".join(sorted(found)) or "nothing"}'
        )
      wrong = _shape_differences(
        {module: tree[module]}, {module: found[module]}
      )
      if wrong:
        raise ValueError(
          f'{folder}: holds another network; use one of the same depth, width '
          'and shortcut:\n  ' + '\n  '.join(wrong[:10])
        )
      tree[module] = found[module]


def _shape_differences(expected, found):
  expected, found = (
    {
      name: getattr(leaf, 'shape', None)
      for name, leaf in traverse_util.flatten_dict(tree, sep='/').items()
    }
    for tree in (expected, found)
  )
  return [
    f'{name}: expected shape {expected.get(name)}, got {found.get(name)}'
    for name in sorted(expected.keys() | found.keys())
    if expected.get(name) != found.get(name)
  ]
