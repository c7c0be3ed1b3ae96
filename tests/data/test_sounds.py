"""Windows with silence, or with the sound of other clips."""

import collections

import numpy as np
import pytest

from dave_jax.data.augmentation import HorizontalFlip
from dave_jax.data.transforms import Reading, WindowReader
from dave_jax.media import clock
from tests.data import sets
from tests.data.reading import assert_same, evaluate, take, train

_CHANGES = {'augmentations': (HorizontalFlip(0.5),), 'random_frames': True}


@pytest.fixture(scope='module')
def sounding(tmp_path_factory):
  """Three clips with sounds of their own, and one without."""
  clips = [
    sets.make_clip(
      name,
      frames=20,
      waveform=None if name == 'mute' else sets.noise(1.0, seed=seed),
    )
    for seed, name in enumerate(('one', 'two', 'mute', 'three'))
  ]
  return sets.write_set(tmp_path_factory.mktemp('sounding'), 'sounds', clips)


def test_sound_changes_nothing_else(sounding):
  """The same windows in the same order, with the same flips."""
  own = take(train(sounding, **_CHANGES), 10)
  for sound in ('other', 'none'):
    found = take(train(sounding, sound=sound, **_CHANGES), 10)
    for batch, expected in zip(found, own, strict=True):
      for key in expected.keys() - {'log_mel', 'offsets'}:
        np.testing.assert_array_equal(batch[key], expected[key], err_msg=key)


@pytest.mark.parametrize('read', [train, evaluate])
def test_sound_none_is_silence(sounding, read):
  for batch in take(read(sounding, sound='none'), 3):
    assert batch['log_mel'].size
    assert np.all(batch['log_mel'] == np.float32(clock.SILENCE))


def test_sound_of_another_clip_is_drawn_for_each_example(sounding):
  """Expected: a window's sound is that of a moment of another clip.

  Four epochs draw more than one for most windows. A clip without sound has
  none to exchange.
  """
  reading = Reading(sets.FRAME_SIZE, 'exact', None, fixation_map=False)
  reader = WindowReader(sounding, 'train', reading)
  origin = {}
  for index, clip in enumerate(reader.clips):
    if clip.has_sound:
      for frame in range(clip.frames):
        origin[_bytes(reader.sound(clip, frame))] = index, frame
  assert len(origin) == 60
  drawn = collections.defaultdict(set)
  for batch in take(train(sounding, sound='other'), 27):
    for row, index in enumerate(batch['clip']):
      sound = {key: batch[key][row] for key in ('log_mel', 'offsets')}
      if not reader.clips[index].has_sound:
        assert np.all(sound['log_mel'] == np.float32(clock.SILENCE))
        continue
      other, moment = origin[_bytes(sound)]
      assert other != index
      drawn[index, int(batch['frame'][row])].add((other, moment))
  assert len(drawn) == 60
  assert len({other for pairs in drawn.values() for other, _ in pairs}) == 3
  assert np.mean([len(pairs) > 1 for pairs in drawn.values()]) > 0.9


def _bytes(sound):
  # Windows near the beginning differ in the offsets alone.
  return sound['log_mel'].tobytes() + sound['offsets'].tobytes()


def test_drawn_sounds_do_not_depend_on_processes_workers_or_resuming(sounding):
  changes = _CHANGES | {'sound': 'other'}
  alone = take(train(sounding, **changes), 8)
  parts = [
    take(train(sounding, process_index=i, process_count=2, **changes), 8)
    for i in range(2)
  ]
  assert_same(
    [
      {key: np.concatenate([part[n][key] for part in parts]) for key in batch}
      for n, batch in enumerate(alone)
    ],
    alone,
  )
  before = train(sounding, **changes)
  take(before, 3)
  after = train(sounding, **changes)
  after.restore(before.state())
  assert_same(take(after, 5), alone[3:])


def test_evaluation_repeats_the_sounds_that_it_drew(sounding):
  first, second = (take(evaluate(sounding, sound='other'), 4) for _ in range(2))
  assert_same(first, second)


def test_run_does_not_resume_with_another_sound(sounding):
  before = train(sounding)
  take(before, 1)
  after = train(sounding, sound='none')
  with pytest.raises(ValueError, match='sound'):
    after.restore(before.state())
  after.close()


def test_sound_of_another_clip_takes_two_clips(tmp_path):
  dataset = sets.write_set(
    tmp_path,
    'single',
    [
      sets.make_clip('one', frames=4, waveform=sets.noise(0.3)),
      sets.make_clip('mute', frames=4),
    ],
  )
  with pytest.raises(ValueError, match='2 or more clips with sound, got 1'):
    train(dataset, sound='other')
