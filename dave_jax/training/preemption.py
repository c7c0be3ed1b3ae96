"""Graceful shutdown: the run saves a checkpoint, then exits."""

import signal

import jax
from jax.experimental import multihost_utils


class Preemption:
  """Handles SIGTERM and Control-C within a `with` block.

  The first signal requests a shutdown, a second one ends the program as usual.
  With several processes JAX's coordination service handles SIGTERM in any of
  them, and `requested` becomes true in all of them after the same step.
  """

  def __init__(self):
    self._requested = False
    self._handlers = {}

  def __enter__(self) -> 'Preemption':
    if jax.process_count() == 1:
      for number in (signal.SIGINT, signal.SIGTERM):
        self._handlers[number] = signal.signal(number, self._handle)
    return self

  def __exit__(self, *_):
    for number, handler in self._handlers.items():
      signal.signal(number, handler)

  def requested(self, step: int) -> bool:
    """Returns whether to stop after a step; all processes must call it."""
    if jax.process_count() > 1:
      return multihost_utils.reached_preemption_sync_point(step)
    return self._requested

  def _handle(self, number, frame):
    del frame
    self._requested = True
    signal.signal(number, self._handlers[number])
