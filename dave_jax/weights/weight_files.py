"""Reads and writes state dicts of PyTorch and safetensors without running code.

PyTorch is imported only to read or write its own files.
"""

import contextlib
import importlib
import io
import os
import pathlib
import pickle
import re
import struct
import types
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from dave_jax.files import write_atomically

# What PyTorch raises for files that are damaged or of another kind.
_UNREADABLE = (
  *(AttributeError, EOFError, LookupError, OSError, RuntimeError),
  *(TypeError, ValueError, struct.error, pickle.UnpicklingError),
)


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Returns {key: array} of a file of weights; floats become float32.

  Reads what `torch.save` wrote (`.pth`, `.pt`, `.pth.tar`; also unpacked, as a
  folder) and `.safetensors`. The file holds a state dict, or a dict with one
  as one of its values, as under `state_dict`, `model` or `net`. A prefix that
  wrappers add to all keys (`module.`, `_orig_mod.`, `model.`, `net.`) is
  removed.

  Raises:
    FileNotFoundError: There is no such file.
    ModuleNotFoundError: The library that reads this kind of file is missing.
    ValueError: The file holds no weights, is damaged, or is a pickle that would
      run code. Nothing in it is run.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    content = _load_torch(path, _repack(path))
  elif not path.exists():
    raise FileNotFoundError(f'{path}: no such file')
  elif path.suffix == '.safetensors':
    content = _load_safetensors(path)
  else:
    _check_not_a_page(path)
    content = _load_torch(path, path)
  found = _find_state_dict(path, content)
  state_dict = {
    str(key).removeprefix('module.'): _as_array(value)
    for key, value in found.items()
  }
  if len(state_dict) < len(found):
    raise ValueError(
      f"{path}: some keys occur both with and without 'module.'; save the "
      'state dict of one network'
    )
  for prefix in ('_orig_mod.', 'model.', 'net.'):
    if all(key.startswith(prefix) for key in state_dict):
      state_dict = {k.removeprefix(prefix): v for k, v in state_dict.items()}
  return state_dict


def write_state_dict(
  path: str | os.PathLike, state_dict: dict[str, np.ndarray]
) -> None:
  """Writes {'state_dict': ...} as the original DAVE's checkpoint has it.

  Raises:
    FileExistsError: There is such a file.
    ModuleNotFoundError: PyTorch is not installed.
  """
  if os.path.exists(path):
    raise FileExistsError(
      f'{path} exists already; remove it, or give another file'
    )
  torch = _import('torch')
  tensors = {k: torch.from_numpy(np.array(v)) for k, v in state_dict.items()}
  with write_atomically(path) as partial:
    torch.save({'state_dict': tensors}, partial)


def _load_torch(path: pathlib.Path, file) -> Any:
  """Returns what `torch.save` wrote to `file`; `path` is for messages."""
  torch = _import('torch')
  multiarray = importlib.import_module('numpy._core.multiarray')
  # A NumPy number beside the weights, such as the best score: its bytes and its
  # dtype, neither of which can run anything.
  numbers = [
    np.dtype,
    *{type(np.dtype(code)) for code in '?bBhHiIlLqQefd'},
    *(
      (multiarray.scalar, f'numpy.{core}.multiarray.scalar')
      for core in ('core', '_core')
    ),
  ]
  try:
    with torch.serialization.safe_globals(numbers):
      return torch.load(file, map_location='cpu', weights_only=True)
  except pickle.UnpicklingError as error:
    names = _refused_names(torch, file, numbers, str(error))
    if not names:
      raise ValueError(
        f'{path}: expected a file of weights, got one that PyTorch cannot '
        'read as such; it is of another kind, or damaged. Nothing in it was '
        'run. If it was downloaded, download it again'
      ) from error
    raise ValueError(
      f'{path}: refused, since loading it would run {", ".join(names)}. '
      'Nothing in it was run. Expected weights alone: ask its author for '
      'torch.save(model.state_dict(), FILE)'
    ) from error
  except _UNREADABLE as error:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise ValueError(
      f'{path}: not readable as a PyTorch file ({reason}); if it was '
      'downloaded, download it again'
    ) from error


