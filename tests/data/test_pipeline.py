"""Tests of the order of batches, over processes, workers and stops."""

import collections
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dave_jax.data.augmentation import BrightnessContrast, HorizontalFlip
from dave_jax.data.batches import batch_shapes
from dave_jax.data.fake import fake_batches
from dave_jax.data.pipeline import evaluation_batches, train_batches
from dave_jax.data.transforms import DataError
from tests.data import sets
from tests.media.clips import number

READING = {
  'alignment': 'exact',
  'strip_frames': 128,
  'sigma': None,
  'fixation_map': True,
  'process_index': 0,
  'process_count': 1,
  'workers': 0,
  'prefetch': 0,
}
TRAINING = READING | {
  'batch_size': 12,
  'seed': 3,
  'stride': 1,
  'random_frames': False,
  'augmentations': (),
  'weights': None,
  'start_batch': 0,
}
AUGMENTATIONS = (HorizontalFlip(0.5), BrightnessContrast(0.1, 0.1))
# What has a fixation: 50 frames, 14, and 20.
EXAMPLES = 84


def train(*datasets, **changes):
  sources = [(dataset, 'train') for dataset in datasets]
  return train_batches(sources, **TRAINING | changes)


def evaluate(dataset, split='train', **changes):
  settings = {'batch_size': 12, 'stride': 1, 'fixated_only': False}
  return evaluation_batches(dataset, split, **READING | settings | changes)


def take(batches, count):
  with_end = [next(batches) for _ in range(count)]
  batches.close()
  return with_end


def windows_in(batches):
  """Returns (source, clip, frame) of each row."""
  return [
    tuple(int(value) for value in row)
    for batch in batches
    for row in zip(
      *(batch[k] for k in ('source', 'clip', 'frame')), strict=True
    )
  ]


def assert_same(batches, others):
  assert len(batches) == len(others)
  for batch, other in zip(batches, others, strict=True):
    assert batch.keys() == other.keys()
    for key in batch:
      np.testing.assert_array_equal(batch[key], other[key], err_msg=key)


def test_known_fixations_come_out_at_frame_pixel_and_cell(tmp_path):
  # Each picture is black but for a white square at its fixation and a blue one
  # in the lower left corner, which tells what was flipped.
  h, w = sets.FRAME_SIZE
  pictures = np.zeros((20, h, w, 3), np.uint8)
  pictures[:, -8:, :8, 2] = 255
  places = []
  for frame in range(20):
    x, y = sets.fixation_at(frame)
    row, column = int(y * h / sets.SIZE[0]), int(x * w / sets.SIZE[1])
    places.append((row, column))
    square = pictures[frame, max(0, row - 2) : row + 3]
    square[:, max(0, column - 2) : column + 3] = 255
  dataset = sets.write_set(
    tmp_path, 'dots', [sets.make_clip('dots', frames=20, pictures=pictures)]
  )
  seen = collections.Counter()
  for batch in take(train(dataset, augmentations=(HorizontalFlip(0.5),)), 5):
    for i, frame in enumerate(batch['frame']):
      row, column = places[frame]
      picture = batch['frames'][i, -1]
      flipped = picture[-2, -2, 2] > 200
      assert flipped != (picture[-2, 1, 2] > 200)
      if flipped:
        column = w - 1 - column
      assert picture[row, column].min() > 230
      cell = row // 8, column // 8
      assert np.argwhere(batch['fixations'][i]).tolist() == [list(cell)]
      density = batch['density'][i]
      assert np.unravel_index(density.argmax(), density.shape) == cell
      seen[bool(flipped)] += 1
  assert min(seen.values()) > 10


def test_an_epoch_has_each_example_once(videos):
  batches = take(train(videos), 14)
  epochs = [windows_in(batches[:7]), windows_in(batches[7:])]
  wanted = {
    *((0, 0, n) for n in range(50)),
    *((0, 1, n) for n in range(3, 17)),
    *((0, 2, n) for n in [0, 5, *range(20, 38)]),
  }
  for epoch in epochs:
    assert len(epoch) == EXAMPLES
    assert set(epoch) == wanted
  assert epochs[0] != epochs[1]
  assert train(videos).examples == EXAMPLES


def test_shuffling_mixes_clips_and_follows_the_seed(videos):
  one, same, other = (
    windows_in(take(train(videos, seed=seed), 7)) for seed in (1, 1, 2)
  )
  assert one == same
  assert one != other
  # Neighbours of one clip would stay together if only clips were shuffled.
  assert sum(a[1] != b[1] for a, b in itertools.pairwise(one)) > 20


