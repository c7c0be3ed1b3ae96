"""What a run leaves to look at: rows of figures, curves and pictures.

WORKDIR/train.jsonl         a row a step
WORKDIR/validation.jsonl    a row an evaluation
WORKDIR/progress.jsonl      a row a line of progress: rate, waiting
WORKDIR/runs.jsonl          a row a start: config, versions, devices
WORKDIR/pictures/STEP/      validation examples
WORKDIR/tensorboard/        the same as curves
"""

import datetime
import importlib.metadata
import json
import math
import os
import pathlib
import subprocess
import time
from collections.abc import Iterable, Mapping

import jax
import numpy as np
import tensorboardX
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from ml_collections import ConfigDict

import dave_jax
from dave_jax.files import write_text
from dave_jax.media.image_file import write_image
from dave_jax.training.task import Task


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

  def start(self, metrics: Mapping) -> None:
    """Adds a row about this start of the run."""
    self._append('runs.jsonl', [metrics])

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


class NonFiniteError(ArithmeticError):
  """The loss is no number any more; says at which step, of which clips."""


class MetricBuffer:
  """Keeps the figures of steps until somebody looks at them."""

  def __init__(self, task: Task, writers: Writers | None):
    """Takes where rows go; None writes none."""
    self._task = task
    self._writers = writers
    self._pending = []

  def add(self, step: int, stream: str, batch: dict, metrics: dict) -> None:
    """Notes a step; its figures are still being computed."""
    ids = {k: v for k, v in batch.items() if np.ndim(v) == 1}
    self._pending.append((step, stream, ids, metrics))

  def flush(self) -> float | None:
    """Writes the rows of all steps noted; returns their mean loss.

    Raises:
      NonFiniteError: The loss of one is not finite.
    """
    if not self._pending:
      return None
    fetched = jax.device_get([metrics for *_, metrics in self._pending])
    rows = []
    for (step, stream, ids, _), metrics in zip(
      self._pending, fetched, strict=True
    ):
      row = {'step': step, 'stream': stream}
      row |= {name: float(value) for name, value in metrics.items()}
      rows.append(row)
      if not np.isfinite(row['loss']):
        self._write(rows)
        examples = '\n  '.join(self._task.examples(stream, ids))
        raise NonFiniteError(
          f'the loss of step {step} is {row["loss"]}; the checkpoint before it '
          'is good. Lower optimizer.learning_rate or set optimizer.clip_norm, '
          f'and look at its batch ({stream}):\n  {examples}'
        )
    self._write(rows)
    self._pending = []
    return float(np.mean([row['loss'] for row in rows]))

  def _write(self, rows):
    if self._writers is not None:
      self._writers.train(rows)


class Progress:
  """Counts steps, and the time that went by and that was waited.

  With several processes, whoever is late keeps the others' devices waiting in
  the exchange of gradients, and himself waits for nobody: what others are
  blocked for longer than he is the time that they wait for him.

  Attributes:
    figures: What the last line said, for JSON: examples_per_second, and as
      shares of the time data, the mean wait of processes for their batches,
      and with several processes stragglers, the mean wait for the last one,
      and last, its number.
  """

  def __init__(self, *, first: int, last: int, batch_size: int):
    """Starts at a step.

    Args:
      first: Steps taken before.
      last: Steps at the end.
      batch_size: Examples of a step.
    """
    self._last = last
    self._batch_size = batch_size
    self.figures = {}
    self._restart(first)

  def waited(self, seconds: float) -> None:
    """Adds time in which the next batch was not there yet."""
    self._waiting += seconds

  def blocked(self, seconds: float) -> None:
    """Adds time in which the devices were not done yet."""
    self._blocked += seconds

  def paused(self, seconds: float) -> None:
    """Takes time out of the rate: evaluating, saving."""
    self._since += seconds

  def line(self, step: int, stream: str, loss: float) -> str:
    """Returns a line on the steps since the one before.

    Called by all processes after the same steps.
    """
    seconds = max(time.perf_counter() - self._since, 1e-9)
    rate = (step - self._step) / seconds
    left = (self._last - step) / rate if rate else 0
    self.figures = {
      'examples_per_second': rate * self._batch_size,
      **_shares(self._waiting / seconds, self._blocked / seconds),
    }
    shown = f'data {self.figures["data"]:.0%}'
    if 'stragglers' in self.figures:
      shown += (
        f'  stragglers {self.figures["stragglers"]:.0%} '
        f'(process {self.figures["last"]})'
      )
    self._restart(step)
    return (
      f'step {step}/{self._last} ({step / self._last:.1%})  {stream}  '
      f'loss {loss:.4f}  {self.figures["examples_per_second"]:.3g} examples/s  '
      f'{shown}  '
      f'{datetime.timedelta(seconds=round(left))} left'
    )

  def _restart(self, step):
    self._step = step
    self._since = time.perf_counter()
    self._waiting = 0.0
    self._blocked = 0.0


def _shares(waiting: float, blocked: float) -> dict:
  """Returns what processes waited for, of which each gives its own shares."""
  if jax.process_count() == 1:
    return {'data': waiting}
  mine = np.array([waiting, blocked], np.float32)
  waiting, blocked = multihost_utils.process_allgather(mine).T
  return {
    'data': float(waiting.mean()),
    'stragglers': float((blocked - blocked.min()).mean()),
    'last': int(blocked.argmin()),
  }


_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain')


def describe_run(config: ConfigDict, mesh: Mesh, step: int) -> dict:
  """Returns time, config, versions, git revision and devices, for JSON."""
  device = mesh.devices.flat[0]
  return {
    'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    'step': step,
    'config': config.to_dict(),
    'versions': {
      'dave-jax': dave_jax.__version__,
      **{name: importlib.metadata.version(name) for name in _PACKAGES},
    },
    'git_revision': _git_revision(),
    'devices': f'{mesh.devices.size} x {device.device_kind}',
    'mesh': dict(mesh.shape),
    'processes': jax.process_count(),
  }


def _git_revision() -> str | None:
  """Returns the revision of the source, '+' where it was changed since."""
  folder = pathlib.Path(__file__).parent

  def git(*args):
    return subprocess.run(
      ['git', '-C', folder, *args],
      capture_output=True,
      check=True,
      text=True,
    ).stdout.strip()

  try:
    revision = git('rev-parse', 'HEAD')
    return revision + '+' * bool(git('status', '--porcelain', '-uno'))
  except (OSError, subprocess.CalledProcessError):
    return None
