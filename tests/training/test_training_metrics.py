"""Rows, progress lines and the NaN check."""

import json
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training import metrics as progress_lib
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
  return MetricBuffer(_Task(), types.SimpleNamespace(train=rows.extend))


def _add(buffer, step, loss):
  batch = {'frames': np.zeros((2, 1, 8, 8, 3)), 'frame': np.array([step, 7])}
  buffer.add(step, 'images', batch, {'loss': jnp.float32(loss)})


def test_steps_are_asked_for_once_when_rows_are_wanted(monkeypatch):
  asked = []
  fetch = jax.device_get
  monkeypatch.setattr(jax, 'device_get', lambda x: asked.append(x) or fetch(x))
  rows = []
  buffer = _buffer(rows)
  for step, loss in ((1, 2.0), (2, 4.0), (3, 6.0)):
    _add(buffer, step, loss)
  assert (asked, rows) == ([], [])
  assert buffer.flush() == 4.0
  assert len(asked) == 1
  assert [(row['step'], row['loss']) for row in rows] == [
    (1, 2.0),
    (2, 4.0),
    (3, 6.0),
  ]
  assert buffer.flush() is None


def test_loss_that_is_no_number_is_told_with_its_step_and_examples():
  rows = []
  buffer = _buffer(rows)
  _add(buffer, 1, 1.0)
  _add(buffer, 2, float('nan'))
  with pytest.raises(NonFiniteError, match='step 2 is nan') as error:
    buffer.flush()
  assert 'images 2\n  images 7' in str(error.value)
  assert [row['step'] for row in rows] == [1, 2]


def _rows(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_after_the_step_that_a_run_goes_on_from_are_taken_back(tmp_path):
  writers = Writers(tmp_path, step=0)
  writers.train({'step': n, 'loss': 1.0} for n in range(1, 6))
  writers.validation({'step': 4, 'NSS': 1.0})
  writers.close()
  with (tmp_path / 'train.jsonl').open('a') as file:
    file.write('{"step": 6, "lo')  # Killed while it wrote.
  writers = Writers(tmp_path, step=3)
  writers.train([{'step': 4, 'loss': 2.0}])
  writers.close()
  assert [row['step'] for row in _rows(tmp_path / 'train.jsonl')] == [
    1,
    2,
    3,
    4,
  ]
  assert _rows(tmp_path / 'validation.jsonl') == []


def test_numbers_that_are_none_become_null(tmp_path):
  """JSON knows no NaN."""
  writers = Writers(tmp_path, step=0)
  writers.validation({'step': 1, 'NSS': float('nan')})
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
  """A clock that stands still: add to its one element."""
  now = [100.0]
  monkeypatch.setattr(progress_lib.time, 'perf_counter', lambda: now[0])
  return now


def test_rate_and_time_left_are_of_the_steps_since_the_line_before(clock):
  """By hand: 5 steps of 4 in 10 s are 2 a second; 90 more take 180 s."""
  progress = Progress(first=0, last=100, batch_size=4)
  clock[0] += 1000
  progress.line(5, 'images', 1.0)
  clock[0] += 10
  assert progress.line(10, 'audio_visual', 0.25) == (
    'step 10/100 (10.0%)  audio_visual  loss 0.2500  2 examples/s  '
    'data 0%  0:03:00 left'
  )


def test_pauses_do_not_count_and_waiting_is_a_share_of_the_rest(clock):
  """By hand: of 50 s 40 were a pause, of the other 10 data took 2."""
  progress = Progress(first=0, last=20, batch_size=1)
  clock[0] += 50
  progress.paused(40)
  progress.waited(2)
  line = progress.line(10, 'images', 1.0)
  assert '  1 examples/s  data 20%  0:00:10 left' in line
  # Neither is carried over.
  clock[0] += 10
  line = progress.line(20, 'images', 1.0)
  assert '  1 examples/s  data 0%  0:00:00 left' in line


def test_a_run_that_goes_on_counts_its_own_steps(clock):
  progress = Progress(first=90, last=100, batch_size=2)
  clock[0] += 5
  line = progress.line(95, 'images', 1.0)
  assert line.startswith('step 95/100 (95.0%)')
  assert re.search(r'  2 examples/s  .*  0:00:05 left$', line)


def test_no_step_has_no_rate(clock):
  line = Progress(first=3, last=9, batch_size=2).line(3, 'images', 1.0)
  assert '  0 examples/s  data 0%  0:00:00 left' in line


def test_others_wait_for_the_process_that_waits_least(clock, monkeypatch):
  """By hand: of 10 s three were blocked for 8, 2 and 5: 6, 0 and 3 too long."""
  others = np.array([[0.4, 0.2], [0.1, 0.5]], np.float32)
  monkeypatch.setattr(progress_lib.jax, 'process_count', lambda: 3)
  monkeypatch.setattr(
    progress_lib.multihost_utils,
    'process_allgather',
    lambda mine: np.stack([mine, *others]),
  )
  progress = Progress(first=0, last=10, batch_size=3)
  clock[0] += 10
  progress.waited(1)
  progress.blocked(8)
  line = progress.line(5, 'images', 1.0)
  assert '  data 20%  stragglers 30% (process 1)  0:00:10 left' in line
  assert progress.figures == pytest.approx(
    {'examples_per_second': 1.5, 'data': 0.2, 'stragglers': 0.3, 'last': 1}
  )
