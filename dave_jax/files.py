"""Files that are written whole or not at all."""

import contextlib
import json
import os
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any

_PARTIAL = '.partial'


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a temporary path; renames it to `path` when the block succeeds.

  The temporary file is hidden, lies in the same folder (made if missing), keeps
  the suffix, and has a unique name, so that several processes may write the
  same file. If the block raises, it is removed and `path` stays as it was; only
  a killed process leaves it, see `remove_partial_files`.

  Args:
    path: The file to write.

  Raises:
    OSError: The file cannot be written.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(
    f'.{path.stem}.{uuid.uuid4().hex[:8]}{_PARTIAL}{path.suffix}'
  )
  try:
    yield partial
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a text file (UTF-8) atomically."""
  with write_atomically(path) as partial:
    partial.write_text(text, encoding='utf-8')


def write_json(path: str | os.PathLike, content: Any) -> None:
  """Writes a JSON file atomically.

  Raises:
    ValueError: `content` holds NaN or infinity, which JSON does not know.
    OSError: The file cannot be written.
  """
  write_text(path, json.dumps(content, indent=1, allow_nan=False) + '\n')


def is_partial(path: pathlib.Path) -> bool:
  """Returns whether a file is a temporary one of `write_atomically`."""
  return path.name.startswith('.') and _PARTIAL in path.suffixes


def remove_partial_files(folder: str | os.PathLike) -> None:
  """Removes what killed processes left in a folder and the folders below.

  No other process may be writing there.
  """
  for path in pathlib.Path(folder).rglob(f'.*{_PARTIAL}*'):
    if is_partial(path):
      path.unlink()
