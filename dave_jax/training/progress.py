"""How far a run is, how fast, and how long it still takes."""

import datetime
import time


class Progress:
  """Counts steps, and the time that went by and that was waited for data."""

  def __init__(self, *, first: int, last: int, batch_size: int):
    """Starts at a step.

    Args:
      first: Steps taken before.
      last: Steps at the end.
      batch_size: Examples of a step.
    """
    self._last = last
    self._batch_size = batch_size
    self._restart(first)

  def waited(self, seconds: float) -> None:
    """Adds time in which the next batch was not there yet."""
    self._waiting += seconds

  def paused(self, seconds: float) -> None:
    """Takes time out of the rate: evaluating, saving."""
    self._since += seconds

  def line(self, step: int, kind: str, loss: float) -> str:
    """Returns a line on the steps since the one before."""
    now = time.perf_counter()
    seconds = max(now - self._since, 1e-9)
    rate = (step - self._step) / seconds
    left = (self._last - step) / rate if rate else 0
    waiting = self._waiting / seconds
    self._restart(step)
    return (
      f'step {step}/{self._last} ({step / self._last:.1%})  {kind}  '
      f'loss {loss:.4f}  {rate * self._batch_size:.3g} examples/s  '
      f'data {waiting:.0%}  '
      f'{datetime.timedelta(seconds=round(left))} left'
    )

  def _restart(self, step):
    self._step = step
    self._since = time.perf_counter()
    self._waiting = 0.0
