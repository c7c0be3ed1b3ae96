"""Trains a network, or evaluates it on the test sets of its config.

  python -m dave_jax.main --config=configs/davos.py
  python -m dave_jax.main --config=configs/davos.py --mode=evaluate

The first trains in runs/davos; run the same command to resume. The second
scores the best weights on data.test, into runs/davos/evaluation. Each field of
the config can be overridden: --config.train.batch_size=20. --workdir may lie in
a bucket: gs://BUCKET/runs/davos.
"""

import logging
import os
import pathlib
import sys
import traceback

from absl import flags
from absl import logging as absl_logging
from ml_collections import ConfigDict

from dave_jax import command_line
from dave_jax.blas import use_one_blas_thread
from dave_jax.buckets import is_bucket
from dave_jax.garbage import collect_garbage_rarely
from dave_jax.logs import log_to_stderr

_LOG = logging.getLogger('dave_jax.main')

_WORKDIR = flags.DEFINE_string(
  'workdir', None, "Folder of the run; default: runs/ and the config's name."
)
_MODE = flags.DEFINE_enum(
  'mode',
  'train',
  ['train', 'evaluate'],
  'Train, or evaluate WORKDIR/best on data.test, into WORKDIR/evaluation.',
)
_DISTRIBUTED = flags.DEFINE_bool(
  'distributed',
  False,
  'Run as one of several processes. They find each other on TPU pods and under '
  'SLURM; elsewhere set --coordinator, --processes and --process.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', None, 'HOST:PORT of process 0, which the others connect to.'
)
_PROCESSES = flags.DEFINE_integer('processes', None, 'Number of processes.')
_PROCESS = flags.DEFINE_integer(
  'process', None, 'Index of this process, from 0.'
)
_WAIT = flags.DEFINE_integer(
  'wait', 50, 'Connection and heartbeat timeout, in seconds.'
)
_STOPPED_STATUS = flags.DEFINE_integer(
  'stopped_status',
  0,
  'Exit status of a run that was asked to stop and has saved. Schedulers that '
  'restart failed jobs only need another than 0.',
)

_FAILED = 1
# Exit status when another process failed; retry.
_LOST_STATUS = 75


def main(argv: list[str]) -> int:
  """Does what the flags say; returns the exit status."""
  del argv  # Flags only.
  collect_garbage_rarely()
  # These take two seconds, which --help does not need.
  import jax

  from dave_jax.compile_cache import enable_compilation_cache
  from dave_jax.training.connection import connect
  from dave_jax.training.metrics import NonFiniteError

  # Orbax and JAX log every operation at level INFO.
  absl_logging.set_verbosity(absl_logging.WARNING)
  use_one_blas_thread()
  enable_compilation_cache()
  config = command_line.config()
  workdir = _WORKDIR.value or f'runs/{command_line.config_name()}'
  try:
    connect(
      distributed=_DISTRIBUTED.value,
      coordinator=_COORDINATOR.value,
      processes=_PROCESSES.value,
      process=_PROCESS.value,
      timeout=_WAIT.value,
    )
  except TimeoutError as error:
    print(f'main: {error}', file=sys.stderr)
    return _LOST_STATUS
  except ValueError as error:
    print(f'main: {error}', file=sys.stderr)
    return _FAILED
  try:
    is_primary = jax.process_index() == 0
    log_to_stderr(logging.INFO if is_primary else logging.WARNING)
    if _MODE.value == 'evaluate':
      finished = _evaluate(config, workdir)
    elif config.task == 'study':
      finished = _study(config, workdir)
    else:
      finished = _train(config, workdir)
  except (jax.errors.JaxRuntimeError, TimeoutError) as error:
    if jax.process_count() == 1:
      raise
    traceback.print_exc()
    print(f'main: lost a process or a device: {error}', file=sys.stderr)
    sys.stderr.flush()
    # A normal exit would wait for all processes, and one is gone.
    os._exit(_LOST_STATUS)
  except (ValueError, OSError, NonFiniteError) as error:
    print(f'main: {error}', file=sys.stderr)
    return _FAILED
  return 0 if finished else _STOPPED_STATUS.value


def _train(config: ConfigDict, workdir: str) -> bool:
  """Trains; returns False after a requested shutdown."""
  from dave_jax.requirements import check_requirements
  from dave_jax.train import train
  from dave_jax.training.mirror import mirrored

  with mirrored(workdir) as (folder, upload):
    check_requirements(config, folder)
    before = _checkpoints(folder)
    finished = train(config, folder, after_save=upload)
    if finished:
      news = 'Already finished' if _checkpoints(folder) == before else 'Done'
      _LOG.info('%s: %s', news, _describe(folder, workdir))
  return finished


def _study(config: ConfigDict, workdir: str) -> bool:
  """Runs a study; returns False after a requested shutdown."""
  # Drawing and data sets take seconds to import.
  from dave_jax.study import Study

  if is_bucket(workdir):
    raise ValueError(f'expected the --workdir of a study on a disk: {workdir}')
  return Study(config, pathlib.Path(workdir)).run()


def _evaluate(config: ConfigDict, workdir: str) -> bool:
  """Scores the best weights of a run on the test sets of its config."""
  import jax

  from dave_jax.evaluation.options import options_from
  from dave_jax.evaluation.run import evaluate
  from dave_jax.evaluation.summary import print_metrics
  from dave_jax.training.mirror import CHECKPOINTS, mirrored
  from dave_jax.training.saliency_data import parse_splits

  if config.task != 'saliency':
    raise ValueError(
      f"expected a config of task 'saliency' to evaluate, got {config.task!r}"
    )
  test = parse_splits(config.data.test)
  if not test:
    raise ValueError('data.test is empty; set it to NAME:SPLIT')
  if is_bucket(workdir) and jax.process_count() > 1:
    raise ValueError(
      f'{workdir}: evaluate a run in a bucket with one process, or copy it to '
      'a disk that all processes share'
    )
  with mirrored(workdir, without=CHECKPOINTS) as (folder, upload):
    weights = folder / 'best'
    if not weights.exists() and (folder / 'last').exists():
      weights = folder / 'last'  # The run had no validation data.
    for name, split in test:
      results = f'evaluation/{name}-{split}'
      options = options_from(
        config.evaluation.test,
        dataset=name,
        split=split,
        data_dir=config.data.data_dir,
        checkpoint=str(weights),
        out=str(folder / results),
        sigma=config.data.sigma,
        alignment=config.data.alignment,
        dtype=config.model.dtype,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
      )
      metrics = evaluate(options)
      if upload:
        upload()
      if metrics:
        print_metrics(metrics, f'{workdir}/{results}')
  return True


def _checkpoints(folder):
  return {path.name for path in folder.glob('checkpoints/[0-9]*')}


def _describe(folder, workdir):
  """Returns what lies in the folder of a finished run."""
  contents = {
    'best': 'weights of the best validation score',
    'last': 'weights of the last step',
    'train.jsonl': 'losses',
    'validation.jsonl': 'validation scores',
  }
  found = [
    f'{workdir}/{name} ({text})'
    for name, text in contents.items()
    if (folder / name).exists()
  ]
  return f'{", ".join(found)}; curves: tensorboard --logdir={workdir}'


def run() -> None:
  """Parses the command line and runs `main`."""
  command_line.run(main, 'main', __doc__)


if __name__ == '__main__':
  run()
