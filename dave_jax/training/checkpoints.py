"""Checkpoints of a run, and the weights that it produces.

    WORKDIR/checkpoints/STEP/      Orbax: state, position in the data
    WORKDIR/checksums/STEP.json    SHA-256 of each of its files
    WORKDIR/damaged/STEP/          checkpoints that failed verification
    WORKDIR/best/                  weights with the best validation score
    WORKDIR/last/                  weights after the last step, without `best`

A checkpoint counts once its checksums are written. Orbax itself restores
flipped bits without an error. Process 0 writes; all processes read.
"""

import json
import os
import pathlib
import shutil
from collections.abc import Callable
from concurrent import futures

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dave_jax.files import write_json
from dave_jax.training.task import Task, TrainState
from dave_jax.weights import model_folder as store
from dave_jax.weights.checksums import checksums, damages


class Checkpoints:
  """Saves the training state asynchronously and restores it.

  Orbax's CheckpointManager is not thread-safe, so one background thread makes
  all calls to it and computes the checksums after each save.

  Attributes:
    problems: A line for each checkpoint that failed verification. These were
      moved to WORKDIR/damaged.
  """

  def __init__(
    self,
    workdir: str | os.PathLike,
    *,
    keep: int,
    after_save: Callable[[], None] | None = None,
  ):
    """Verifies the checkpoints of earlier starts. All processes must call it.

    Args:
      workdir: Folder of the run, shared by all processes.
      keep: Number of checkpoints to keep. With 2 or more there is one to fall
        back to.
      after_save: Called in a thread of process 0 when a checkpoint counts. With
        it, each process has a workdir of its own, with the same checkpoints.

    Raises:
      ValueError: `keep` is below 1.
      OSError: The processes do not have the same checkpoints.
    """
    if keep < 1:
      raise ValueError(f'expected checkpoint.keep of 1 or more, got {keep}')
    self._workdir = pathlib.Path(workdir).absolute()
    self._folder = self._workdir / 'checkpoints'
    self._sums = self._workdir / 'checksums'
    self._after_save = after_save
    self._is_primary = jax.process_index() == 0
    self.problems = []
    if self._is_primary or after_save:
      self._folder.mkdir(parents=True, exist_ok=True)
      self._sums.mkdir(exist_ok=True)
      self._move_damaged()
    if jax.process_count() > 1:
      multihost_utils.sync_global_devices('checkpoints verified')
    self._thread = futures.ThreadPoolExecutor(1)
    self._manager = self._call(
      ocp.CheckpointManager,
      self._folder,
      options=_manager_options(keep),
      item_names=('state', 'position'),
    )
    self._pending = None
    self._check_agreement()

  @property
  def latest(self) -> int | None:
    """Step of the newest valid checkpoint; None without one."""
    return self._call(self._manager.latest_step)

  def save(self, step: int, state: TrainState, position: dict) -> None:
    """Starts to save a step; the state's buffers may be donated on return.

    All processes must call it.
    """
    self.wait()
    if jax.process_count() > 1:
      state = _gather(state)
    if not self._is_primary:
      return
    args = ocp.args.Composite(
      state=ocp.args.StandardSave(state),
      position=ocp.args.JsonSave({'data': position, 'shapes': _shapes(state)}),
    )
    self._call(self._manager.save, step, args=args, force=True)
    self._pending = self._thread.submit(self._finish, step)

  def wait(self) -> None:
    """Waits until the last save and its checksums are on disk."""
    if self._pending is not None:
      pending, self._pending = self._pending, None
      pending.result()

  def restore(self, abstract: TrainState) -> tuple[TrainState, dict]:
    """Returns the state and the data position of the checkpoint `latest`.

    Args:
      abstract: Shapes, types and shardings of the state.

    Raises:
      ValueError: The checkpoint has another network or optimizer.
    """
    step = self.latest
    position = self._restore(step, position=ocp.args.JsonRestore())
    wrong = _differences(position['shapes'], _shapes(abstract))
    if wrong:
      raise ValueError(
        f'{self._folder / str(step)} was saved with a different network or '
        'optimizer; use its original settings, or another workdir:\n  '
        + '\n  '.join(wrong[:10] + ['...'] * (len(wrong) > 10))
      )
    state = self._restore(step, state=ocp.args.StandardRestore(abstract))
    return state, position['data']

  def close(self) -> None:
    """Waits for the last save and stops the thread."""
    try:
      self.wait()
    finally:
      self._call(self._manager.close)
      self._thread.shutdown()

  def _call(self, function, *args, **kwargs):
    return self._thread.submit(function, *args, **kwargs).result()

  def _restore(self, step, **item):
    (name,) = item
    args = ocp.args.Composite(**item)
    return self._call(self._manager.restore, step, args=args)[name]

  def _finish(self, step):
    self._manager.wait_until_finished()
    self._manager.check_for_errors()
    sums = checksums(self._folder / str(step))
    write_json(self._sums / f'{step}.json', sums)
    for old in self._sums.glob('[!.]*.json'):
      if not (self._folder / old.stem).exists():
        old.unlink()
    if self._after_save:
      self._after_save()

  def _check_agreement(self):
    if jax.process_count() == 1:
      return
    latest = self.latest
    step = np.int32(-1 if latest is None else latest)
    expected = int(multihost_utils.broadcast_one_to_all(step))
    if step != expected:
      shown = [n if n >= 0 else 'none' for n in (expected, int(step))]
      raise OSError(
        f'{self._workdir}: expected the newest checkpoint of process 0, '
        f'{shown[0]}, got {shown[1]} in process {jax.process_index()}; all '
        'processes must share the folder'
      )

  def _move_damaged(self):
    for folder in sorted(self._folder.iterdir()):
      if not folder.name.isdecimal():
        continue
      sums = self._sums / f'{folder.name}.json'
      damage = _verify(folder, sums)
      if not damage:
        continue
      target = self._workdir / 'damaged' / folder.name
      _remove(target)
      target.parent.mkdir(exist_ok=True)
      os.replace(folder, target)
      _remove(sums)
      shown = '; '.join(damage[:3]) + ('; ...' if len(damage) > 3 else '')
      self.problems.append(
        f'the checkpoint of step {folder.name} is damaged ({shown}); moved to '
        f'{target.relative_to(self._workdir)} in the workdir'
      )


