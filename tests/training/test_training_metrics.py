"""Rows, progress lines and the check for NaN."""

import json
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training import metrics as metrics_lib
from dave_jax.training.metrics import (
  MetricBuffer,
  NonFiniteError,
  Progress,
  Writers,
)


class _Task:
  def examples(self, stream, batch):
    return [f'{stream} {number}' for number in batch['frame']]


def _buffer(rows):
  def write(group, *new):
    assert group == 'train'
    rows.extend(new)

  return MetricBuffer(_Task(), types.SimpleNamespace(write=write))


def _add(buffer, step, loss, gradient_norm=1.0):
  batch = {'frames': np.zeros((2, 1, 8, 8, 3)), 'frame': np.array([step, 7])}
  metrics = {'loss': loss, 'gradient_norm': gradient_norm}
  buffer.add(step, 'images', batch, jax.tree.map(jnp.float32, metrics))


def test_metrics_of_several_steps_are_fetched_at_once(monkeypatch):
  fetched = []
  get = jax.device_get
  monkeypatch.setattr(jax, 'device_get', lambda x: fetched.append(x) or get(x))
  rows = []
  buffer = _buffer(rows)
  for step, loss in ((1, 2.0), (2, 4.0), (3, 6.0)):
    _add(buffer, step, loss)
  assert (fetched, rows) == ([], [])
  assert buffer.flush() == 4.0  # The mean of 2, 4 and 6.
  assert len(fetched) == 1
  assert [(row['step'], row['loss']) for row in rows] == [
    (1, 2.0),
    (2, 4.0),
    (3, 6.0),
  ]
  assert buffer.flush() is None


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@pytest.mark.parametrize('name', ['loss', 'gradient_norm'])
def test_step_with_nan_or_infinity_is_named_with_its_examples(name, value):
  rows = []
  buffer = _buffer(rows)
  _add(buffer, 1, 1.0)
  _add(buffer, 2, **{'loss': 1.0, name: value})
  shown = name.replace('_', ' ')
  with pytest.raises(
    NonFiniteError, match=f'the {shown} is {value} at step 2'
  ) as error:
    buffer.flush()
  assert 'images 2\n  images 7' in str(error.value)
  assert [row['step'] for row in rows] == [1, 2]


def test_arrays_of_the_state_with_nan_are_named():
  state = {'a': {'x': jnp.ones(3), 'y': jnp.array([1, jnp.inf])}}
  buffer = _buffer([])
  with pytest.raises(NonFiniteError, match='after step 3: a/y'):
    buffer.check(3, state)
  state['a'].pop('y')
  buffer.check(3, state)


def _rows(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_after_the_resumed_step_are_removed(tmp_path):
  writers = Writers(tmp_path, step=0)
  writers.write('train', *({'step': n, 'loss': 1.0} for n in range(1, 6)))
  writers.write('validation', {'step': 4, 'NSS': 1.0})
  writers.close()
  with (tmp_path / 'train.jsonl').open('a') as file:
    file.write('{"step": 6, "lo')  # Killed while it wrote.
  writers = Writers(tmp_path, step=3)
  writers.write('train', {'step': 4, 'loss': 2.0})
  writers.close()
  rows = _rows(tmp_path / 'train.jsonl')
  assert [row['step'] for row in rows] == [1, 2, 3, 4]
  assert _rows(tmp_path / 'validation.jsonl') == []


def test_nan_becomes_null(tmp_path):
  """JSON has no NaN."""
  writers = Writers(tmp_path, step=0)
  writers.write('validation', {'step': 1, 'NSS': float('nan')})
  writers.close()
  assert _rows(tmp_path / 'validation.jsonl') == [{'step': 1, 'NSS': None}]


def test_pictures_and_curves_are_written(tmp_path):
  writers = Writers(tmp_path, step=0)
  writers.pictures(7, {'set:val/0': np.zeros((4, 6, 3), np.uint8)})
  writers.close()
  assert (tmp_path / 'pictures' / '00000007' / 'set-val-0.png').exists()
  (events,) = (tmp_path / 'tensorboard').iterdir()
  assert events.stat().st_size > 100


@pytest.fixture
def clock(monkeypatch):
  """A list whose one element is the time in seconds."""
  now = [100.0]
  monkeypatch.setattr(metrics_lib.time, 'perf_counter', lambda: now[0])
  return now


def test_rate_and_time_left_follow_from_the_steps_since_the_last_line(clock):
  """5 steps of 4 examples in 10 s are 2 a second; 90 more steps take 180 s."""
  progress = Progress(first=0, last=100, batch_size=4)
  clock[0] += 1000
  progress.line(5, 'images', 1.0)
  clock[0] += 10
  assert progress.line(10, 'audio_visual', 0.25) == (
    'step 10/100 (10.0%)  audio_visual  loss 0.2500  2 examples/s  '
    'data 0%  0:03:00 left'
  )


def test_pauses_are_excluded_and_waiting_is_a_fraction_of_the_rest(clock):
  """40 of 50 s were a pause; data took 2 of the other 10."""
  progress = Progress(first=0, last=20, batch_size=1)
  clock[0] += 50
  progress.paused(40)
  progress.waited(2)
  line = progress.line(10, 'images', 1.0)
  assert '  1 examples/s  data 20%  0:00:10 left' in line
  # Neither carries over to the next line.
  clock[0] += 10
  line = progress.line(20, 'images', 1.0)
  assert '  1 examples/s  data 0%  0:00:00 left' in line


def test_resumed_run_counts_its_own_steps(clock):
  progress = Progress(first=90, last=100, batch_size=2)
  clock[0] += 5
  line = progress.line(95, 'images', 1.0)
  assert line.startswith('step 95/100 (95.0%)')
  assert re.search(r'  2 examples/s  .*  0:00:05 left$', line)


def test_no_steps_have_a_rate_of_zero(clock):
  line = Progress(first=3, last=9, batch_size=2).line(3, 'images', 1.0)
  assert '  0 examples/s  data 0%  0:00:00 left' in line


def test_straggler_is_the_process_that_is_blocked_least(clock, monkeypatch):
  """Of 10 s, three processes were blocked for 8, 2 and 5: 6, 0 and 3 more."""
  others = np.array([[0.4, 0.2], [0.1, 0.5]], np.float32)
  monkeypatch.setattr(metrics_lib.jax, 'process_count', lambda: 3)
  monkeypatch.setattr(
    metrics_lib.multihost_utils,
    'process_allgather',
    lambda own: np.stack([own, *others]),
  )
  progress = Progress(first=0, last=10, batch_size=3)
  clock[0] += 10
  progress.waited(1)
  progress.blocked(8)
  line = progress.line(5, 'images', 1.0)
  assert '  data 20%  stragglers 30% (process 1)  0:00:10 left' in line
  assert progress.metrics == pytest.approx(
    {'examples_per_second': 1.5, 'data': 0.2, 'stragglers': 0.3, 'last': 1}
  )
