"""A network on disk: its description, its variables, its origin, checksums.

    DIR/model.json    {'format', 'contents', 'network', 'origin', 'checksums'}
    DIR/variables/    Orbax: {'params': ..., 'batch_stats': ...}
    DIR/unused/       Orbax: entries of a PyTorch file that the network does not
                      use, kept so that it can be written back exactly

`contents` is 'network' (a whole DAVE) or 'encoders' (a part to train from).
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

from dave_jax.models.dave import DAVE
from dave_jax.weights.checksums import checksums, damages

DESCRIPTION = 'model.json'
FORMAT = 'dave-jax model 1'
CONTENTS = ('network', 'encoders')
# Fields of DAVE that belong to the weights; how it is computed does not.
_NETWORK_FIELDS = tuple(
  field.name
  for field in dataclasses.fields(DAVE)
  if field.name
  not in ('dtype', 'rematerialise', 'lax_kernels', 'parent', 'name')
)


@dataclasses.dataclass(frozen=True)
class Stored:
  """What a checkpoint folder holds.

  Attributes:
    module: The network that the variables belong to.
    variables: {'params', 'batch_stats'}, float32.
    contents: 'network', or 'encoders' where variables are those alone.
    origin: Where the weights come from, as `save` was told.
    unused: Entries of a PyTorch file that the network does not use.
    fingerprint: One SHA-256 over all files' checksums.
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
  """Writes a checkpoint folder, whole or not at all.

  Raises:
    FileExistsError: The folder exists and is not empty.
    ValueError: `contents` is none of CONTENTS.
  """
  if contents not in CONTENTS:
    raise ValueError(f'contents {contents!r} is none of {CONTENTS}')
  folder = pathlib.Path(folder).absolute()
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise FileExistsError(
      f'{folder} exists and is not empty; remove it or name another folder'
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
    note.write_text('')  # It names this machine's folders; nothing reads it.
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
  """Returns the fields that tell one network from another, as JSON has them."""
  return {name: getattr(module, name) for name in _NETWORK_FIELDS}


def load(folder: str | os.PathLike, *, dtype=jnp.float32) -> Stored:
  """Reads a checkpoint folder that `save` wrote.

  Args:
    folder: The folder with `model.json`.
    dtype: Type of the network's computation.

  Raises:
    FileNotFoundError: There is no such folder, or no model.json in it.
    ValueError: It is of another format, is not whole, or holds the variables of
      another network.
  """
  folder = pathlib.Path(folder).absolute()
  description = _description(folder)
  expected = description['checksums']
  wrong = damages(folder, expected | {DESCRIPTION: ''})
  wrong = [line for line in wrong if not line.startswith(f'{DESCRIPTION}:')]
  if wrong:
    raise ValueError(
      f'{folder}: not a whole checkpoint; convert or copy it again:\n  '
      + '\n  '.join(wrong)
    )
  try:
    network = dict(description['network'])
    network['frame_size'] = tuple(network['frame_size'])
    module = DAVE(**network, dtype=dtype)
  except (KeyError, TypeError) as error:
    raise ValueError(
      f'{folder}: describes a network that this version does not know ({error})'
    ) from error
  variables = jax.tree.map(
    lambda leaf: leaf.astype(np.float32), _restore(folder / 'variables')
  )
  _check_shapes(folder, module, variables, description['contents'])
  unused = folder / 'unused'
  return Stored(
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
        ' but a file; PyTorch files are converted first: python -m '
        f'dave_jax.convert --source={folder.name} --out=DIR'
      )
    raise FileNotFoundError(f'{folder}: no such folder{hint}')
  if not path.is_file():
    raise FileNotFoundError(
      f'{folder}: holds no {DESCRIPTION}, so it is no checkpoint of dave-jax, '
      'or one that was never finished'
    )
  try:
    description = json.loads(path.read_text())
  except ValueError as error:
    raise ValueError(f'{path}: damaged ({error})') from error
  if not isinstance(description, dict) or description.get('format') != FORMAT:
    raise ValueError(f'{path}: not of the format {FORMAT!r}')
  missing = {'contents', 'network', 'origin', 'checksums'} - set(description)
  if missing:
    raise ValueError(f'{path}: lacks {", ".join(sorted(missing))}')
  return description


def _restore(folder: pathlib.Path) -> dict:
  """Returns the tree of NumPy arrays that Orbax wrote to `folder`."""
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
      f'{"/".join(p)}: shape {found[p]}, wanted {shape}'
      for p, shape in expected.items()
      if p in found and found[p] != shape
    ),
  ]
  if wrong:
    raise ValueError(
      f'{folder}: the variables are not those of the network that '
      f'{DESCRIPTION} describes:\n  ' + '\n  '.join(wrong)
    )


def _fingerprint(sums: dict[str, str]) -> str:
  lines = '\n'.join(f'{name} {sums[name]}' for name in sorted(sums))
  return hashlib.sha256(lines.encode()).hexdigest()