def _refused_names(torch, file, allowed, message) -> list[str]:
  """Returns the names in a pickle that weights have no need of."""
  names = re.findall(r'GLOBAL (\S+) was not an allowed global', message)
  # Knows all of them, but reads the newer, zipped format alone.
  known = torch.serialization.safe_globals(allowed)
  with contextlib.suppress(*_UNREADABLE), known:
    names += torch.serialization.get_unsafe_globals_in_checkpoint(file)
  return sorted(set(names))


def _load_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
  safetensors = _import('safetensors.numpy')
  try:
    return safetensors.load_file(path)
  except _import('safetensors').SafetensorError as error:
    raise ValueError(
      f'{path}: not readable as a safetensors file ({error}); if it was '
      'downloaded, download it again'
    ) from error


def _repack(folder: pathlib.Path) -> io.BytesIO:
  """Returns the PyTorch file that was unpacked into a folder."""
  found = sorted(folder.glob('data.pkl')) or sorted(folder.glob('*/data.pkl'))
  if len(found) != 1:
    names = sorted(entry.name for entry in folder.iterdir())
    raise ValueError(
      f'{folder}: expected a file of weights, or the folder that one was '
      f'unpacked into (with a data.pkl), got a folder of {_listing(names)}'
    )
  root = found[0].parent
  packed = io.BytesIO()
  with zipfile.ZipFile(packed, 'w') as archive:
    for file in sorted(root.rglob('*')):
      if file.is_file():
        archive.write(file, f'archive/{file.relative_to(root).as_posix()}')
    if not (root / 'version').exists():
      archive.writestr('archive/version', '3\n')
  packed.seek(0)
  return packed


def _check_not_a_page(path: pathlib.Path) -> None:
  with path.open('rb') as file:
    if file.read(100).lstrip().startswith(b'<'):
      raise ValueError(
        f'{path}: expected a file of weights, got a web page; open the link in '
        'a browser and download the file itself'
      )


def _find_state_dict(path: pathlib.Path, content: Any) -> Mapping:
  """Returns the state dict that `content` is or holds."""
  if _is_state_dict(content):
    return content
  if not isinstance(content, Mapping):
    raise ValueError(
      f'{path}: expected a state dict, got {_type_name(content)}'
    )
  found = [key for key, value in content.items() if _is_state_dict(value)]
  if 'state_dict' in found:
    found = ['state_dict']
  if len(found) == 1:
    return content[found[0]]
  entries = _listing([f'{k} ({_type_name(v)})' for k, v in content.items()])
  if found:
    raise ValueError(
      f'{path}: expected one state dict, got {len(found)} '
      f'({", ".join(map(str, found))}); save the one to convert by itself'
    )
  raise ValueError(
    f'{path}: expected a state dict (tensors by name), or a dict that holds '
    f'one, got a dict of {entries or "nothing"}'
  )


def _is_state_dict(value: Any) -> bool:
  """Returns whether this is a dict of tensors, of PyTorch or NumPy."""
  return (
    isinstance(value, Mapping)
    and len(value) > 0
    and all(
      hasattr(entry, 'shape') and not isinstance(entry, np.generic)
      for entry in value.values()
    )
  )


def _as_array(value: Any) -> np.ndarray:
  if not isinstance(value, np.ndarray):  # A tensor.
    value = value.detach()
    value = (value.float() if value.is_floating_point() else value).numpy()
  is_integer = np.issubdtype(value.dtype, np.integer) or value.dtype == bool
  return value if is_integer else np.asarray(value, np.float32)


def _type_name(value: Any) -> str:
  if isinstance(value, Mapping):
    return f'dict of {len(value)}'
  return type(value).__name__


def _listing(names: list[str]) -> str:
  shown = ', '.join(names[:8])
  return f'{shown}, ...' if len(names) > 8 else shown


def _import(name: str) -> types.ModuleType:
  try:
    return importlib.import_module(name)
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
      f'this needs {name.partition(".")[0]}, which is not installed: pip '
      "install 'dave-jax[convert]'"
    ) from error
