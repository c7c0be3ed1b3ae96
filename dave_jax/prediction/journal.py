"""What a prediction has written so far: kept while it runs, then a manifest."""

import json
import os
import pathlib
import shutil
from collections.abc import Iterator

from dave_jax.files import (
  is_partial,
  remove_partial_files,
  write_json,
  write_text,
)

MANIFEST = 'manifest.json'
_JOURNAL = 'unfinished.jsonl'
_OURS = (
  MANIFEST,
  _JOURNAL,
  'maps',
  'overlay.mp4',
  'overlay.partial.mp4',
)


class Journal:
  """The record of a folder of predictions.

  While frames are predicted, `unfinished.jsonl` holds the heading and a row for
  each frame whose map is on disk. In the end `manifest.json` takes its place:
  the heading's keys, what the end added, and `frames`, the list of rows.
  """

  def __init__(self, folder: str | os.PathLike, heading: dict):
    """Takes a folder and what identifies the run: equal headings, equal maps.

    Args:
      folder: The folder of predictions.
      heading: Source, model and settings, as JSON has them.
    """
    self.folder = pathlib.Path(folder)
    self.heading = json.loads(json.dumps(heading))
    self.rows: dict[int, dict] = {}
    self._file = None

  def open(self, *, overwrite: bool, resume: bool) -> bool:
    """Makes the folder ready; returns False if all is done already.

    Args:
      overwrite: Removes an earlier prediction.
      resume: Goes on with an unfinished one of the same heading; its rows are
        then in `rows`.

    Raises:
      FileExistsError: The folder holds something else, or results that were
        neither to be overwritten nor resumed.
      ValueError: The unfinished prediction is another than this.
    """
    present = {p.name for p in self._present() if not is_partial(p)}
    if foreign := present - set(_OURS):
      raise FileExistsError(
        f'{self.folder}: holds {", ".join(sorted(foreign)[:3])}, which no '
        'prediction wrote; name another folder'
      )
    if present and overwrite:
      self._remove()
    elif present and not resume:
      state = 'a finished' if MANIFEST in present else 'an unfinished'
      raise FileExistsError(
        f'{self.folder}: holds {state} prediction; --resume goes on with it, '
        '--overwrite removes it'
      )
    elif MANIFEST in present:
      manifest = json.loads((self.folder / MANIFEST).read_text())
      self._same_heading({key: manifest.get(key) for key in self.heading})
      return False
    elif _JOURNAL in present:
      self._read()
    self.folder.mkdir(parents=True, exist_ok=True)
    remove_partial_files(self.folder)
    lines = [self.heading, *self.rows.values()]
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    write_text(self.folder / _JOURNAL, text)
    self._file = (self.folder / _JOURNAL).open('a')
    return True

  def add(self, row: dict) -> None:
    """Notes a frame; its map must be on disk."""
    self.rows[row['frame']] = row
    self._append(row)

  def finish(self, **ending) -> None:
    """Writes the manifest and drops the journal."""
    rows = [self.rows[frame] for frame in sorted(self.rows)]
    manifest = self.heading | ending | {'frames': rows}
    write_json(self.folder / MANIFEST, manifest)
    self.close()
    (self.folder / _JOURNAL).unlink()

  def close(self) -> None:
    """Closes the journal; what it holds can be resumed."""
    if self._file is not None:
      self._file.close()

  def _present(self) -> Iterator[pathlib.Path]:
    if self.folder.exists() and not self.folder.is_dir():
      raise FileExistsError(f'{self.folder}: is a file; name a folder')
    return self.folder.iterdir() if self.folder.exists() else iter(())

  def _remove(self) -> None:
    for name in _OURS:
      path = self.folder / name
      if path.is_dir():
        shutil.rmtree(path)
      else:
        path.unlink(missing_ok=True)

  def _read(self) -> None:
    lines = (self.folder / _JOURNAL).read_text().splitlines(keepends=True)
    # Killed in the middle of a line: that frame is done again.
    whole = [json.loads(line) for line in lines if line.endswith('\n')]
    if whole:
      self._same_heading(whole[0])
    self.rows = {row['frame']: row for row in whole[1:]}

  def _same_heading(self, other: dict) -> None:
    differ = [
      key for key in self.heading if other.get(key) != self.heading[key]
    ]
    if differ:
      changes = '; '.join(
        f'{key}: {_difference(other.get(key), self.heading[key])}'
        for key in differ
      )
      raise ValueError(
        f'{self.folder}: holds the prediction of another run ({changes}); '
        'repeat that command to resume it, or use --overwrite'
      )

  def _append(self, row: dict) -> None:
    self._file.write(json.dumps(row) + '\n')
    self._file.flush()


def _difference(then, now) -> str:
  """Tells what differs between two values, keys of dicts one by one."""
  if isinstance(then, dict) and isinstance(now, dict):
    keys = [key for key in then | now if then.get(key) != now.get(key)]
    return ', '.join(f'{k} {then.get(k)} then, {now.get(k)} now' for k in keys)
  return f'{then} then, {now} now'