@pytest.mark.parametrize('workers', [1, 2])
def test_workers_do_not_change_batches(videos, workers):
  settings = {
    'augmentations': AUGMENTATIONS,
    'stride': 4,
    'random_frames': True,
  }
  alone = take(train(videos, **settings), 5)
  helped = take(train(videos, **settings, workers=workers, prefetch=2), 5)
  assert_same(alone, helped)


def test_threads_do_not_change_batches(videos):
  alone = take(train(videos, augmentations=AUGMENTATIONS), 6)
  assert_same(
    alone, take(train(videos, augmentations=AUGMENTATIONS, prefetch=3), 6)
  )


def test_going_on_from_any_batch_is_bit_identical(videos):
  settings = {
    'augmentations': AUGMENTATIONS,
    'stride': 3,
    'random_frames': True,
    'batch_size': 6,
  }
  whole = train(videos, **settings)
  batches, states = [], []
  for _ in range(6):
    states.append(json.loads(json.dumps(whole.state())))
    batches.append(next(whole))
  for n, state in enumerate(states):
    again = train(videos, **settings)
    next(again)
    again.restore(state)
    assert_same(take(again, 6 - n), batches[n:])
  started = train(videos, **settings, start_batch=4)
  assert_same(take(started, 2), batches[4:])


@pytest.mark.parametrize(('before', 'after'), [(2, 1), (0, 2)])
def test_going_on_with_another_number_of_workers(videos, before, after):
  batches = take(train(videos), 6)
  first = train(videos, workers=before, prefetch=2)
  begun = [next(first) for _ in range(3)]
  state = first.state()
  first.close()
  second = train(videos, workers=after, prefetch=1)
  second.restore(state)
  assert_same(begun + take(second, 3), batches)


def test_a_closed_iterator_goes_on_where_it_was(videos):
  whole = take(train(videos), 4)
  batches = train(videos)
  begun = take(batches, 2)
  assert_same(begun + take(batches, 2), whole)


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
  with pytest.raises(ValueError, match='fits another order'):
    train(stills).restore({'batch': 3})


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_processes_share_an_epoch(videos, count):
  alone = take(train(videos), 7)
  parts = [
    take(train(videos, process_index=index, process_count=count), 7)
    for index in range(count)
  ]
  together = [
    {key: np.concatenate([part[n][key] for part in parts]) for key in alone[n]}
    for n in range(7)
  ]
  assert_same(together, alone)
  shares = [set(windows_in(part)) for part in parts]
  assert len(set.union(*shares)) == sum(map(len, shares)) == EXAMPLES


def test_the_number_of_processes_may_change_in_an_epoch(videos):
  seen = []
  state = train(videos).state()
  for count, batches in ((2, 2), (4, 2), (1, 1), (3, 2)):
    runs = []
    for index in range(count):
      run = train(videos, process_index=index, process_count=count)
      run.restore(state)
      seen += windows_in(take(run, batches))
      runs.append(run.state())
    state = runs[0]
    assert all(other == state for other in runs)
  assert len(seen) == len(set(seen)) == EXAMPLES


def test_epochs_need_not_end_with_a_batch(stills):
  windows = windows_in(take(train(stills, batch_size=4), 7))
  for epoch in range(4):
    assert len(set(windows[7 * epoch : 7 * epoch + 7])) == 7


def test_batches_are_as_the_table_says(videos, stills):
  for dataset, still in ((videos, False), (stills, True)):
    for fixation_map in (True, False):
      for evaluation in (True, False):
        make = evaluate if evaluation else train
        batch = next(make(dataset, fixation_map=fixation_map))
        shapes = batch_shapes(
          batch_size=12,
          frame_size=sets.FRAME_SIZE,
          still=still,
          strip_frames=128,
          fixation_map=fixation_map,
          evaluation=evaluation,
        )
        found = {key: (a.shape, a.dtype) for key, a in batch.items()}
        assert found == shapes


def test_still_images_travel_as_one_frame(stills):
  batches = train(stills, batch_size=2)
  assert batches.still
  batch = next(batches)
  assert batch['frames'].shape == (2, 1, *sets.FRAME_SIZE, 3)
  assert not {'log_mel', 'offsets'} & batch.keys()


def test_image_sets_are_joined(stills, few_stills):
  batches = train(stills, few_stills, batch_size=5)
  assert batches.examples == 10
  assert sorted(windows_in(take(batches, 2))) == [
    *((0, n, 0) for n in range(7)),
    *((1, n, 0) for n in range(3)),
  ]


