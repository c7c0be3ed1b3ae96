"""A run of four processes, one of which is killed.

  python -m tests.killed_run FOLDER

FOLDER/run is its workdir. FOLDER/PROCESS.log is what processes said, and
FOLDER/end.json their exit statuses and the seconds from the signal to the last
one's end.

Processes are forked: libraries take seconds to import.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import time

from absl import app

from dave_jax import main
from dave_jax.training.ledger import Ledger
from tests.runs import main_command

COUNT = 4
KILLED = 2
STEPS = 5
SETTINGS = {
  'train.steps': 40,
  'train.batch_size': 4,
  'data.images': '',
  'checkpoint.every': 2,
}


def _start(folder):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  children = {}
  for number in range(COUNT):
    child = os.fork()
    if not child:
      log = (folder / f'{number}.log').open('w')
      os.dup2(log.fileno(), 1)
      os.dup2(log.fileno(), 2)
      # Without `python -m`, which comes first.
      sys.argv = main_command(
        folder / 'run',
        '--distributed',
        f'--coordinator=localhost:{port}',
        f'--processes={COUNT}',
        f'--process={number}',
        **SETTINGS,
      )[2:]
      if number == KILLED:
        _end_after_steps(folder)
      app.run(main.main)
    children[child] = number
  statuses = {}
  while len(statuses) < COUNT:
    child, status = os.wait()
    statuses[children[child]] = os.waitstatus_to_exitcode(status)
  seconds = time.time() - (folder / 'signal').stat().st_mtime
  end = {
    'statuses': [statuses[n] for n in range(COUNT)],
    'seconds': seconds,
  }
  (folder / 'end.json').write_text(json.dumps(end))


def _end_after_steps(folder):
  """Has the process kill itself as a ledger hears of its last step."""
  add = Ledger.add

  def adding(self, step, kind, batch, facts):
    add(self, step, kind, batch, facts)
    if step == STEPS:
      (folder / 'signal').touch()
      os.kill(os.getpid(), signal.SIGKILL)

  Ledger.add = adding


if __name__ == '__main__':
  _start(pathlib.Path(sys.argv[1]))
