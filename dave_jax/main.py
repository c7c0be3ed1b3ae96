"""Trains a network, evaluates it, or plans its training on a machine.

  python -m dave_jax.main --config=configs/davos.py --workdir=runs/davos
  python -m dave_jax.main --config=configs/davos.py --workdir=runs/davos \\
      --mode=evaluate
  python -m dave_jax.main --config=configs/davos.py --workdir=runs/davos \\
      --mode=plan --topology=v5e:4x4

Interrupted, the same command goes on. Every field of a config can be set:
--config.train.batch_size=20.
"""

import logging
import os
import pathlib
import sys
import traceback

import jax
from absl import app, flags
from absl import logging as absl_logging
from ml_collections import ConfigDict, config_flags

from dave_jax import VERSION, evaluate
from dave_jax.compile_cache import keep_compiled_programs
from dave_jax.train import train
from dave_jax.training.metrics import NonFiniteError
from dave_jax.training.saliency_data import parse_splits

_CONFIG = config_flags.DEFINE_config_file('config', None, 'What to do.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run.')
_MODE = flags.DEFINE_enum(
  'mode',
  'train',
  ['train', 'evaluate', 'plan'],
  'evaluate: scores WORKDIR/best on data.test, into WORKDIR/evaluation. plan: '
  'says what training costs on --topology, into WORKDIR/plan.md and plan.json.',
)
_TOPOLOGY = flags.DEFINE_string(
  'topology', None, 'What to plan for: TPUs as v5e:4x4, GPUs as h100:8.'
)
_EXAMPLES = flags.DEFINE_list(
  'examples',
  [],
  'Examples an epoch has of sets that are not on disk, for plans, as '
  'audio_visual=9500,images=10000.',
)
_TRIALS = flags.DEFINE_integer(
  'trials',
  4,
  'Other sizes that a plan compiles at most, for the largest batch that fits '
  'or for what would fit.',
  lower_bound=0,
)
_DISTRIBUTED = flags.DEFINE_bool(
  'distributed',
  False,
  'Whether this is one of several processes. On TPU pods and under SLURM they '
  'find each other; elsewhere give the next three too.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', None, 'HOST:PORT of process 0, which the others connect to.'
)
_PROCESSES = flags.DEFINE_integer('processes', None, 'How many there are.')
_PROCESS = flags.DEFINE_integer('process', None, 'Which one this is, from 0.')
_WAIT = flags.DEFINE_integer(
  'wait', 50, 'Seconds until a process that is not heard of is given up.'
)
_STOPPED_STATUS = flags.DEFINE_integer(
  'stopped_status',
  0,
  'Exit status where the run was asked to stop before its end; what starts '
  'jobs again after failures alone needs another than 0.',
)

# Of a process that is not to blame: the same command may work again.
_LOST_STATUS = 75


def main(argv: list[str]) -> int:
  """Runs what the flags say; returns the exit status."""
  if len(argv) > 1:
    raise app.UsageError(f'got {" ".join(argv[1:])}; all arguments are flags')
  # Orbax and JAX tell of each thing that they do.
  absl_logging.set_verbosity(absl_logging.WARNING)
  keep_compiled_programs()
  if _MODE.value == 'plan':
    # What is planned for is somewhere else; what is here is left alone.
    jax.config.update('jax_platforms', 'cpu')
  if _DISTRIBUTED.value:
    # JAX ends the program when these run out, in words of its own and without
    # an exception; who reads them finds this above.
    place = ''
    if _COORDINATOR.value:
      place = (
        f' at {_COORDINATOR.value}, as process {_PROCESS.value} of '
        f'{_PROCESSES.value}'
      )
    print(
      f'main: waits for all processes{place}; if it ends here, one of them did '
      f'not start or was not reached within {_WAIT.value} s',
      file=sys.stderr,
      flush=True,
    )
    jax.distributed.initialize(
      coordinator_address=_COORDINATOR.value,
      num_processes=_PROCESSES.value,
      process_id=_PROCESS.value,
      initialization_timeout=_WAIT.value,
      heartbeat_timeout_seconds=_WAIT.value,
    )
  _report(jax.process_index() == 0)
  try:
    if _MODE.value == 'plan':
      _plan(_CONFIG.value, pathlib.Path(_WORKDIR.value))
      return 0
    if _MODE.value == 'evaluate':
      return _evaluate(_CONFIG.value, pathlib.Path(_WORKDIR.value))
    if _CONFIG.value.task == 'study':
      # What draws and builds takes seconds to import.
      from dave_jax.study import Study

      Study(_CONFIG.value, _WORKDIR.value).run()
    elif not train(_CONFIG.value, _WORKDIR.value):
      return _STOPPED_STATUS.value
  except (jax.errors.JaxRuntimeError, TimeoutError) as error:
    if jax.process_count() == 1:
      raise
    traceback.print_exc()
    print(f'main: lost a process, or a device: {error}', file=sys.stderr)
    sys.stderr.flush()
    # Ending as usual waits for all, and one is gone.
    os._exit(_LOST_STATUS)
  except (ValueError, OSError, NonFiniteError) as error:
    print(f'main: {error}', file=sys.stderr)
    return 1
  return 0


def _evaluate(config: ConfigDict, workdir: pathlib.Path) -> int:
  """Scores the best weights of a run; returns the exit status."""
  if config.task != 'saliency':
    raise ValueError(f'nothing to evaluate of the task {config.task!r}')
  test = parse_splits(config.data.test)
  if not test:
    raise ValueError('data.test names no set; name one, as NAME:SPLIT')
  for name, split in test:
    status = evaluate.main(
      [
        f'--data_dir={config.data.data_dir}',
        f'--dataset={name}',
        f'--split={split}',
        f'--checkpoint={workdir / "best"}',
        f'--out={workdir / "evaluation" / f"{name}-{split}"}',
        f'--alignment={config.data.alignment}',
        f'--dtype={config.model.dtype}',
        f'--process_index={jax.process_index()}',
        f'--process_count={jax.process_count()}',
        *config.evaluation.flags.split(),
      ]
    )
    if status:
      return status
  return 0


def _plan(config: ConfigDict, workdir: pathlib.Path) -> None:
  """Plans a run on a machine that is not at hand."""
  from dave_jax.planning.plan import make_plans
  from dave_jax.planning.report import write_plan

  if not _TOPOLOGY.value:
    raise ValueError(
      '--mode=plan needs a machine; name one, as --topology=v5e:4x4'
    )
  examples = {}
  for item in _EXAMPLES.value:
    field, _, count = item.partition('=')
    if not count.isdecimal() or field not in config.data:
      raise ValueError(
        f'got {item!r} in --examples, wanted FIELD=NUMBER, as images=10000'
      )
    examples[field] = int(count)
  for plan in make_plans(
    config, _TOPOLOGY.value, examples=examples, trials=_TRIALS.value
  ):
    text = write_plan(workdir, plan)
  print(text)


def _report(leads: bool) -> None:
  """Prints what this package reports; from other processes, what is wrong."""
  handler = logging.StreamHandler()
  handler.setFormatter(logging.Formatter('%(message)s'))
  logger = logging.getLogger('dave_jax')
  logger.addHandler(handler)
  logger.setLevel(logging.INFO if leads else logging.WARNING)
  logger.propagate = False


def run() -> None:
  """Parses the command line and runs `main`."""
  if sys.argv[1:] == ['--version']:
    print(VERSION)
    return
  flags.mark_flags_as_required(['config', 'workdir'])
  app.run(main)


if __name__ == '__main__':
  run()
