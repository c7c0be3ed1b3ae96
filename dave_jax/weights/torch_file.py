"""State dicts in PyTorch's files, read without running what is in them."""

import os
import pickle
from collections.abc import Mapping

import numpy as np

from dave_jax.files import write_atomically


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Returns {key: array} of a `.pth` file, keys without `module.` in front.

  The file holds a state dict, or a dict with one under `state_dict`.

  Raises:
    FileNotFoundError: No such file.
    ModuleNotFoundError: PyTorch is not installed.
    ValueError: The file is no state dict, is damaged, or is a pickle that would
      run code; none of it is run.
  """
  if not os.path.isfile(path):
    raise FileNotFoundError(f'{path}: no such file')
  torch = _torch()
  try:
    content = torch.load(path, map_location='cpu', weights_only=True)
  except pickle.UnpicklingError as error:
    raise ValueError(
      f'{path}: refused. It is not a plain file of weights: it names code to '
      'run, or it is damaged. Nothing in it was run. Ask its author for the '
      'bare state dict (torch.save(model.state_dict(), FILE))'
    ) from error
  except (RuntimeError, EOFError, OSError, ValueError) as error:
    raise ValueError(
      f'{path}: not readable as a PyTorch file ({_first_line(error)}); if it '
      'was downloaded, download it again'
    ) from error
  if isinstance(content, Mapping) and 'state_dict' in content:
    content = content['state_dict']
  if not isinstance(content, Mapping) or not content:
    raise ValueError(
      f'{path}: holds a {type(content).__name__}; wanted a state dict, or a '
      "dict with one under 'state_dict'"
    )
  strays = [k for k, v in content.items() if not isinstance(v, torch.Tensor)]
  if strays:
    raise ValueError(
      f'{path}: these entries are no tensors: {", ".join(map(str, strays))}'
    )
  state_dict = {
    str(key).removeprefix('module.'): (
      value.detach().float() if value.is_floating_point() else value
    ).numpy()
    for key, value in content.items()
  }
  if len(state_dict) < len(content):
    raise ValueError(f"{path}: keys occur with and without 'module.'")
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
    raise FileExistsError(f'{path} exists; remove it or name another file')
  torch = _torch()
  tensors = {k: torch.from_numpy(np.array(v)) for k, v in state_dict.items()}
  with write_atomically(path) as partial:
    torch.save({'state_dict': tensors}, partial)


def _torch():
  try:
    import torch
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
      'PyTorch reads and writes .pth files and is not installed: '
      "pip install 'dave-jax[convert]'"
    ) from error
  return torch


def _first_line(error: BaseException) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
