"""Tests of the scripts of clips."""

import collections
import itertools

import numpy as np
import pytest

from dave_jax.datasets.simulation import scenario as scenario_lib
from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scenario import (
  SORTS,
  Turn,
  make_scenario,
  mix_turns,
  take_turns,
)

SIZE = (64, 80)
SEEN, UNSEEN = ('hum', 'bell', 'knock'), ('rattle', 'chirp')


@pytest.mark.parametrize('sort', SORTS)
def test_the_same_key_gives_the_same_bytes(sort):
  a, b = (make_scenario(sort, (3, 0, 1, 7)) for _ in range(2))
  other = make_scenario(sort, (3, 0, 1, 8))
  first, again, different = (
    np.stack([*itertools.islice(s.pictures(SIZE), 5)]) for s in (a, b, other)
  )
  assert first.tobytes() == again.tobytes() != different.tobytes()
  if sort == 'silent':
    assert a.waveform() is None
  else:
    assert a.waveform().tobytes() == b.waveform().tobytes()


@pytest.mark.parametrize('sort', ['nature', 'social', 'unseen'])
def test_pixels_do_not_depend_on_the_turns(sort, monkeypatch):
  before = make_scenario(sort, (0, 0, 0, 1))

  def other_turns(key, purpose, stream=scenario_lib.stream):
    return stream((*key, 99) if purpose == 'turns' else key, purpose)

  monkeypatch.setattr(scenario_lib, 'stream', other_turns)
  after = make_scenario(sort, (0, 0, 0, 1))
  assert after.turns != before.turns
  frames = zip(before.pictures(SIZE), after.pictures(SIZE), strict=True)
  assert all(np.array_equal(a, b) for a, b in frames)


def test_each_sort_has_its_objects_and_voices():
  on_screen = collections.Counter()
  for number in range(40):
    for sort in SORTS:
      clip = make_scenario(sort, (0, 0, 0, number))
      assert clip.rate in (25, 30)
      assert 4 - 0.04 <= clip.seconds <= 8 + 0.04
      kinds = {t.kind.voice for s in clip.shots for t in s.scene.objects}
      objects = [len(shot.scene.objects) for shot in clip.shots]
      on_screen[sort] += any(
        turn.object_index is not None for turn in clip.turns
      )
      if sort == 'cuts':
        assert len(objects) in (2, 3) and set(objects) <= {2, 3}
      else:
        low, high = (1, 1) if sort == 'nature' else (2, 4)
        assert len(objects) == 1 and low <= objects[0] <= high
      assert bool(clip.turns) == (sort != 'silent')
      for turn in clip.turns:
        assert (turn.voice in kinds) == (turn.object_index is not None)
      assert len(kinds) < len(KINDS)
  # A clip of two turns, one in ten of each off-screen, has one in 99 of 100.
  assert on_screen['nature'] > 35 and on_screen['social'] > 35
  assert not any(on_screen[sort] for sort in ('silent', 'unseen', 'cuts'))


def test_sounding_frames_are_those_of_the_turns():
  clip = make_scenario('social', (0, 0, 0, 3))
  frames, objects = clip.sounding()
  assert np.all(np.diff(frames) > 0)
  for frame, item in zip(frames, objects, strict=True):
    time = frame / clip.rate
    (turn,) = [t for t in clip.turns if t.begin <= time < t.end]
    assert turn.object_index == item


def test_shots_follow_each_other():
  clip = make_scenario('cuts', (0, 0, 0, 11))
  assert clip.shots[0].begin == 0
  assert clip.shots[-1].end == pytest.approx(clip.seconds)
  cut = clip.shots[1].begin
  assert clip.shot_at(cut - 1e-6) is clip.shots[0]
  assert clip.shot_at(cut) is clip.shots[1]
  frames = list(clip.pictures(SIZE))
  jumps = [
    np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)
  ]
  biggest = np.argsort(jumps)[-len(clip.shots) + 1 :] + 1
  expected = [np.ceil(shot.begin * clip.rate) for shot in clip.shots[1:]]
  assert sorted(biggest) == expected


@pytest.mark.parametrize('kinds', [3, 4])
def test_fewer_kinds_are_the_first_ones(kinds):
  voices = {kind.voice for kind in KINDS[:kinds]}
  for number in range(20):
    for sort in SORTS:
      clip = make_scenario(sort, (0, 0, 0, number), kinds)
      seen = {t.kind.voice for s in clip.shots for t in s.scene.objects}
      assert seen < voices
      assert {turn.voice for turn in clip.turns} <= voices


def test_a_wrong_number_of_kinds_is_refused():
  with pytest.raises(ValueError, match='expected 3 to 6 kinds, got 7'):
    make_scenario('social', (0, 0, 0, 0), 7)


def test_turns_without_length_are_refused():
  with pytest.raises(ValueError, match='more than 0 seconds, got 0'):
    make_scenario('social', (0, 0, 0, 0), turn=0)


def _turns(seed, length=1.8, off_screen=0.1):
  rng = np.random.default_rng(seed)
  return take_turns(
    SEEN, UNSEEN, 8.0, rng, length=length, off_screen=off_screen
  )


def test_turns_do_not_overlap():
  for seed in range(50):
    turns = _turns(seed)
    for turn, following in itertools.pairwise(turns):
      assert turn.begin < turn.end <= following.begin
    assert turns[-1].end <= 8


@pytest.mark.parametrize('length', [1.0, 2.0])
def test_turns_have_the_mean_duration(length):
  """All turns but the last, which the end of the clip may cut."""
  seconds = [
    turn.end - turn.begin
    for seed in range(200)
    for turn in _turns(seed, length)[:-1]
  ]
  # Evenly from 0.55 to 1.45 of it, a deviation of 0.26; some 500 or more of
  # them. A long one is a little more often the last.
  np.testing.assert_allclose(np.mean(seconds), length, rtol=0.06)
  assert min(seconds) >= 0.55 * length
  assert max(seconds) <= 1.45 * length


def test_no_object_sounds_twice_in_a_row():
  for seed in range(50):
    said = [turn.object_index for turn in _turns(seed, off_screen=0.0)]
    assert all(a != b for a, b in itertools.pairwise(said))


def test_all_objects_sound_about_equally_often():
  said = [t.object_index for seed in range(400) for t in _turns(seed)]
  share = [said.count(item) / len(said) for item in (0, 1, 2, None)]
  # One in ten is off-screen; about 1700 turns: 0.03 is over 2.5 deviations.
  np.testing.assert_allclose(share, [0.3, 0.3, 0.3, 0.1], atol=0.03)


def test_an_off_screen_voice_is_of_no_object():
  for seed in range(50):
    for turn in _turns(seed, off_screen=0.5):
      if turn.object_index is None:
        assert turn.voice in UNSEEN
      else:
        assert turn.voice == SEEN[turn.object_index]


def test_sound_is_where_the_turn_is():
  turn = Turn(1.0, 2.0, 'whistle', 0)
  sound = mix_turns([turn], 3.0, np.random.default_rng(0))
  assert len(sound) == 48_000
  loud = np.flatnonzero(np.abs(sound) > 0.05) / 16_000
  # It fades in and out within 0.02 s.
  assert 1.0 <= loud[0] < 1.02
  assert 1.98 < loud[-1] <= 2.0
