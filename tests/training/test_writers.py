"""What is left of a run that was cut off."""

import json

import numpy as np

from dave_jax.training.writers import Writers


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
