"""Errors of the pipeline: settings that do not fit, and damaged data."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from dave_jax.data.transforms import DataError
from tests.data import sets
from tests.data.reading import take, train


@pytest.mark.parametrize(
  ('changes', 'named'),
  [
    ({'seed': 4}, 'seed was 3, is 4'),
    ({'batch_size': 6}, 'batch_size was 12, is 6'),
    ({'stride': 2}, 'stride was 1, is 2'),
    ({'random_frames': True}, 'random_frames was False, is True'),
    ({'weights': [1]}, r'weights was None, is \[1.0\]'),
  ],
)
def test_a_position_of_another_order_is_refused(videos, changes, named):
  state = train(videos).state()
  with pytest.raises(ValueError, match=named):
    train(videos, **changes).restore(state)


def test_a_position_of_other_data_is_refused(stills, few_stills):
  with pytest.raises(ValueError, match=r'data was .*stills.*, is .*few'):
    train(few_stills).restore(train(stills).state())
  with pytest.raises(ValueError, match='of another order of examples'):
    train(stills).restore({'batch': 3})


def test_stills_are_not_mixed_with_videos(videos, stills):
  with pytest.raises(ValueError, match='got both'):
    train(videos, stills)


def test_uneven_batches_are_refused(videos):
  with pytest.raises(
    ValueError, match='divisible by 5 processes; use 10 or 15'
  ):
    train(videos, process_count=5)
  with pytest.raises(ValueError, match='process_index of 0 to 1, got 2'):
    train(videos, process_index=2, process_count=2)


@pytest.mark.parametrize(
  'workers', [0, pytest.param(1, marks=pytest.mark.slow)]
)
def test_a_damaged_frame_stops_training_with_its_name(tmp_path, workers):
  clip = sets.make_clip('hurt', frames=20)
  clip._jpegs[7] = clip._jpegs[7][:200]
  dataset = sets.write_set(tmp_path, 'hurt', [clip])
  with pytest.raises(
    DataError,
    match=r'made/hurt, train: clip hurt, frame 7 .* build it again',
  ):
    take(train(dataset, workers=workers), 5)


_KILLED = """
import multiprocessing, os, signal, sys
from dave_jax.data.pipeline import train_batches
from dave_jax.datasets.store import open_dataset
from tests.data.reading import TRAINING, split_settings

if __name__ == '__main__':
  dataset = open_dataset(sys.argv[1], 'made/stills')
  settings = TRAINING | {'workers': 1, 'prefetch': 1}
  batches = train_batches([(dataset, 'train')], **split_settings(settings))
  next(batches)
  (worker,) = multiprocessing.active_children()
  print(worker.pid, flush=True)
  os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(stills, data_dir, tmp_path):
  script = tmp_path / 'killed.py'
  script.write_text(_KILLED)
  root = pathlib.Path(__file__).resolve().parents[2]
  run = subprocess.run(
    [sys.executable, script, data_dir],
    env=os.environ | {'PYTHONPATH': str(root)},
    stdout=subprocess.PIPE,
    text=True,
    check=False,
  )
  assert run.returncode == -signal.SIGTERM
  worker = int(run.stdout.split()[-1])
  for _ in range(100):
    try:
      os.kill(worker, 0)
    except ProcessLookupError:
      return
    time.sleep(0.1)
  pytest.fail(f'worker {worker} is still there after 10 s')
