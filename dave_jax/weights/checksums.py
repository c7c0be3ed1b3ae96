"""Checksums of the files of a folder, to detect damage."""

import hashlib
import os
import pathlib


def checksums(folder: str | os.PathLike) -> dict[str, str]:
  """Returns {relative path: SHA-256} of every file below `folder`."""
  folder = pathlib.Path(folder)
  found = {}
  for path in sorted(folder.rglob('*')):
    if path.is_file():
      with path.open('rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
      found[path.relative_to(folder).as_posix()] = digest
  return found


def damages(folder: str | os.PathLike, expected: dict[str, str]) -> list[str]:
  """Returns a line for each file that is missing, damaged or unexpected."""
  found = checksums(folder)
  return [
    *(f'{name}: missing' for name in expected if name not in found),
    *(
      f'{name}: damaged (its checksum differs)'
      for name in expected
      if name in found and found[name] != expected[name]
    ),
    *(f'{name}: unexpected' for name in found if name not in expected),
  ]
