"""Control-C while worker processes start."""

import multiprocessing
import os
import signal
import time

import pytest

from dave_jax.interrupts import interrupts_blocked


@pytest.mark.slow
def test_a_worker_that_starts_is_not_interrupted(capfd):
  """SIGINT reaches Python before it has run a line of ours."""
  worker = multiprocessing.get_context('spawn').Process(
    target=time.sleep, args=(0,)
  )
  with interrupts_blocked():
    worker.start()
  os.kill(worker.pid, signal.SIGINT)
  worker.join()
  assert worker.exitcode == 0
  assert 'Traceback' not in capfd.readouterr().err


def test_signals_are_unblocked_afterwards():
  before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
  with interrupts_blocked():
    assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
  assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
