"""Checkpoints of a run: state, position in the data and step, as one.

    WORKDIR/checkpoints/STEP/      Orbax: state, position
    WORKDIR/checksums/STEP.json    SHA-256 of every file of it
    WORKDIR/damaged/STEP/          steps that turned out not to be whole

A step counts once its checksums are there. Orbax would restore flipped bits
without a word.
"""

import json
import os
import pathlib
import shutil
from concurrent import futures

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dave_jax.files import write_json
from dave_jax.training.task import Task, TrainState
from dave_jax.weights import model_folder as store
from dave_jax.weights.checksums import checksums, damages


class Checkpoints:
  """The newest checkpoints of a run, written while it goes on.

  Attributes:
    problems: A line for each step found that was not whole; they were moved to
      WORKDIR/damaged.
  """

  def __init__(self, workdir: str | os.PathLike, *, keep: int):
    """Opens a run's checkpoints, the folder's files checked first.

    Args:
      workdir: Of the run, shared by all processes.
      keep: How many steps stay. With 2 or more there is one to fall back to.

    Raises:
      ValueError: `keep` is below 1.
    """
    if keep < 1:
      raise ValueError(f'got {keep} checkpoints to keep, wanted 1 or more')
    self._workdir = pathlib.Path(workdir).absolute()
    self._folder = self._workdir / 'checkpoints'
    self._sums = self._workdir / 'checksums'
    self.problems = []
    if jax.process_index() == 0:
      self._folder.mkdir(parents=True, exist_ok=True)
      self._sums.mkdir(exist_ok=True)
      self._move_damaged_aside()
    _wait_for_all('checkpoints checked')
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        max_to_keep=keep, cleanup_tmp_directories=True
      ),
      item_names=('state', 'position'),
    )
    self._background = futures.ThreadPoolExecutor(1)
    self._sealing = None

  @property
  def latest(self) -> int | None:
    """The newest whole step; None before the first."""
    return self._manager.latest_step()

  def save(self, step: int, state: TrainState, position: dict) -> None:
    """Starts to write a step; the state may be used up at once."""
    self.wait()
    self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        position=ocp.args.JsonSave(
          {'data': position, 'shapes': _shapes(state)}
        ),
      ),
      force=True,
    )
    self._sealing = self._background.submit(self._seal, step)

  def wait(self) -> None:
    """Waits until what was saved is on disk, checksums and all."""
    if self._sealing is not None:
      sealing, self._sealing = self._sealing, None
      sealing.result()
    self._manager.check_for_errors()

  def restore(self, like: TrainState) -> tuple[TrainState, dict]:
    """Returns state and position of the newest whole step.

    Args:
      like: A state of the same shapes and places on devices.

    Raises:
      ValueError: The step holds another network or optimiser.
    """
    step = self.latest
    position = self._restore(position=ocp.args.JsonRestore())
    self._check_shapes(step, position['shapes'], _shapes(like))
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    state = self._restore(state=ocp.args.StandardRestore(abstract))
    return state, position['data']

  def close(self) -> None:
    """Waits for what is being written, and ends."""
    self.wait()
    self._manager.close()

  def _seal(self, step):
    self._manager.wait_until_finished()
    if jax.process_index() != 0:
      return
    path = self._sums / f'{step}.json'
    write_json(path, checksums(self._folder / str(step)))
    for old in self._sums.glob('*.json'):
      if not (self._folder / old.stem).exists():
        old.unlink()

  def _move_damaged_aside(self):
    for folder in self._folder.iterdir():
      if not folder.name.isdecimal():
        continue
      wrong = self._damages(folder)
      if not wrong:
        continue
      aside = self._workdir / 'damaged' / folder.name
      shutil.rmtree(aside, ignore_errors=True)
      aside.parent.mkdir(exist_ok=True)
      os.replace(folder, aside)
      shown = '; '.join(wrong[:3]) + ('; ...' if len(wrong) > 3 else '')
      self.problems.append(
        f'checkpoint of step {folder.name} is not whole ({shown}); moved to '
        f'{aside}'
      )

  def _damages(self, folder):
    path = self._sums / f'{folder.name}.json'
    if not path.exists():
      return ['it was not written to its end']
    try:
      expected = json.loads(path.read_text())
    except ValueError:
      return ['its checksums are damaged']
    return damages(folder, expected)

  def _restore(self, **item):
    (name,) = item
    return self._manager.restore(self.latest, args=ocp.args.Composite(**item))[
      name
    ]

  def _check_shapes(self, step, found, wanted):
    wrong = [
      f'{path}: {found.get(path, "missing")}, wanted {wanted.get(path, "none")}'
      for path in sorted(wanted.keys() | found.keys())
      if wanted.get(path) != found.get(path)
    ]
    if wrong:
      shown = wrong[:10] + [f'... {len(wrong) - 10} more'] * (len(wrong) > 10)
      raise ValueError(
        f'{self._folder / str(step)} is of another network or optimiser; give '
        'the settings it began with, or another workdir:\n  '
        + '\n  '.join(shown)
      )


def _shapes(state) -> dict[str, list[int]]:
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): list(leaf.shape)
    for path, leaf in jax.tree_util.tree_leaves_with_path(state)
  }


def _wait_for_all(name):
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices(name)


class BestWeights:
  """Keeps the best weights of a run as WORKDIR/best, a checkpoint folder."""

  def __init__(self, workdir: str | os.PathLike, task: Task):
    """Finds what an earlier start of the run left."""
    self._folder = pathlib.Path(workdir) / 'best'
    self._task = task
    self._score = -float('inf')
    old = self._folder.with_name('best.old')
    if jax.process_index() == 0 and old.exists() and not self._folder.exists():
      os.replace(old, self._folder)
    description = self._folder / store.DESCRIPTION
    if description.exists():
      origin = json.loads(description.read_text())['origin']
      self._score = origin['scores'].get(task.best, self._score)

  def update(self, step: int, state: TrainState, scores: dict) -> None:
    """Writes the weights where their score is the best so far.

    Args:
      step: Steps taken.
      state: With the weights.
      scores: Of `Task.evaluate`; nothing is written without the task's best.
    """
    score = scores.get(self._task.best)
    if score is None or not score > self._score:
      return
    self._score = score
    if jax.process_index() != 0:
      return
    fresh, old = (self._folder.with_name(f'best.{n}') for n in ('new', 'old'))
    for folder in (fresh, old):
      shutil.rmtree(folder, ignore_errors=True)
    self._task.export(fresh, state, {'step': step, 'scores': scores})
    if self._folder.exists():
      os.replace(self._folder, old)
    os.replace(fresh, self._folder)
    shutil.rmtree(old, ignore_errors=True)
