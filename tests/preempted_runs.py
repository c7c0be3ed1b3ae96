"""A run that is begun three times: killed, preempted, and ended.

  python -m tests.preempted_runs FOLDER

FOLDER/run is its workdir. FOLDER/0, 1, ... have of each start what processes
said (PROCESS.log), the examples of their steps (PROCESS.jsonl), their exit
statuses and the seconds from the signal to the last one's end (end.json).

Processes are forked: libraries take seconds to import, seven times.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import time

import jax
from absl import app

from dave_jax import main
from dave_jax.training.metrics import MetricBuffer
from tests.runs import main_command

# Processes; which of them sends itself a signal after how many steps.
STARTS = (
  (4, (2, 5, signal.SIGKILL)),
  (2, (1, 3, signal.SIGTERM)),
  (1, None),
)
# An epoch of made-up data is ten batches: 40 examples, and four epochs.
SETTINGS = {
  'train.steps': 40,
  'train.batch_size': 4,
  'data.images': '',
  'model.modality': 'audio',  # Half to compile.
  'checkpoint.every': 2,
}


def _start(folder, workdir, count, ending):
  folder.mkdir(parents=True)
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  children = {}
  for number in range(count):
    flags = []
    if count > 1:
      flags = [
        '--distributed',
        f'--coordinator=localhost:{port}',
        f'--processes={count}',
        f'--process={number}',
      ]
    child = os.fork()
    if not child:
      log = (folder / f'{number}.log').open('w')
      os.dup2(log.fileno(), 1)
      os.dup2(log.fileno(), 2)
      # Without `python -m dave_jax.main`, which comes first.
      sys.argv = main_command(workdir, *flags, **SETTINGS)[2:]
      _note_steps(folder, ending)
      app.run(main.main)
    children[child] = number
  statuses = {}
  while len(statuses) < count:
    child, status = os.wait()
    statuses[children[child]] = os.waitstatus_to_exitcode(status)
  end = {'statuses': [statuses[n] for n in range(count)]}
  if ending:
    end['seconds'] = time.time() - (folder / 'signal').stat().st_mtime
  (folder / 'end.json').write_text(json.dumps(end))


def _note_steps(folder, ending):
  """Has ledgers note the examples of steps, and ends a process."""
  add = MetricBuffer.add
  steps = []
  victim, last, number = ending or (None, None, None)

  def noting(self, step, stream, batch, metrics):
    add(self, step, stream, batch, metrics)
    row = {'step': step, 'frames': batch['frame'].tolist()}
    with (folder / f'{jax.process_index()}.jsonl').open('a') as file:
      file.write(json.dumps(row) + '\n')
    steps.append(step)
    if ending:
      # JAX looks for signals each second; the run is not to end before.
      time.sleep(0.2)
    if jax.process_index() == victim and len(steps) == last:
      (folder / 'signal').touch()
      os.kill(os.getpid(), number)

  MetricBuffer.add = noting


if __name__ == '__main__':
  parent = pathlib.Path(sys.argv[1])
  for place, (processes, how) in enumerate(STARTS):
    _start(parent / str(place), parent / 'run', processes, how)
