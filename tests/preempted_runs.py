"""Starts a run three times: it is killed, preempted, and finishes.

  python -m tests.preempted_runs FOLDER

FOLDER/run is the workdir. FOLDER/0, 1, ... describe each start: the output of
each process (PROCESS.log), the examples of its steps (PROCESS.jsonl), and in
end.json the exit statuses and the seconds from the signal to the last exit.

Processes are forked, so that libraries are imported once and not seven times.
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

# Number of processes; (process, step, signal) that ends the start.
STARTS = (
  (4, (2, 5, signal.SIGKILL)),
  (2, (1, 3, signal.SIGTERM)),
  (1, None),
)
# An epoch of fake data has ten batches: 40 examples, four epochs.
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
  """Makes each process record its examples, and one of them end."""
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
      # JAX polls for signals each second; the run must not end before.
      time.sleep(0.2)
    if jax.process_index() == victim and len(steps) == last:
      (folder / 'signal').touch()
      os.kill(os.getpid(), number)

  MetricBuffer.add = noting


if __name__ == '__main__':
  parent = pathlib.Path(sys.argv[1])
  for place, (processes, how) in enumerate(STARTS):
    _start(parent / str(place), parent / 'run', processes, how)
