"""A recording of what the devices do in a few steps."""

import os
import pathlib

import jax


class Profile:
  """Records steps into WORKDIR/profile, for TensorBoard or Perfetto."""

  def __init__(self, workdir: str | os.PathLike, *, first: int, steps: int):
    """Takes the first step to record, and how many; 0 records none."""
    self._folder = pathlib.Path(workdir) / 'profile'
    self._first = first
    self._last = first + steps
    self._running = False

  def before(self, step: int) -> None:
    """Starts to record where `step` is the first."""
    if step == self._first < self._last:
      jax.profiler.start_trace(str(self._folder))
      self._running = True

  def after(self, step: int, result) -> None:
    """Ends recording once enough steps were taken, `result` waited for."""
    if self._running and step >= self._last:
      jax.block_until_ready(result)
      self.close()

  def close(self) -> None:
    """Ends recording."""
    if self._running:
      jax.profiler.stop_trace()
      self._running = False
