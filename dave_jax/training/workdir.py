"""A run's folder: the process that uses it, and the config it started with.

WORKDIR/lock              held by the run; names its process and host
WORKDIR/nonfinite.json    the last NaN or infinity that ended the run
"""

import contextlib
import datetime
import fcntl
import json
import logging
import os
import pathlib
import socket
from collections.abc import Iterator

import jax
import numpy as np
from flax import traverse_util
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from dave_jax.files import write_json
from dave_jax.training.checkpoints import Checkpoints
from dave_jax.training.metrics import NonFiniteError

_LOG = logging.getLogger(__name__)

# Fields, or prefixes of fields, that do not change what a row of a run means.
_FREE = (
  'checkpoint.',
  'data.data_dir',
  'data.prefetch',
  'data.test',
  'data.workers',
  'evaluation.batch_size',
  'evaluation.every',
  'evaluation.test.',
  'log.',
  'mesh.',
  'model.lax_kernels',
  'model.rematerialise',
  'profile.',
  'train.routing',
)
_LENGTH = ('train.epochs', 'train.steps')


@contextlib.contextmanager
def lock(workdir: str | os.PathLike) -> Iterator[None]:
  """Keeps other runs out of a folder. All processes of a run must call it.

  Process 0 takes a lock that the operating system releases when the process
  ends, also when it is killed. On a file system without locks it only warns.

  Raises:
    OSError: Another run uses the folder, or it cannot be written.
  """
  workdir = pathlib.Path(workdir)
  with contextlib.ExitStack() as stack:
    refused = None
    if jax.process_index() == 0:
      workdir.mkdir(parents=True, exist_ok=True)
      file = stack.enter_context((workdir / 'lock').open('a+'))
      refused = _try_lock(workdir, file)
    raise_in_all(refused, workdir)
    yield


def raise_in_all(refused: str | None, workdir: str | os.PathLike) -> None:
  """Ends all processes of a run that cannot have its folder.

  Args:
    refused: Why process 0 could not lock it, or None; of other processes, None.
    workdir: The folder.

  Raises:
    BlockingIOError: Process 0 could not.
  """
  if jax.process_count() > 1:
    status = np.int32(refused is not None)
    if multihost_utils.broadcast_one_to_all(status) and not refused:
      refused = f'process 0 could not lock {workdir}; its message says why'
  if refused:
    raise BlockingIOError(refused)


def check_config(
  workdir: str | os.PathLike, config: ConfigDict, *, steps: int
) -> list[str]:
  """Compares the config of a resumed run with the one it started with.

  Args:
    workdir: Folder of the run.
    config: Config of this start. If `allow_changes` is set, nothing is refused.
    steps: Number of steps of the whole run.

  Returns:
    A line for each field that differs from the start of the run.

  Raises:
    ValueError: A field has changed since the last start that changes the
      meaning of the rows that the run writes.
  """
  rows = _starts(pathlib.Path(workdir) / 'runs.jsonl')
  if not rows:
    return [f'{workdir}: found no config of an earlier start to compare with']
  first = max(n for n, row in enumerate(rows) if not n or row['step'] == 0)
  current = _as_json(config)
  changed = _differences(rows[-1]['config'], current)
  refused = [
    line
    for field, line in changed.items()
    if not field.startswith(_FREE)
    and not (field in _LENGTH and steps >= rows[-1]['steps'])
  ]
  if refused and not config.allow_changes:
    raise ValueError(
      f'{workdir}: the config has changed since the last start of this run, so '
      'that its rows would no longer mean the same:\n  '
      + '\n  '.join(refused)
      + '\nuse the values of the last start, another workdir, or '
      '--config.allow_changes to continue with the new values'
    )
  return list(_differences(rows[first]['config'], current).values())


@contextlib.contextmanager
def nonfinite_guard(
  workdir: str | os.PathLike, config: ConfigDict, checkpoints: Checkpoints
) -> Iterator[None]:
  """Records a NaN or infinity that ends the block, and refuses to repeat it.

  All processes must call it. A run is deterministic: the same config from the
  same checkpoint computes the same again.

  Raises:
    NonFiniteError: In the block, or at the last start, which had the same
      config and checkpoint.
  """
  path = pathlib.Path(workdir) / 'nonfinite.json'
  _refuse_repetition(path, config, checkpoints.latest)
  try:
    yield
  except NonFiniteError as error:
    latest = checkpoints.latest
    start = 'there is no checkpoint'
    if latest is not None:
      start = (
        f'the checkpoint of step {latest} is finite, but may already hold what '
        'caused this'
      )
    message = (
      f'{error}\nStopped before saving; {start}. The same config would compute '
      'the same again, so the next start is refused unless you\n'
      '  lower optimizer.learning_rate or set optimizer.clip_norm, with '
      '--config.allow_changes,\n'
      '  delete the newest folders in checkpoints/ of the workdir to go back '
      'further, or\n'
      f'  delete {path.name} there to try the same again, in case a device was '
      'at fault.'
    )
    if jax.process_index() == 0:
      record = {'step': error.step, 'latest': latest, 'message': message}
      write_json(path, record | {'config': _as_json(config)})
    raise NonFiniteError(error.step, message) from error


def _refuse_repetition(path, config, latest):
  try:
    record = json.loads(path.read_text())
    same = (record['latest'], record['config']) == (latest, _as_json(config))
    step, message = record['step'], record['message']
  except FileNotFoundError:
    same = False
  except (ValueError, KeyError, TypeError) as error:
    raise ValueError(
      f'{path}: expected a record of NaN or infinity, got something else '
      f'({error!r}); delete the file'
    ) from error
  if same:
    raise NonFiniteError(step, f'the last start ended like this:\n{message}')
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices('nonfinite.json read')
  if jax.process_index() == 0:
    path.unlink(missing_ok=True)


def _try_lock(workdir, file) -> str | None:
  """Locks a file; returns why another run prevents it."""
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    file.seek(0)
    holder = file.read().strip() or 'another process'
    return (
      f'{workdir} is in use by {holder}; wait until it ends or stop it, or use '
      'another --workdir'
    )
  except OSError as error:
    _LOG.warning(
      '%s: this file system has no locks (%s); do not start a second run there',
      workdir,
      error,
    )
    return None
  file.truncate(0)
  time = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
  file.write(
    f'process {os.getpid()} on host {socket.gethostname()} since {time}\n'
  )
  file.flush()
  return None


def _starts(path):
  """Returns the rows of earlier starts, without incomplete ones."""
  rows = []
  if path.exists():
    for line in path.read_text().splitlines():
      with contextlib.suppress(ValueError):
        rows.append(json.loads(line))
  return [row for row in rows if {'step', 'steps', 'config'} <= row.keys()]


def _as_json(config):
  fields = json.loads(json.dumps(config.to_dict()))
  del fields['allow_changes']
  return fields


def _differences(then, now):
  """Returns {field: line} of the fields of both configs that differ."""
  then, now = (traverse_util.flatten_dict(c, sep='.') for c in (then, now))
  return {
    field: f'{field}: was {value!r}, is {now[field]!r}'
    for field, value in then.items()
    if field in now and now[field] != value
  }
