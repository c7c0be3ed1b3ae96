"""How far a run is, how fast, and how long it still takes."""

import datetime
import time

import jax
import numpy as np
from jax.experimental import multihost_utils


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

  def line(self, step: int, kind: str, loss: float) -> str:
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
      f'step {step}/{self._last} ({step / self._last:.1%})  {kind}  '
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
