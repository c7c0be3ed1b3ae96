"""The lock of a run's folder, and the checks of a resumed run."""

import json
import os
import signal
import socket
import subprocess
import sys
import types

import pytest

from dave_jax.training import workdir as run_folder
from dave_jax.training.metrics import NonFiniteError
from tests.runs import ROOT, tiny_config


def test_second_run_is_refused_with_process_and_host_of_the_first(tmp_path):
  with run_folder.lock(tmp_path):
    with (
      pytest.raises(OSError, match='is in use by process') as error,
      run_folder.lock(tmp_path),
    ):
      pass
    assert f'process {os.getpid()} on host {socket.gethostname()}' in str(
      error.value
    )
    assert 'use another --workdir' in str(error.value)
  with run_folder.lock(tmp_path):
    pass  # Free again.


def test_refused_run_keeps_the_name_of_the_first_one(tmp_path):
  """Opening the file for the second attempt must not empty it."""
  with run_folder.lock(tmp_path):
    for _ in range(2):
      with (
        pytest.raises(OSError, match=f'process {os.getpid()} on'),
        run_folder.lock(tmp_path),
      ):
        pass


@pytest.mark.slow
def test_killed_run_leaves_no_lock(tmp_path, environment):
  script = (
    'import sys, time\n'
    'from dave_jax.training import workdir\n'
    'with workdir.lock(sys.argv[1]):\n'
    '  print("locked", flush=True)\n'
    '  time.sleep(600)\n'
  )
  with subprocess.Popen(
    [sys.executable, '-c', script, tmp_path],
    cwd=ROOT,
    env=environment,
    stdout=subprocess.PIPE,
    text=True,
  ) as process:
    assert process.stdout.readline() == 'locked\n'
    with (
      pytest.raises(OSError, match=f'process {process.pid} on'),
      run_folder.lock(tmp_path),
    ):
      pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with run_folder.lock(tmp_path):
      pass


def test_file_system_without_locks_is_warned_about(
  tmp_path, monkeypatch, caplog
):
  def flock(*_):
    raise OSError('no locks available')

  monkeypatch.setattr(run_folder.fcntl, 'flock', flock)
  with run_folder.lock(tmp_path):
    pass
  assert 'this file system has no locks' in caplog.text


def _started(workdir, *configs, step=0, steps=100):
  """Writes runs.jsonl as starts with some configs leave it."""
  rows = [
    {'step': 0 if not n else step, 'steps': steps, 'config': c.to_dict()}
    for n, c in enumerate(configs)
  ]
  text = ''.join(json.dumps(row) + '\n' for row in rows)
  (workdir / 'runs.jsonl').write_text(text)


def _check(workdir, *, steps=100, **overrides):
  return run_folder.check_config(workdir, tiny_config(**overrides), steps=steps)


def test_same_config_has_no_differences(tmp_path):
  _started(tmp_path, tiny_config())
  assert _check(tmp_path) == []


@pytest.mark.parametrize(
  ('field', 'value', 'line'),
  [
    ('data.alignment', 'causal', "data.alignment: was 'exact', is 'causal'"),
    ('data.flip', 0.0, 'data.flip: was 0.5, is 0.0'),
    ('loss.cc', 0.5, 'loss.cc: was 0.0, is 0.5'),
    ('start.network', 'other', "start.network: was '', is 'other'"),
    ('seed', 7, 'seed: was 0, is 7'),
    ('task', 'other', "task: was 'saliency', is 'other'"),
    ('model.width', 8, 'model.width: was 2, is 8'),
    ('train.schedule', 'epochs', "train.schedule: was 'steps', is 'epochs'"),
    ('evaluation.scoring.scores', 'NSS', "is 'NSS'"),
    ('optimizer.learning_rate', 1.0, 'is 1.0'),
  ],
)
def test_changes_of_meaning_are_refused_unless_allowed(
  field, value, line, tmp_path
):
  _started(tmp_path, tiny_config())
  with pytest.raises(ValueError, match='the config has changed') as error:
    _check(tmp_path, **{field: value})
  assert line in str(error.value)
  assert '--config.allow_changes' in str(error.value)
  (found,) = _check(tmp_path, **{field: value, 'allow_changes': True})
  assert line in found


@pytest.mark.parametrize(
  ('field', 'value'),
  [
    ('log.every', 7),
    ('checkpoint.every', 7),
    ('mesh.shard_optimizer', True),
    ('data.workers', 2),
    ('data.data_dir', 'elsewhere'),
    ('train.routing', 'static'),
  ],
)
def test_other_changes_are_printed_only(field, value, tmp_path):
  _started(tmp_path, tiny_config())
  (line,) = _check(tmp_path, **{field: value})
  assert line.startswith(f'{field}: was ')


def test_run_may_get_longer_but_not_shorter(tmp_path):
  _started(tmp_path, tiny_config(**{'train.steps': 100}))
  (line,) = _check(tmp_path, steps=200, **{'train.steps': 200})
  assert line == 'train.steps: was 100, is 200'
  with pytest.raises(ValueError, match=r'train\.steps: was 100, is 50'):
    _check(tmp_path, steps=50, **{'train.steps': 50})


def test_allowed_change_stays_allowed_and_printed(tmp_path):
  """Refused is what differs from the last start, printed from the first."""
  changed = tiny_config(**{'loss.cc': 0.5})
  _started(tmp_path, tiny_config(), changed, step=10)
  assert _check(tmp_path, **{'loss.cc': 0.5}) == ['loss.cc: was 0.0, is 0.5']
  with pytest.raises(ValueError, match=r'loss\.cc: was 0\.5, is 0\.0'):
    _check(tmp_path)


def test_start_from_scratch_makes_earlier_starts_irrelevant(tmp_path):
  _started(tmp_path, tiny_config(seed=1), tiny_config(), step=0)
  assert _check(tmp_path) == []


def test_incomplete_row_is_skipped(tmp_path):
  _started(tmp_path, tiny_config())
  with (tmp_path / 'runs.jsonl').open('a') as file:
    file.write('{"step": 5, "con')
  assert _check(tmp_path) == []


def test_missing_rows_are_reported(tmp_path):
  (line,) = _check(tmp_path)
  assert 'found no config of an earlier start' in line


def _guarded(workdir, error=None, *, latest=4, **overrides):
  checkpoints = types.SimpleNamespace(latest=latest)
  with run_folder.nonfinite_guard(
    workdir, tiny_config(**overrides), checkpoints
  ):
    if error:
      raise error


def test_nan_is_not_repeated(tmp_path):
  with pytest.raises(NonFiniteError) as first:
    _guarded(tmp_path, NonFiniteError(5, 'the loss is nan at step 5'))
  assert 'the loss is nan at step 5' in str(first.value)
  assert 'step 4 is finite, but may already hold' in str(first.value)
  with pytest.raises(NonFiniteError, match='the last start ended like this'):
    _guarded(tmp_path)


@pytest.mark.parametrize(
  'change', [{'latest': 2}, {'latest': None}, {'optimizer.clip_norm': 1.0}]
)
def test_another_start_after_nan_is_not_refused(change, tmp_path):
  with pytest.raises(NonFiniteError):
    _guarded(tmp_path, NonFiniteError(5, 'nan'))
  _guarded(tmp_path, **change)
  _guarded(tmp_path)  # The record is gone.


def test_broken_nan_record_says_what_to_do(tmp_path):
  (tmp_path / 'nonfinite.json').write_text('[]')
  with pytest.raises(ValueError, match='delete the file'):
    _guarded(tmp_path)
