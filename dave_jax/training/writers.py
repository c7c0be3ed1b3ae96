"""What a run leaves to look at: rows of figures, curves and pictures.

WORKDIR/train.jsonl         a row a step
WORKDIR/validation.jsonl    a row an evaluation
WORKDIR/progress.jsonl      a row a line of progress: rate, waiting
WORKDIR/runs.jsonl          a row a start: config, versions, devices
WORKDIR/pictures/STEP/      validation examples
WORKDIR/tensorboard/        the same as curves
"""

import json
import math
import os
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np
import tensorboardX

from dave_jax.files import write_text
from dave_jax.media.image_file import write_image


class Writers:
  """Writes what a run reports, of which process 0 alone has one."""

  def __init__(self, workdir: str | os.PathLike, *, step: int):
    """Goes on after a step; what was written of later ones is taken back."""
    self._workdir = pathlib.Path(workdir)
    self._workdir.mkdir(parents=True, exist_ok=True)
    for name in ('train.jsonl', 'validation.jsonl', 'progress.jsonl'):
      _cut_after(self._workdir / name, step)
    self._board = tensorboardX.SummaryWriter(
      str(self._workdir / 'tensorboard'), purge_step=step + 1
    )

  def start(self, facts: Mapping) -> None:
    """Adds a row about this start of the run."""
    self._append('runs.jsonl', [facts])

  def train(self, rows: Iterable[Mapping]) -> None:
    """Adds rows of steps, each with its 'step'."""
    rows = list(rows)
    self._append('train.jsonl', rows)
    for row in rows:
      self._curves('train', row)

  def validation(self, row: Mapping) -> None:
    """Adds the scores of an evaluation, with its 'step'."""
    self._append('validation.jsonl', [row])
    self._curves('validation', row)

  def progress(self, row: Mapping) -> None:
    """Adds how fast it went up to a 'step'."""
    self._append('progress.jsonl', [row])
    self._curves('progress', row)

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """Writes pictures uint8 [h, w, 3] by name."""
    folder = self._workdir / 'pictures' / f'{step:08d}'
    for name, image in pictures.items():
      path = folder / f'{name.replace("/", "-").replace(":", "-")}.png'
      path.parent.mkdir(parents=True, exist_ok=True)
      write_image(path, image)
      self._board.add_image(name, image, step, dataformats='HWC')
    self._board.flush()

  def close(self) -> None:
    """Writes out what is waiting."""
    self._board.close()

  def _curves(self, group, row):
    for name, value in row.items():
      if name != 'step' and isinstance(value, (int, float)):
        self._board.add_scalar(f'{group}/{name}', value, row['step'])

  def _append(self, name, rows):
    with (self._workdir / name).open('a') as file:
      for row in rows:
        # JSON knows no NaN.
        clean = {
          k: None if isinstance(v, float) and not math.isfinite(v) else v
          for k, v in row.items()
        }
        file.write(json.dumps(clean) + '\n')


def _cut_after(path: pathlib.Path, step: int) -> None:
  """Keeps the whole rows of a file up to a step."""
  if not path.exists():
    return
  kept = []
  for line in path.read_text().splitlines():
    try:
      row = json.loads(line)
    except ValueError:
      break  # A row that was being written when the run was killed.
    if row['step'] > step:
      break
    kept.append(line)
  write_text(path, ''.join(f'{line}\n' for line in kept))