class ExportedWeights:
  """Writes the weights of a run: WORKDIR/best, or WORKDIR/last without it.

  Only process 0 writes.
  """

  def __init__(self, workdir: str | os.PathLike, task: Task):
    """Reads the best score of earlier starts of the run.

    Args:
      workdir: Folder of the run.
      task: Exports the weights; its `best` names the score.

    Raises:
      ValueError: WORKDIR/best is not a checkpoint folder of this task.
    """
    self._workdir = pathlib.Path(workdir)
    self._task = task
    self._score = -float('inf')
    best, old = self._workdir / 'best', self._workdir / 'best.old'
    if jax.process_index() == 0 and old.exists() and not best.exists():
      os.replace(old, best)
    description = best / store.DESCRIPTION
    if description.exists():
      try:
        scores = json.loads(description.read_text())['origin']['scores']
        self._score = scores.get(task.best, self._score)
      except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
          f'{description}: expected the scores of the best weights, got '
          f'something else ({error!r}); delete the folder to replace it at the '
          'next evaluation'
        ) from error

  def update(self, step: int, state: TrainState, scores: dict) -> None:
    """Writes `best` if the score is higher than before.

    Args:
      step: Number of steps taken.
      state: State with the weights.
      scores: Scores of `Task.evaluate`.
    """
    score = scores.get(self._task.best)
    if score is not None and score > self._score:
      self._score = score
      self._write('best', state, {'step': step, 'scores': scores})

  def finish(self, step: int, state: TrainState) -> None:
    """Writes `last` if the run ends without `best`, so that it has weights."""
    if self._score == -float('inf'):
      self._write('last', state, {'step': step, 'scores': {}})

  def _write(self, name, state, origin):
    if jax.process_index() != 0:
      return
    folder = self._workdir / name
    new, old = (self._workdir / f'{name}.{s}' for s in ('new', 'old'))
    for leftover in (new, old):
      shutil.rmtree(leftover, ignore_errors=True)
    self._task.export(new, state, origin)
    if folder.exists():
      os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def _manager_options(keep):
  if jax.process_count() == 1:
    return ocp.CheckpointManagerOptions(
      max_to_keep=keep, create=False, cleanup_tmp_directories=True
    )
  index = jax.process_index()
  # Orbax would wait for the other processes.
  alone = ocp.options.MultiprocessingOptions(
    primary_host=index,
    active_processes={index},
    barrier_sync_key_prefix=f'checkpoints_{index}',
  )
  writes = index == 0
  return ocp.CheckpointManagerOptions(
    max_to_keep=keep if writes else None,
    create=False,
    cleanup_tmp_directories=writes,
    read_only=not writes,
    multiprocessing_options=alone,
  )


def _gather(state: TrainState) -> TrainState | None:
  """Returns the state as NumPy arrays in process 0; None in the others.

  All processes must call it.
  """

  def gather(leaf):
    if leaf.is_fully_replicated:
      return np.asarray(leaf) if jax.process_index() == 0 else None
    whole = multihost_utils.process_allgather(leaf, tiled=True)
    return whole if jax.process_index() == 0 else None

  gathered = jax.tree.map(gather, state)
  return gathered if jax.process_index() == 0 else None


def _verify(folder: pathlib.Path, sums: pathlib.Path) -> list[str]:
  """Returns what is damaged in a checkpoint."""
  if not sums.exists():
    return ['it was not saved completely']
  try:
    expected = json.loads(sums.read_bytes())
  except (ValueError, IsADirectoryError):
    expected = None
  if not isinstance(expected, dict):
    return [f'{sums} is not a file of checksums']
  return damages(folder, expected)


def _remove(path: pathlib.Path) -> None:
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)


def _shapes(state) -> dict[str, list[int]]:
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): list(leaf.shape)
    for path, leaf in jax.tree_util.tree_leaves_with_path(state)
  }


def _differences(saved, expected) -> list[str]:
  """Returns a line for each array whose shape differs."""
  return [
    f'{path}: expected {expected.get(path, "no such array")}, got '
    f'{saved.get(path, "no such array")}'
    for path in sorted(expected.keys() | saved.keys())
    if expected.get(path) != saved.get(path)
  ]
