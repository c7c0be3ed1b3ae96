"""What a run records: rows of metrics, curves, pictures and progress.

WORKDIR/train.jsonl         a row for each step
WORKDIR/validation.jsonl    a row for each evaluation
WORKDIR/progress.jsonl      a row for each progress line: rates, waiting times
WORKDIR/runs.jsonl          a row for each start: config, versions, devices
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
import sys
import time
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from ml_collections import ConfigDict

import dave_jax
from dave_jax.files import write_text
from dave_jax.media.image_file import write_image
from dave_jax.training.task import Task, TrainState

_GROUPS = ('train', 'validation', 'progress')
_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain')


def _import_tensorboardx():
  """Imports tensorboardX without PyTorch, which would take another 3 s.

  Where PyTorch is installed, tensorboardX imports it to accept its tensors.
  """
  torch = sys.modules.get('torch')
  sys.modules['torch'] = None
  try:
    import tensorboardX
  finally:
    del sys.modules['torch']
    if torch is not None:
      sys.modules['torch'] = torch
  return tensorboardX


class NonFiniteError(ArithmeticError):
  """A loss, gradient or parameter is NaN or infinite.

  Attributes:
    step: The step that computed it.
  """

  def __init__(self, step: int, message: str):
    super().__init__(message)
    self.step = step


class Writers:
  """Writes the rows, curves and pictures of a run; only process 0 has one."""

  def __init__(self, workdir: str | os.PathLike, *, step: int):
    """Removes the rows after a step, which the run is about to repeat."""
    self._workdir = pathlib.Path(workdir)
    self._step = step
    self._workdir.mkdir(parents=True, exist_ok=True)
    for group in _GROUPS:
      _truncate(self._workdir / f'{group}.jsonl', step)
    _truncate(self._workdir / 'runs.jsonl', math.inf)
    self._board = _import_tensorboardx().SummaryWriter(
      str(self._workdir / 'tensorboard'), purge_step=step + 1
    )

  def start(self, config: ConfigDict, mesh: Mesh, *, steps: int) -> None:
    """Adds a row about this start of the run, see `describe_run`."""
    row = describe_run(config, mesh, step=self._step, steps=steps)
    self._append('runs.jsonl', [row])

  def write(self, group: str, *rows: Mapping) -> None:
    """Adds rows, each with its 'step', to the files and curves of a group.

    Args:
      group: 'train', metrics of a step; 'validation', scores of an evaluation;
        or 'progress', rates and waiting times up to a step.
      *rows: The rows.
    """
    self._append(f'{group}.jsonl', rows)
    for row in rows:
      for name, value in row.items():
        if name != 'step' and isinstance(value, (int, float)):
          self._board.add_scalar(f'{group}/{name}', value, row['step'])

  def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
    """Writes images, uint8 [h, w, 3], by name."""
    folder = self._workdir / 'pictures' / f'{step:08d}'
    for name, image in pictures.items():
      path = folder / f'{name.replace("/", "-").replace(":", "-")}.png'
      write_image(path, image)
      self._board.add_image(name, image, step, dataformats='HWC')
    self._board.flush()

  def close(self) -> None:
    """Flushes and closes the files."""
    self._board.close()

  def _append(self, name, rows):
    with (self._workdir / name).open('a') as file:
      for row in rows:
        # JSON has no NaN.
        clean = {
          k: None if isinstance(v, float) and not math.isfinite(v) else v
          for k, v in row.items()
        }
        file.write(json.dumps(clean) + '\n')


class MetricBuffer:
  """Keeps the metrics of steps on the device until they are flushed."""

  def __init__(self, task: Task, writers: Writers | None):
    """Takes the task, for error messages, and the writers of process 0."""
    self._task = task
    self._writers = writers
    self._pending = []

  def add(self, step: int, stream: str, batch: dict, metrics: dict) -> None:
    """Adds the metrics of a step, which may still be being computed."""
    ids = {k: v for k, v in batch.items() if np.ndim(v) == 1}
    self._pending.append((step, stream, ids, metrics))

  def flush(self) -> float | None:
    """Fetches and writes the metrics of all steps added; returns the mean loss.

    Raises:
      NonFiniteError: The loss or gradient norm of a step is not finite.
    """
    if not self._pending:
      return None
    pending, self._pending = self._pending, []
    fetched = jax.device_get([metrics for *_, metrics in pending])
    rows = []
    for (step, stream, ids, _), metrics in zip(pending, fetched, strict=True):
      row = {'step': step, 'stream': stream}
      row |= {name: float(value) for name, value in metrics.items()}
      rows.append(row)
      bad = [
        f'{name.replace("_", " ")} is {row[name]}'
        for name in ('loss', 'gradient_norm')
        if not np.isfinite(row[name])
      ]
      if bad:
        self._write(rows)
        examples = '\n  '.join(self._task.examples(stream, ids))
        raise NonFiniteError(
          step,
          f'the {" and the ".join(bad)} at step {step}; its batch ({stream}):'
          f'\n  {examples}',
        )
    self._write(rows)
    return float(np.mean([row['loss'] for row in rows]))

  def check(self, step: int, state: TrainState) -> None:
    """Flushes, and checks all arrays of the state after a step.

    Raises:
      NonFiniteError: A loss, gradient norm or array is not finite.
    """
    self.flush()
    flags = jax.device_get(_finite(state))
    bad = [
      jax.tree_util.keystr(path, simple=True, separator='/')
      for path, finite in jax.tree_util.tree_leaves_with_path(flags)
      if not finite
    ]
    if bad:
      shown = ', '.join(bad[:5]) + (', ...' if len(bad) > 5 else '')
      raise NonFiniteError(
        step,
        f'{len(bad)} arrays hold NaN or infinity after step {step}: {shown}',
      )

  def _write(self, rows):
    if self._writers is not None:
      self._writers.write('train', *rows)


@jax.jit
def _finite(state):
  return jax.tree.map(lambda leaf: jax.numpy.isfinite(leaf).all(), state)


class Progress:
  """Measures the rate of steps, and what the steps wait for.

  With several processes, a straggler makes the others wait in the all-reduce of
  the gradients, and does not wait itself. The time that a process is blocked
  longer than the least blocked one is therefore time it waits for that process.

  Attributes:
    metrics: The last line as JSON: 'examples_per_second'; 'data', the fraction
      of time spent waiting for batches, averaged over processes; with several
      processes also 'stragglers', the mean fraction spent waiting for the
      slowest process, and 'last', the index of that process.
  """

  def __init__(self, *, first: int, last: int, batch_size: int):
    """Starts the clock.

    Args:
      first: Number of steps taken before.
      last: Number of steps at the end of the run.
      batch_size: Examples of a step.
    """
    self._last = last
    self._batch_size = batch_size
    self.metrics = {}
    self._restart(first)

  def waited(self, seconds: float) -> None:
    """Adds time spent waiting for the next batch."""
    self._waiting += seconds

  def blocked(self, seconds: float) -> None:
    """Adds time spent waiting for the devices."""
    self._blocked += seconds

  def paused(self, seconds: float) -> None:
    """Excludes time from the rate: evaluation, saving."""
    self._since += seconds

  def line(self, step: int, stream: str, loss: float) -> str:
    """Returns a line about the steps since the last call.

    All processes must call it after the same steps.
    """
    seconds = max(time.perf_counter() - self._since, 1e-9)
    rate = (step - self._step) / seconds
    left = (self._last - step) / rate if rate else 0
    self.metrics = {
      'examples_per_second': rate * self._batch_size,
      **_waiting_shares(self._waiting / seconds, self._blocked / seconds),
    }
    shown = f'data {self.metrics["data"]:.0%}'
    if 'stragglers' in self.metrics:
      shown += (
        f'  stragglers {self.metrics["stragglers"]:.0%} '
        f'(process {self.metrics["last"]})'
      )
    self._restart(step)
    return (
      f'step {step}/{self._last} ({step / self._last:.1%})  {stream}  '
      f'loss {loss:.4f}  {self.metrics["examples_per_second"]:.3g} examples/s  '
      f'{shown}  '
      f'{datetime.timedelta(seconds=round(left))} left'
    )

  def _restart(self, step):
    self._step = step
    self._since = time.perf_counter()
    self._waiting = 0.0
    self._blocked = 0.0


def _waiting_shares(waiting: float, blocked: float) -> dict:
  """Combines the fractions of time that each process waited."""
  if jax.process_count() == 1:
    return {'data': waiting}
  own = np.array([waiting, blocked], np.float32)
  waiting, blocked = multihost_utils.process_allgather(own).T
  return {
    'data': float(waiting.mean()),
    'stragglers': float((blocked - blocked.min()).mean()),
    'last': int(blocked.argmin()),
  }


def describe_run(
  config: ConfigDict, mesh: Mesh, *, step: int, steps: int
) -> dict:
  """Returns time, config, versions, git revision and devices as JSON."""
  device = mesh.devices.flat[0]
  return {
    'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    'step': step,
    'steps': steps,
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
  """Returns the revision of the source, with '+' if it has changes."""
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


def _truncate(path: pathlib.Path, step: float) -> None:
  """Removes the rows after a step, and what follows an incomplete row."""
  if not path.exists():
    return
  kept = []
  for line in path.read_text().splitlines():
    try:
      row = json.loads(line)
    except ValueError:
      break  # The run was killed while it wrote this row.
    if row['step'] > step:
      break
    kept.append(line)
  write_text(path, ''.join(f'{line}\n' for line in kept))
