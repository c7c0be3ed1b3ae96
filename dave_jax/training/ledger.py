"""Figures of steps, fetched from the device a few at a time."""

import jax
import numpy as np

from dave_jax.training.task import Task
from dave_jax.training.writers import Writers


class NotFinite(ArithmeticError):
  """The loss is no number any more; says at which step, of which clips."""


class Ledger:
  """Keeps the figures of steps until somebody looks at them."""

  def __init__(self, task: Task, writers: Writers | None):
    """Takes where rows go; None writes none."""
    self._task = task
    self._writers = writers
    self._pending = []

  def add(self, step: int, kind: str, batch: dict, facts: dict) -> None:
    """Notes a step; its figures are still being computed."""
    ids = {k: v for k, v in batch.items() if np.ndim(v) == 1}
    self._pending.append((step, kind, ids, facts))

  def settle(self) -> float | None:
    """Writes the rows of all steps noted; returns their mean loss.

    Raises:
      NotFinite: The loss of one is not finite.
    """
    if not self._pending:
      return None
    fetched = jax.device_get([facts for *_, facts in self._pending])
    rows = []
    for (step, kind, ids, _), facts in zip(self._pending, fetched, strict=True):
      row = {'step': step, 'kind': kind}
      row |= {name: float(value) for name, value in facts.items()}
      rows.append(row)
      if not np.isfinite(row['loss']):
        self._write(rows)
        examples = '\n  '.join(self._task.examples(kind, ids))
        raise NotFinite(
          f'the loss of step {step} is {row["loss"]}; the checkpoint before it '
          'is good. Lower optimizer.learning_rate or set optimizer.clip_norm, '
          f'and look at its batch ({kind}):\n  {examples}'
        )
    self._write(rows)
    self._pending = []
    return float(np.mean([row['loss'] for row in rows]))

  def _write(self, rows):
    if self._writers is not None:
      self._writers.train(rows)
