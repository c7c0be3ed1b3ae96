"""Tests of turns."""

import itertools

import numpy as np

from dave_jax.datasets.shapes.turns import Turn, heard, take_turns

SEEN, UNSEEN = ('hum', 'bell', 'knock'), ('rattle', 'chirp')


def _turns(seed, seen=SEEN, unseen=UNSEEN, off_screen=0.1):
  rng = np.random.default_rng(seed)
  return take_turns(seen, unseen, 8.0, rng, off_screen=off_screen)


def test_one_sounds_at_a_time():
  for seed in range(50):
    turns = _turns(seed)
    for turn, following in itertools.pairwise(turns):
      assert turn.begin < turn.end <= following.begin
    assert turns[-1].end <= 8


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
