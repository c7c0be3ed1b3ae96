"""Being asked to stop: a run that is, saves first."""

import signal

import jax
from jax.experimental import multihost_utils


class Preemption:
  """Notices SIGTERM and Control-C within a `with` block.

  The first is only noticed, a second ends the program as usual. With several
  processes JAX's own service notices SIGTERM in any of them, and `asked` is
  true in all of them after the same step.
  """

  def __init__(self):
    self._requested = False
    self._before = {}

  def __enter__(self) -> 'Preemption':
    signals = [signal.SIGINT, signal.SIGTERM]
    if jax.process_count() > 1:
      signals = []
    for number in signals:
      self._before[number] = signal.signal(number, self._notice)
    return self

  def __exit__(self, *_):
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def requested(self, step: int) -> bool:
    """Returns whether to stop after a step; all processes ask at each."""
    if jax.process_count() > 1:
      return multihost_utils.reached_preemption_sync_point(step)
    return self._requested

  def _notice(self, number, frame):
    del frame
    self._requested = True
    signal.signal(number, self._before[number])
