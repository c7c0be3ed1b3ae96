"""The weights that a run starts from."""

import numpy as np
from ml_collections import ConfigDict

from dave_jax.models.dave import DAVE
from dave_jax.weights import model_folder as store

# How the mixing layer begins: fresh as any other, or so that the decoder gets
# what the route past the sound gives it, and a little of the sound.
MIXES = ('fresh', 'identity')
_FAINT = 0.3


def starting_variables(
  model: DAVE, start: ConfigDict, seed: int
) -> tuple[dict, list[str]]:
  """Returns {'params', 'batch_stats'} before the first step.

  Args:
    model: The network.
    start: Checkpoint folders, '' for none, of a whole `network` (of a
      single modality's, an audio-visual network takes what there is), of
      `video_encoder` and of `audio_encoder`, later ones over earlier;
      `head_scale` and `head_bias` of a fresh last layer; `mix`, how the layer
      that mixes sound in begins.
    seed: Of fresh weights.

  Returns:
    The variables, NumPy arrays, and a line that says where each encoder comes
    from.

  Raises:
    FileNotFoundError: There is no such folder.
    ValueError: It holds no such weights, or those of another network; or `mix`
      is unknown.
  """
  if start.mix not in MIXES:
    raise ValueError(f'start.mix is {start.mix!r}, wanted one of {MIXES}')
  variables = model.initialise(seed)
  variables = {c: dict(tree) for c, tree in variables.items()}
  origin = dict.fromkeys(_encoders(model), 'fresh weights')
  head = variables['params']['saliency']
  variables['params']['saliency'] = {
    'kernel': np.asarray(head['kernel']) * start.head_scale,
    'bias': np.full_like(head['bias'], start.head_bias),
  }
  mix = variables['params'].get('combined_embedding')
  if start.mix == 'identity' and mix is not None:
    kernel = _identity(np.asarray(mix['kernel']))
    variables['params']['combined_embedding'] = mix | {'kernel': kernel}
  if start.network:
    stored = _load(start.network, 'network')
    if stored.contents != 'network':
      raise ValueError(
        f'{start.network}: holds encoders alone; give it as '
        'start.video_encoder or start.audio_encoder'
      )
    held = [m for m in variables['params'] if m in stored.variables['params']]
    _put(variables, stored, held, start.network)
    origin |= {name: start.network for name in origin if name in held}
  for encoder in origin:
    folder = start[encoder]
    if folder:
      load_encoder(variables, folder, encoder)
      origin[encoder] = folder
  return variables, [f'{name}: {place}' for name, place in origin.items()]


def _identity(kernel):
  """Returns a kernel [1, 1, 2 c, c] that leaves the c visual features be.

  Those of sound are added, fresh and faint.
  """
  c = kernel.shape[-1]
  seen = np.eye(c, dtype=kernel.dtype)[None, None]
  return np.concatenate([seen, _FAINT * kernel[:, :, c:]], axis=2)


def load_encoder(variables: dict, folder: str, encoder: str) -> None:
  """Replaces an encoder's weights in place by those of a checkpoint folder.

  Args:
    variables: {'params', 'batch_stats'} by module.
    folder: The checkpoint.
    encoder: 'video_encoder' or 'audio_encoder'.

  Raises:
    FileNotFoundError: There is no such folder.
    ValueError: It holds no such encoder, or that of another network.
  """
  _put(variables, _load(folder, encoder), [encoder], folder)


def _encoders(model):
  modules = {path[1] for path in model.variable_shapes()}
  return [m for m in ('video_encoder', 'audio_encoder') if m in modules]


def _load(folder, field):
  try:
    return store.load(folder)
  except FileNotFoundError as error:
    raise FileNotFoundError(
      f'{error}; make it with python -m dave_jax.convert, name another, or '
      f'start from fresh weights: --config.start.{field}='
    ) from error


def _put(variables, stored, modules, folder):
  """Replaces whole modules in place, their shapes checked."""
  for collection, tree in variables.items():
    found = stored.variables.get(collection, {})
    for module in modules:
      if module not in tree:
        continue
      if module not in found:
        raise ValueError(
          f'{folder}: holds no {module}, only '
          f'{", ".join(sorted(found)) or "nothing"}'
        )
      wrong = _differences(tree[module], found[module], (module,))
      if wrong:
        raise ValueError(
          f'{folder}: holds another network; start from one of the same depth, '
          'width and shortcut:\n  ' + '\n  '.join(wrong[:10])
        )
      tree[module] = found[module]


def _differences(wanted, found, path):
  if not isinstance(wanted, dict) or not isinstance(found, dict):
    shapes = getattr(found, 'shape', None), getattr(wanted, 'shape', None)
    if shapes[0] == shapes[1] and shapes[0] is not None:
      return []
    return [f'{"/".join(path)}: shape {shapes[0]}, wanted {shapes[1]}']
  lines = []
  for name in sorted(wanted.keys() | found.keys()):
    inner = (*path, name)
    if name not in found or name not in wanted:
      state = 'missing' if name not in found else 'unknown'
      lines.append(f'{"/".join(inner)}: {state}')
    else:
      lines += _differences(wanted[name], found[name], inner)
  return lines
