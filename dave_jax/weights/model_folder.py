"""Saves a network to a folder, and loads it.

    DIR/model.json    {'format', 'contents', 'network', 'origin', 'checksums'}
    DIR/variables/    Orbax: {'params': ..., 'batch_stats': ...}
    DIR/unused/       Orbax: entries of a PyTorch file that the network does not
                      use, kept to convert it back exactly

`contents` is 'network' (a whole network) or 'encoders' (pretrained encoders to
start training from).
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from flax import traverse_util

from dave_jax.checks import check_choice
from dave_jax.models.dave import DAVE
from dave_jax.weights.checksums import checksums, damages

DESCRIPTION = 'model.json'
FORMAT = 'dave-jax model 1'
CONTENTS = ('network', 'encoders')
# Fields of DAVE that describe the weights, not how they are computed with.
_NETWORK_FIELDS = tuple(
  field.name
  for field in dataclasses.fields(DAVE)
  if field.name
  not in ('dtype', 'rematerialise', 'lax_kernels', 'parent', 'name')
)


@dataclasses.dataclass(frozen=True)
class LoadedModel:
  """The contents of a model folder.

  Attributes:
    module: The network.
    variables: {'params', 'batch_stats'}, float32.
    contents: 'network', or 'encoders' if `variables` are of encoders alone.
    origin: Source of the weights, as passed to `save`.
    unused: Entries of a PyTorch file that the network does not use.
    fingerprint: SHA-256 over the checksums of all files.
  """

  module: DAVE
  variables: dict
  contents: str
  origin: dict
  unused: dict[str, np.ndarray]
  fingerprint: str


def save(
  folder: str | os.PathLike,
  module: DAVE,
  variables: dict,
  *,
  origin: dict,
  contents: str = 'network',
  unused: dict[str, np.ndarray] | None = None,
) -> None:
  """Writes a model folder atomically.

  Args:
    folder: The folder; must not exist, or be empty.
    module: The network.
    variables: {'params', 'batch_stats'} of the network or its encoders.
    origin: Where the weights come from, for JSON.
    contents: 'network' or 'encoders'.
    unused: Entries of a PyTorch file that the network does not use.

  Raises:
    FileExistsError: The folder exists and is not empty.
    ValueError: `contents` is none of CONTENTS.
  """
  check_choice('contents', contents, CONTENTS)
  folder = pathlib.Path(folder).absolute()
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise FileExistsError(
      f'{folder} exists and is not empty; remove it, or give another folder'
    )
  partial = folder.with_name(f'{folder.name}.partial')
  shutil.rmtree(partial, ignore_errors=True)
  partial.mkdir(parents=True)
  # One process writes; Orbax would wait for the others.
  alone = ocp.options.MultiprocessingOptions(
    primary_host=jax.process_index(),
    active_processes={jax.process_index()},
    barrier_sync_key_prefix='store',
  )
  with ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer:
    checkpointer.save(partial / 'variables', variables)
    if unused:
      checkpointer.save(partial / 'unused', dict(unused))
  for note in partial.glob('*/commit_success.txt'):
    note.write_text('')  # Names folders of this machine; nothing reads it.
  description = {
    'format': FORMAT,
    'contents': contents,
    'network': network_fields(module),
    'origin': origin,
    'checksums': checksums(partial),
  }
  (partial / DESCRIPTION).write_text(json.dumps(description, indent=2) + '\n')
  if folder.exists():
    folder.rmdir()
  os.replace(partial, folder)


def network_fields(module: DAVE) -> dict:
  """Returns the fields of a network that its weights depend on, for JSON."""
  return {name: getattr(module, name) for name in _NETWORK_FIELDS}


def load(folder: str | os.PathLike, *, dtype=jnp.float32) -> LoadedModel:
  """Loads a model folder that `save` wrote.

  Args:
    folder: The folder with `model.json`.
    dtype: Dtype of the network's computation.

  Raises:
    FileNotFoundError: There is no such folder, or no model.json in it.
    ValueError: It has another format, is damaged or incomplete, or its
      variables are of another network.
  """
  folder = pathlib.Path(folder).absolute()
  description = _description(folder)
  expected = description['checksums']
  wrong = damages(folder, expected | {DESCRIPTION: ''})
  wrong = [line for line in wrong if not line.startswith(f'{DESCRIPTION}:')]
  if wrong:
    raise ValueError(
      f'{folder}: damaged or incomplete; convert or copy it again:\n  '
      + '\n  '.join(wrong)
    )
  try:
    network = dict(description['network'])
    network['frame_size'] = tuple(network['frame_size'])
    module = DAVE(**network, dtype=dtype)
  except (KeyError, TypeError) as error:
    raise ValueError(
      f'{folder}: {DESCRIPTION} describes a network that this version of '
      f'dave-jax does not have ({error})'
    ) from error
  variables = jax.tree.map(
    lambda leaf: leaf.astype(np.float32), _restore(folder / 'variables')
  )
  _check_shapes(folder, module, variables, description['contents'])
  unused = folder / 'unused'
  return LoadedModel(
    module=module,
    variables=variables,
    contents=description['contents'],
    origin=description['origin'],
    unused=_restore(unused) if unused.exists() else {},
    fingerprint=_fingerprint(expected),
  )


def _description(folder: pathlib.Path) -> dict:
  path = folder / DESCRIPTION
  if not folder.is_dir():
    hint = ''
    if folder.is_file():
      hint = (
        ', but a file; convert a PyTorch file first: python -m '
        f'dave_jax.convert --source={folder.name} --out=DIR'
      )
    raise FileNotFoundError(f'{folder}: no such folder{hint}')
  if not path.is_file():
    raise FileNotFoundError(
      f'{folder}: expected the folder of a model, got one without '
      f'{DESCRIPTION}; it is of another kind, or was not written to the end'
    )
  try:
    description = json.loads(path.read_text())
  except ValueError as error:
    raise ValueError(f'{path}: damaged ({error})') from error
  if not isinstance(description, dict) or description.get('format') != FORMAT:
    raise ValueError(f'{path}: expected the format {FORMAT!r}, got another')
  kinds = {'contents': str, 'network': dict, 'origin': dict, 'checksums': dict}
  for key, kind in kinds.items():
    if not isinstance(description.get(key), kind):
      raise ValueError(
        f'{path}: expected a {kind.__name__} {key!r}, got '
        f'{description.get(key)!r}; convert or copy the folder again'
      )
  return description


def _restore(folder: pathlib.Path) -> dict:
  """Returns the tree that Orbax wrote to `folder`, as NumPy arrays."""
  with ocp.PyTreeCheckpointer() as checkpointer:
    structure = checkpointer.metadata(folder).item_metadata.tree
    as_numpy = jax.tree.map(
      lambda _: ocp.RestoreArgs(restore_type=np.ndarray), structure
    )
    return checkpointer.restore(folder, restore_args=as_numpy)


def _check_shapes(folder, module, variables, contents) -> None:
  expected = module.variable_shapes()
  found = {
    path: leaf.shape
    for path, leaf in traverse_util.flatten_dict(variables).items()
  }
  if contents == 'encoders':
    encoders = {path[1] for path in found}
    expected = {p: s for p, s in expected.items() if p[1] in encoders}
  wrong = [
    *(f'{"/".join(p)}: missing' for p in expected if p not in found),
    *(f'{"/".join(p)}: unknown' for p in found if p not in expected),
    *(
      f'{"/".join(p)}: shape {found[p]}, expected {shape}'
      for p, shape in expected.items()
      if p in found and found[p] != shape
    ),
  ]
  if wrong:
    raise ValueError(
      f'{folder}: the variables do not fit the network that {DESCRIPTION} '
      'describes:\n  ' + '\n  '.join(wrong)
    )


def _fingerprint(sums: dict[str, str]) -> str:
  lines = '\n'.join(f'{name} {sums[name]}' for name in sorted(sums))
  return hashlib.sha256(lines.encode()).hexdigest()
