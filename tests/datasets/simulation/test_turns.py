"""Tests of turns."""

import itertools

import numpy as np
import pytest

from dave_jax.datasets.simulation.turns import Turn, heard, take_turns

SEEN, UNSEEN = ('hum', 'bell', 'knock'), ('rattle', 'chirp')


def _turns(seed, length=1.8, off_screen=0.1):
  rng = np.random.default_rng(seed)
  return take_turns(
    SEEN, UNSEEN, 8.0, rng, length=length, off_screen=off_screen
  )


def test_one_sounds_at_a_time():
  for seed in range(50):
    turns = _turns(seed)
    for turn, following in itertools.pairwise(turns):
      assert turn.begin < turn.end <= following.begin
    assert turns[-1].end <= 8


@pytest.mark.parametrize('length', [1.0, 2.0])
def test_turns_are_as_long_as_said(length):
  """All but the last, which the clip's end may cut."""
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


def test_nobody_has_two_turns_in_a_row():
  for seed in range(50):
    said = [turn.thing for turn in _turns(seed, off_screen=0.0)]
    assert all(a != b for a, b in itertools.pairwise(said))


def test_all_things_sound_about_equally_often():
  said = [t.thing for seed in range(400) for t in _turns(seed)]
  share = [said.count(thing) / len(said) for thing in (0, 1, 2, None)]
  # One in ten is off-screen; about 1700 turns: 0.03 is over 2.5 deviations.
  np.testing.assert_allclose(share, [0.3, 0.3, 0.3, 0.1], atol=0.03)


def test_an_unseen_voice_is_not_one_of_the_things():
  for seed in range(50):
    for turn in _turns(seed, off_screen=0.5):
      if turn.thing is None:
        assert turn.voice in UNSEEN
      else:
        assert turn.voice == SEEN[turn.thing]


def test_sound_is_where_the_turn_is():
  turn = Turn(1.0, 2.0, 'whistle', 0)
  sound = heard([turn], 3.0, np.random.default_rng(0))
  assert len(sound) == 48_000
  loud = np.flatnonzero(np.abs(sound) > 0.05) / 16_000
  # It fades in and out within 0.02 s.
  assert 1.0 <= loud[0] < 1.02
  assert 1.98 < loud[-1] <= 2.0
