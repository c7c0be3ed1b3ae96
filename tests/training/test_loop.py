"""The training loop, with a task that needs no network."""

import json

import numpy as np
import pytest

from dave_jax import train as loop
from dave_jax.training import metrics
from dave_jax.training import workdir as run_folder
from dave_jax.training.metrics import NonFiniteError
from tests.runs import final_leaves, rows_of, step_of, tiny_config
from tests.training.toy_task import ToyTask


@pytest.fixture
def run(monkeypatch, tmp_path):
  """Trains a ToyTask in a folder and returns it."""

  def call(*, workdir=tmp_path, config=(), **fields):
    task = ToyTask(**fields)
    monkeypatch.setattr(loop, 'make_task', lambda config, mesh: task)
    overrides = {'train.steps': task.steps, 'checkpoint.every': 1}
    loop.train(tiny_config(**overrides | dict(config)), workdir)
    return task

  return call


def _saved(workdir):
  return sorted(step_of(p) for p in (workdir / 'checkpoints').iterdir())


def test_resumed_run_ends_like_one_that_was_not_stopped(run, tmp_path):
  """Each step adds its number: 1 + 2 + ... + 6 = 21."""
  run(steps=6, workdir=tmp_path / 'whole')
  run(steps=3, workdir=tmp_path / 'stopped')
  run(steps=6, workdir=tmp_path / 'stopped')
  whole, stopped = (tmp_path / name for name in ('whole', 'stopped'))
  assert rows_of(stopped) == rows_of(whole)
  found, expected = final_leaves(stopped), final_leaves(whole)
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    assert value.tobytes() == found[path].tobytes(), path
  np.testing.assert_array_equal(found["['params']['a']['kernel']"], [21, 21])


@pytest.mark.parametrize('spoilt', ['loss', 'gradient_norm', 'params'])
def test_nan_is_not_saved(spoilt, run, tmp_path):
  with pytest.raises(NonFiniteError) as error:
    run(steps=6, spoil={3: spoilt})
  assert error.value.step == 3
  assert _saved(tmp_path) == [1, 2]
  said = str(error.value)
  assert 'the checkpoint of step 2 is finite, but may already hold' in said
  expected = {
    'loss': 'the loss is nan at step 3; its batch (images):\n  images 3',
    'gradient_norm': 'the gradient norm is nan at step 3',
    'params': '1 arrays hold NaN or infinity after step 3: params/a/kernel',
  }
  assert expected[spoilt] in said


def test_nan_is_not_evaluated_either(run, tmp_path):
  with pytest.raises(NonFiniteError):
    run(
      steps=6,
      best='set/NSS',
      spoil={4: 'params'},
      config={'evaluation.every': 4, 'checkpoint.every': 100},
    )
  assert not (tmp_path / 'best').exists()
  assert not (tmp_path / 'validation.jsonl').exists()


def test_start_that_would_repeat_a_nan_is_refused(run, tmp_path):
  with pytest.raises(NonFiniteError):
    run(steps=6, spoil={3: 'loss'})
  with pytest.raises(NonFiniteError, match='the last start ended like this'):
    run(steps=6)
  assert _saved(tmp_path) == [1, 2]
  # As the message says.
  changes = {'optimizer.clip_norm': 1.0, 'allow_changes': True}
  run(steps=6, config=changes)
  assert _saved(tmp_path) == [5, 6]


def test_data_and_writers_are_closed_after_a_nan(run, monkeypatch):
  closed = []
  close = metrics.Writers.close
  monkeypatch.setattr(
    metrics.Writers, 'close', lambda self: closed.append(close(self))
  )
  tasks = []
  monkeypatch.setattr(
    ToyTask, 'examples', lambda self, *_: tasks.append(self) or []
  )
  with pytest.raises(NonFiniteError):
    run(steps=6, spoil={3: 'loss'})
  assert len(closed) == 1
  assert tasks[0].data.closed


def test_run_without_validation_leaves_its_last_weights(run, tmp_path):
  run(steps=4)
  origin = json.loads((tmp_path / 'last' / 'model.json').read_text())['origin']
  assert origin['step'] == 4
  assert not (tmp_path / 'best').exists()


def test_run_with_validation_leaves_its_best_weights(run, tmp_path):
  task = run(steps=4, best='set/NSS', config={'evaluation.every': 2})
  assert task.calls == ['evaluate 2', 'evaluate 4']
  origin = json.loads((tmp_path / 'best' / 'model.json').read_text())['origin']
  assert origin == {'step': 4, 'scores': {'set/NSS': 4.0}}
  assert not (tmp_path / 'last').exists()


def test_second_run_on_a_workdir_is_refused(run, tmp_path):
  run(steps=2)
  before = rows_of(tmp_path)
  with (
    run_folder.lock(tmp_path),
    pytest.raises(OSError, match='is in use by process'),
  ):
    run(steps=4)
  assert rows_of(tmp_path) == before
  assert _saved(tmp_path) == [1, 2]


@pytest.mark.parametrize(
  'change',
  [
    {'data.alignment': 'causal'},
    {'data.flip': 0.0},
    {'loss.cc': 1.0},
    {'start.network': 'other'},
  ],
)
def test_resumed_run_with_another_config_is_refused(change, run, tmp_path):
  run(steps=2)
  with pytest.raises(ValueError, match='the config has changed'):
    run(steps=4, config=change)
  assert len((tmp_path / 'runs.jsonl').read_text().splitlines()) == 1
  run(steps=4, config=change | {'allow_changes': True})
  assert _saved(tmp_path) == [3, 4]


def test_resumed_run_prints_what_differs(run, caplog):
  caplog.set_level('INFO', 'dave_jax')
  run(steps=2)
  caplog.clear()
  run(steps=4, config={'log.every': 2})
  assert 'log.every: was 1, is 2' in caplog.messages
  assert 'train.steps: was 2, is 4' in caplog.messages
