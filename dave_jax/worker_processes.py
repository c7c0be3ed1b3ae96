"""Runs parts of a program in processes of their own, several at a time."""

import concurrent.futures
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from absl import logging as absl_logging

from dave_jax.blas import use_one_blas_thread
from dave_jax.compile_cache import enable_compilation_cache
from dave_jax.garbage import collect_garbage_rarely
from dave_jax.interrupts import interrupts_blocked
from dave_jax.logs import log_to_stderr
from dave_jax.training.preemption import Preemption

_LOG = logging.getLogger('dave_jax.worker_processes')
_SECONDS_BETWEEN_LOOKS = 0.5  # At whether to stop.


class Call(NamedTuple):
  """A call of `run_at_once`.

  Attributes:
    title: The argument.
    needs: Titles of calls, earlier in the list, that must have finished.
  """

  title: str
  needs: tuple[str, ...] = ()


def run_at_once(
  function: Callable[[str], bool | None],
  calls: Sequence[Call],
  processes: int,
  begins: Callable[[str], None],
) -> bool:
  """Calls a function with each title, in processes that are started for it.

  Each has its share of the machine's cores: parts of a training step that use
  one core leave none idle, and processes that all use all cores wait for each
  other. What they log begins with the title.

  Args:
    function: Can be pickled; returns False if it was asked to stop.
    calls: They begin in this order, but for those that wait for others.
    processes: Number of calls at a time.
    begins: Is told the title of each call that begins.

  Returns:
    Whether all calls have finished; False if one was asked to stop. A request
    to stop, by SIGTERM or Control-C, is passed on to all of them; a second
    Control-C ends them at once.

  Raises:
    Exception: The first that a call raises; those that run then finish, and
      the others do not begin.
  """
  processes = min(processes, len(calls))
  context = multiprocessing.get_context('spawn')
  shares = context.SimpleQueue()
  for cores in _shares(processes):
    shares.put(cores)
  pool = concurrent.futures.ProcessPoolExecutor(
    processes, mp_context=context, initializer=_start, initargs=(shares,)
  )
  left, running, finished, stops = list(calls), {}, set(), False
  with Preemption() as preemption, pool:
    try:
      while running or (left and not stops):
        ready = [call for call in left if finished.issuperset(call.needs)]
        # A call that a pool has queued can no longer be cancelled.
        for call in ready[: 0 if stops else processes - len(running)]:
          left.remove(call)
          begins(call.title)
          with interrupts_blocked():  # Processes start on submission.
            future = pool.submit(_call, function, call.title)
          running[future] = call.title
        done, _ = concurrent.futures.wait(
          running,
          timeout=_SECONDS_BETWEEN_LOOKS,
          return_when=concurrent.futures.FIRST_COMPLETED,
        )
        if preemption.requested(0) and not stops:
          _terminate()  # On the first SIGTERM training saves and stops.
        stops |= preemption.requested(0)
        for future in done:
          stops |= future.result() is False
          finished.add(running.pop(future))
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


def _shares(processes: int) -> list[set[int]]:
  """Divides the cores that this process may use; all are used."""
  if not hasattr(os, 'sched_getaffinity'):  # macOS.
    return [set()] * processes
  cores = sorted(os.sched_getaffinity(0))
  return [
    set(cores[i::processes]) or {cores[i % len(cores)]}
    for i in range(processes)
  ]


def _start(shares) -> None:
  """Prepares a process, which takes one of the shares of the cores."""
  if cores := shares.get():
    os.sched_setaffinity(0, cores)
  os.environ['TQDM_DISABLE'] = '1'  # Bars would overwrite each other.
  collect_garbage_rarely()
  use_one_blas_thread()
  enable_compilation_cache()
  absl_logging.set_verbosity(absl_logging.WARNING)


def _call(function, title):
  log_to_stderr(prefix=f'{title}: ')
  begin = time.monotonic()
  result = function(title)
  if result is not False:
    _LOG.info('finished after %.0f s', time.monotonic() - begin)
  return result