def test_image_sets_are_mixed_by_weight(stills, few_stills):
  batches = train(stills, few_stills, batch_size=8, weights=[1, 3])
  windows = windows_in(take(batches, 5))
  assert sum(source for source, _, _ in windows) == 30
  # Each has epochs of its own: 7 of its first 7, and 3 of each 3.
  first = [w for w in windows if w[0] == 0]
  second = [w for w in windows if w[0] == 1]
  assert len(set(first[:7])) == 7
  assert all(len(set(second[i : i + 3])) == 3 for i in range(0, 30, 3))
  with pytest.raises(ValueError, match='got weights'):
    train(stills, few_stills, weights=[1])


def test_stills_are_not_mixed_with_videos(videos, stills):
  with pytest.raises(ValueError, match='holds one kind'):
    train(videos, stills)


def test_sets_of_other_frame_sizes_are_refused(stills, tmp_path):
  small = sets.write_set(
    tmp_path,
    'small',
    [sets.make_clip('a', rate=0.0, frame_size=(32, 64))],
    frame_size=(32, 64),
  )
  with pytest.raises(ValueError, match=r'made/small \(32, 64\)'):
    train(stills, small)


def test_uneven_batches_are_refused(videos):
  with pytest.raises(
    ValueError, match='divisible by 5 processes; use 10 or 15'
  ):
    train(videos, process_count=5)
  with pytest.raises(ValueError, match='process_index 2 of 2'):
    train(videos, process_index=2, process_count=2)


@pytest.mark.parametrize('count', [1, 2, 3])
def test_evaluation_sees_each_window_once(videos, count):
  # 107 frames: eight batches of 12 and 11 more, one row filled up.
  parts = [
    list(evaluate(videos, process_index=index, process_count=count))
    for index in range(count)
  ]
  assert {len(part) for part in parts} == {9}
  rows = []
  for n in range(9):
    for part in parts:
      batch = part[n]
      assert batch['mask'].shape == (12 // count,)
      rows += zip(windows_in([batch]), batch['mask'].tolist(), strict=True)
  real = [window for window, mask in rows if mask]
  assert real == [
    (0, clip, frame)
    for clip, frames in enumerate([50, 17, 40])
    for frame in range(frames)
  ]
  assert rows[-1] == ((0, 2, 39), False)
  assert len(rows) == 108


def test_evaluation_may_keep_to_frames_with_fixations(videos):
  batches = list(evaluate(videos, 'test', fixated_only=True, batch_size=4))
  assert len(batches) == 1
  assert batches[0]['frame'].tolist() == [4, 9, 9, 9]
  assert batches[0]['mask'].tolist() == [True, True, False, False]
  assert number(batches[0]['frames'][1, -1]) == 9


def test_workers_do_not_change_evaluation(videos):
  helped = evaluate(videos, stride=3, workers=2, prefetch=1)
  assert_same(list(helped), list(evaluate(videos, stride=3)))


@pytest.mark.parametrize('workers', [0, 1])
def test_a_damaged_frame_stops_training_with_its_name(tmp_path, workers):
  clip = sets.make_clip('hurt', frames=20)
  clip._jpegs[7] = clip._jpegs[7][:200]
  dataset = sets.write_set(tmp_path, 'hurt', [clip])
  with pytest.raises(
    DataError,
    match=r'made/hurt, train: clip hurt, frame 7 .* build it again',
  ):
    take(train(dataset, workers=workers), 5)


def test_fake_batches_are_as_the_table_says():
  settings = {
    'frame_size': (64, 96),
    'strip_frames': 128,
    'fixation_map': True,
  }
  for still in (True, False):
    batches = fake_batches(
      **settings,
      batch_size=6,
      still=still,
      examples=10,
      seed=0,
      process_index=1,
      process_count=2,
      start_batch=0,
    )
    first = next(batches)
    state = batches.state()
    second = next(batches)
    assert {key: (a.shape, a.dtype) for key, a in first.items()} == (
      batch_shapes(**settings, batch_size=3, still=still, evaluation=False)
    )
    np.testing.assert_allclose(first['density'].sum(axis=(1, 2)), 1, atol=1e-5)
    assert (first['frames'] != second['frames']).any()
    batches.restore(state)
    assert_same([next(batches)], [second])
    if not still:
      assert first['offsets'].max() <= 128 - 64


_KILLED = """
import multiprocessing, os, signal, sys
from dave_jax.data.pipeline import train_batches
from dave_jax.datasets.store import open_dataset
from tests.data.test_pipeline import TRAINING

if __name__ == '__main__':
  dataset = open_dataset(sys.argv[1], 'made/stills')
  settings = TRAINING | {'workers': 1, 'prefetch': 1}
  batches = train_batches([(dataset, 'train')], **settings)
  next(batches)
  (worker,) = multiprocessing.active_children()
  print(worker.pid, flush=True)
  os.kill(os.getpid(), signal.SIGTERM)
"""


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
