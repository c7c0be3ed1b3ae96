"""The order of batches does not depend on processes, workers or restarts."""

import collections
import itertools
import json

import grain
import numpy as np
import pytest
from absl import flags

from dave_jax.data.augmentation import HorizontalFlip
from dave_jax.data.batches import batch_shapes
from tests.data import sets
from tests.data.reading import (
  AUGMENTATIONS,
  EXAMPLES,
  assert_same,
  evaluate,
  take,
  train,
  windows_in,
)
from tests.media.clips import number


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


def test_workers_do_not_change_batches(videos):
  """Also in a notebook, where nobody parsed the flags that Grain reads."""
  settings = {
    'augmentations': AUGMENTATIONS,
    'stride': 4,
    'random_frames': True,
  }
  alone = take(train(videos, **settings), 5)
  flags.FLAGS.unparse_flags()
  helped = take(train(videos, **settings, workers=2, prefetch=2), 5)
  assert_same(alone, helped)


def test_threads_do_not_change_batches(videos):
  alone = take(train(videos, augmentations=AUGMENTATIONS), 6)
  assert_same(
    alone, take(train(videos, augmentations=AUGMENTATIONS, prefetch=3), 6)
  )


def test_resuming_from_any_batch_is_bit_identical(videos):
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


@pytest.mark.slow
@pytest.mark.parametrize(('before', 'after'), [(2, 1), (0, 2)])
def test_resuming_with_another_number_of_workers(videos, before, after):
  batches = take(train(videos), 6)
  first = train(videos, workers=before, prefetch=2)
  begun = [next(first) for _ in range(3)]
  state = first.state()
  first.close()
  second = train(videos, workers=after, prefetch=1)
  second.restore(state)
  assert_same(begun + take(second, 3), batches)


def test_closed_iterator_resumes_where_it_was(videos):
  whole = take(train(videos), 4)
  batches = train(videos)
  begun = take(batches, 2)
  assert_same(begun + take(batches, 2), whole)


@pytest.mark.parametrize('count', [2, 3, 4])
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


def test_sets_of_other_frame_sizes_are_resized(stills, tmp_path):
  """A picture of one colour stays so, whatever JPEG and resizing do to it."""
  colour = np.full((1, 32, 64, 3), (200, 100, 50), np.uint8)
  small = sets.write_set(
    tmp_path,
    'small',
    [sets.make_clip('a', rate=0.0, frame_size=(32, 64), pictures=colour)],
    frame_size=(32, 64),
  )
  batches = take(train(stills, small, batch_size=8), 1)
  (row,) = np.flatnonzero(batches[0]['source'] == 1)
  frame = batches[0]['frames'][row, 0]
  assert frame.shape == (*sets.FRAME_SIZE, 3)
  assert np.abs(frame.astype(int) - colour[0, 0, 0]).max() <= 4
  assert batches[0]['density'][row].shape == (
    *(pixels // 8 for pixels in sets.FRAME_SIZE),
  )


def test_each_random_choice_has_a_seed_of_its_own(videos, monkeypatch):
  """Order, choice of frames and augmentation of one source."""
  seeds = []
  for name in ('shuffle', 'random_map'):
    original = getattr(grain.MapDataset, name)

    def record(self, *args, seed, original=original, **options):
      seeds.append(seed)
      return original(self, *args, seed=seed, **options)

    monkeypatch.setattr(grain.MapDataset, name, record)
  train(videos, stride=4, random_frames=True)
  assert len(set(seeds)) == len(seeds) == 3


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
  with pytest.raises(ValueError, match='expected 2 weights'):
    train(stills, few_stills, weights=[1])


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


@pytest.mark.slow
def test_workers_do_not_change_evaluation(videos):
  helped = evaluate(videos, stride=3, workers=2, prefetch=1)
  assert_same(list(helped), list(evaluate(videos, stride=3)))
