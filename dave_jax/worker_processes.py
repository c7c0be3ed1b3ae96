"""Runs parts of a program in processes of their own, several at a time."""

import concurrent.futures
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from absl import logging as absl_logging

from dave_jax.compile_cache import enable_compilation_cache
from dave_jax.garbage import collect_garbage_rarely
from dave_jax.interrupts import interrupts_blocked
from dave_jax.training.preemption import Preemption

_SECONDS_BETWEEN_LOOKS = 0.5  # At whether to stop.


def run_at_once(
  function: Callable[[str], bool | None], titles: Sequence[str], processes: int
) -> bool:
  """Calls a function with each title, in processes that are started for it.

  They share the machine's cores. What they log begins with the title.

  Args:
    function: Can be pickled; returns False if it was asked to stop.
    titles: Its arguments.
    processes: Number of calls at a time, which begin in the order of titles.

  Returns:
    Whether all calls have finished; False if one was asked to stop. A request
    to stop, by SIGTERM or Control-C, is passed on to all of them; a second
    Control-C ends them at once.

  Raises:
    Exception: The first that a call raises; those that run then finish, and
      the others do not begin.
  """
  pool = concurrent.futures.ProcessPoolExecutor(
    min(processes, len(titles)),
    mp_context=multiprocessing.get_context('spawn'),
    initializer=_start,
  )
  left, running, stops = list(titles), set(), False
  with Preemption() as preemption, pool:
    try:
      while running or (left and not stops):
        # A call that a pool has queued can no longer be cancelled.
        while left and len(running) < processes and not stops:
          with interrupts_blocked():  # Processes start on submission.
            running.add(pool.submit(_call, function, left.pop(0)))
        done, running = concurrent.futures.wait(
          running,
          timeout=_SECONDS_BETWEEN_LOOKS,
          return_when=concurrent.futures.FIRST_COMPLETED,
        )
        if preemption.requested(0) and not stops:
          _terminate()  # On the first SIGTERM training saves and stops.
        stops |= preemption.requested(0)
        stops |= False in [call.result() for call in done]
    except BrokenProcessPool:
      if not (stops or preemption.requested(0)):
        raise
      stops = True  # The signal ended it before it had begun to train.
    except KeyboardInterrupt:  # The second one.
      _terminate()
      raise
  return not stops


def _terminate():
  for process in multiprocessing.active_children():
    process.terminate()


def _start() -> None:
  """Prepares a process."""
  collect_garbage_rarely()
  enable_compilation_cache()
  absl_logging.set_verbosity(absl_logging.WARNING)
  logger = logging.getLogger('dave_jax')
  logger.setLevel(logging.INFO)
  logger.propagate = False
  logger.addHandler(logging.StreamHandler())


def _call(function, title):
  for handler in logging.getLogger('dave_jax').handlers:
    handler.setFormatter(logging.Formatter(f'{title}: %(message)s'))
  return function(title)
