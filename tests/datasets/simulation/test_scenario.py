"""Tests of clips before they are drawn."""

import collections
import itertools

import numpy as np
import pytest

from dave_jax.datasets.simulation import scenario as scenario_lib
from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scenario import SORTS, make_scenario

SIZE = (64, 80)


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
def test_other_turns_leave_every_pixel_as_it_is(sort, monkeypatch):
  before = make_scenario(sort, (0, 0, 0, 1))

  def other_turns(key, purpose, stream=scenario_lib.stream):
    return stream((*key, 99) if purpose == 'turns' else key, purpose)

  monkeypatch.setattr(scenario_lib, 'stream', other_turns)
  after = make_scenario(sort, (0, 0, 0, 1))
  assert after.turns != before.turns
  frames = zip(before.pictures(SIZE), after.pictures(SIZE), strict=True)
  assert all(np.array_equal(a, b) for a, b in frames)


def test_each_sort_is_what_it_says():
  on_screen = collections.Counter()
  for number in range(40):
    for sort in SORTS:
      clip = make_scenario(sort, (0, 0, 0, number))
      assert clip.rate in (25, 30)
      assert 4 - 0.04 <= clip.seconds <= 8 + 0.04
      kinds = {t.kind.voice for s in clip.shots for t in s.scene.things}
      things = [len(shot.scene.things) for shot in clip.shots]
      on_screen[sort] += any(turn.thing is not None for turn in clip.turns)
      if sort == 'cuts':
        assert len(things) in (2, 3) and set(things) <= {2, 3}
      else:
        low, high = (1, 1) if sort == 'nature' else (2, 4)
        assert len(things) == 1 and low <= things[0] <= high
      assert bool(clip.turns) == (sort != 'silent')
      for turn in clip.turns:
        assert (turn.voice in kinds) == (turn.thing is not None)
      assert len(kinds) < len(KINDS)
  # A clip of two turns, one in ten of each off-screen, has one in 99 of 100.
  assert on_screen['nature'] > 35 and on_screen['social'] > 35
  assert not any(on_screen[sort] for sort in ('silent', 'unseen', 'cuts'))


def test_sounding_frames_are_those_of_the_turns():
  clip = make_scenario('social', (0, 0, 0, 3))
  frames, things = clip.sounding()
  assert np.all(np.diff(frames) > 0)
  for frame, thing in zip(frames, things, strict=True):
    time = frame / clip.rate
    (turn,) = [t for t in clip.turns if t.begin <= time < t.end]
    assert turn.thing == thing


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
      seen = {t.kind.voice for s in clip.shots for t in s.scene.things}
      assert seen < voices
      assert {turn.voice for turn in clip.turns} <= voices


def test_a_wrong_number_of_kinds_is_said():
  with pytest.raises(ValueError, match='got 7 kinds, wanted 3 to 6'):
    make_scenario('social', (0, 0, 0, 0), 7)


def test_turns_without_length_are_refused():
  with pytest.raises(ValueError, match='got turns of 0 seconds'):
    make_scenario('social', (0, 0, 0, 0), turn=0)
