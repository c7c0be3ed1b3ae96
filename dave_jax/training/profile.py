"""Profiling of a few steps."""

import os
import pathlib

import jax


class Profile:
  """Records steps in WORKDIR/profile, for TensorBoard or Perfetto."""

  def __init__(self, workdir: str | os.PathLike, *, first: int, steps: int):
    """Sets which steps to record.

    Args:
      workdir: Folder of the run.
      first: Number of steps taken before the recording starts.
      steps: Number of steps to record; 0 for none.
    """
    self._folder = pathlib.Path(workdir) / 'profile'
    self._first = first
    self._last = first + steps
    self._running = False

  def before(self, step: int) -> None:
    """Starts the recording if `step` is the first one to record."""
    if step == self._first < self._last:
      jax.profiler.start_trace(str(self._folder))
      self._running = True

  def after(self, step: int, result) -> None:
    """Waits for `result` and stops the recording after the last step."""
    if self._running and step >= self._last:
      jax.block_until_ready(result)
      self.close()

  def close(self) -> None:
    """Stops the recording."""
    if self._running:
      jax.profiler.stop_trace()
      self._running = False
