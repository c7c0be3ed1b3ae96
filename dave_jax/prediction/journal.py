"""The record of a prediction: a journal while it runs, then a manifest."""

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
MAP_LOG = 'unfinished.maps'
SILENT_LOG = 'unfinished.silent'
_OURS = (
  MANIFEST,
  _JOURNAL,
  MAP_LOG,
  SILENT_LOG,
  'frames.csv',
  'frames.md',
  'view',
  'view.html',
  'video.mp4',
  'video.partial.mp4',
  'maps',
  'maps.npz',
  'maps.mat',
  'stills',
  'overlay.mp4',
  'overlay.partial.mp4',
  'overlay.gif',
  'overlay.partial.gif',
)


class Journal:
  """The record of a folder of predictions.

  While frames are predicted, `unfinished.jsonl` holds the heading and a row for
  each frame whose map is on disk. At the end `manifest.json` replaces it, with
  the keys of the heading, those given to `finish`, and `frames`, the rows.
  """

  def __init__(self, folder: str | os.PathLike, heading: dict):
    """Takes a folder and a heading; runs of equal headings give equal maps.

    Args:
      folder: The folder of predictions.
      heading: Source, model and settings, as JSON has them.
    """
    self.folder = pathlib.Path(folder)
    self.heading = json.loads(json.dumps(heading))
    self.rows: dict[int, dict] = {}
    self._file = None
    # A video of maps has the name of its folder.
    self._ours = {*_OURS, f'{self.folder.name}.mp4'}

  def open(self, *, overwrite: bool, resume: bool) -> bool:
    """Prepares the folder; returns False if everything is done already.

    Args:
      overwrite: Removes an earlier prediction.
      resume: Continues an unfinished one of the same heading, whose rows are
        then in `rows`.

    Raises:
      FileExistsError: The folder holds other files, or results that are
        neither to be overwritten nor resumed.
      ValueError: The unfinished prediction has another heading.
    """
    present = {p.name for p in self._present() if not is_partial(p)}
    if foreign := present - self._ours:
      raise FileExistsError(
        f'{self.folder}: holds {", ".join(sorted(foreign)[:3])}, which is not '
        'a prediction; name another folder'
      )
    if present and overwrite:
      self._remove()
    elif present and not resume:
      state = 'a finished' if MANIFEST in present else 'an unfinished'
      raise FileExistsError(
        f'{self.folder}: holds {state} prediction; use --resume to continue '
        'it or --overwrite to remove it'
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
    """Records a frame whose map is on disk."""
    self.rows[row['frame']] = row
    self._append(row)

  def finish(self, **ending) -> None:
    """Writes the manifest and removes the journal."""
    rows = [self.rows[frame] for frame in sorted(self.rows)]
    manifest = self.heading | ending | {'frames': rows}
    write_json(self.folder / MANIFEST, manifest)
    self.close()
    (self.folder / _JOURNAL).unlink()

  def close(self) -> None:
    """Closes the journal; what it holds can be resumed."""
    if self._file is not None:
      self._file.close()

  def discard(self) -> None:
    """Removes the results, and the folder if nothing else is in it."""
    self._remove()
    if not any(self.folder.iterdir()):
      self.folder.rmdir()

  def _present(self) -> Iterator[pathlib.Path]:
    if self.folder.exists() and not self.folder.is_dir():
      raise FileExistsError(f'{self.folder}: expected a folder, got a file')
    return self.folder.iterdir() if self.folder.exists() else iter(())

  def _remove(self) -> None:
    for name in self._ours:
      path = self.folder / name
      if path.is_dir():
        shutil.rmtree(path)
      else:
        path.unlink(missing_ok=True)

  def _read(self) -> None:
    lines = (self.folder / _JOURNAL).read_text().splitlines(keepends=True)
    # A run killed in the middle of a line: that frame is predicted again.
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
        f'{self.folder}: holds a prediction with other settings ({changes}); '
        'use those to resume it, or --overwrite to remove it'
      )

  def _append(self, row: dict) -> None:
    self._file.write(json.dumps(row) + '\n')
    self._file.flush()


def _difference(then, now) -> str:
  """Describes the difference of two values; of dicts, key by key."""
  if isinstance(then, dict) and isinstance(now, dict):
    keys = [key for key in then | now if then.get(key) != now.get(key)]
    return ', '.join(f'{k} was {then.get(k)}, is {now.get(k)}' for k in keys)
  return f'was {then}, is {now}'
