"""Control-C in programs that start worker processes."""

import contextlib
import signal
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
  """Makes processes that are started within never receive SIGINT.

  A terminal sends Control-C to all processes in the foreground. A worker that
  it reaches while Python starts would print a traceback, so only the program
  that started it receives the signal and ends its workers itself. Processes
  inherit the signals that this thread blocks; other threads still take them.
  """
  resource_tracker.ensure_running()  # Starting it would unblock SIGINT.
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
