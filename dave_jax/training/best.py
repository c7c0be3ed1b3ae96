"""The weights that did best on validation data."""

import json
import os
import pathlib
import shutil

import jax

from dave_jax.training.state import TrainState
from dave_jax.training.task import Task
from dave_jax.weights import model_folder as store


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

  def offer(self, step: int, state: TrainState, scores: dict) -> None:
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
