"""Baselines: what they are, and their order on real gaze."""

import numpy as np
import pytest

from dave_jax.evaluation.baselines import (
  centre_gaussian,
  chance,
  mean_eye_position,
  split_viewers,
)


def test_centre_is_symmetric_and_has_the_frames_proportions():
  centre = centre_gaussian((30, 40), 0.2)
  assert centre.sum() == pytest.approx(1)
  np.testing.assert_array_equal(centre, centre[::-1, ::-1])
  # A fifth of the height below the middle as a fifth of the width beside it.
  square = centre_gaussian((100, 200), 0.2)
  ratio = square[70, 99] / square[50, 99], square[49, 140] / square[49, 100]
  assert ratio[0] == pytest.approx(ratio[1], rel=0.02)


def test_mean_eye_position_by_hand():
  # Two frames in the first video, of which one was looked at by more people;
  # frames count alike, and so do videos. An empty frame does not count.
  first = [np.array([[4.0, 0]]), np.array([[0, 1.0]]), np.zeros((1, 2))]
  second = [np.array([[0, 3.0]])]
  found = mean_eye_position([first, second, [np.zeros((1, 2))]])
  np.testing.assert_allclose(found, [[0.25, 0.75]])
  with pytest.raises(ValueError, match='looked at'):
    mean_eye_position([[np.zeros((1, 2))]])


def test_halves_hold_every_viewer_once():
  viewers = np.array([2, 3, 5, 7, 11])
  sizes = set()
  for seed in range(20):
    halves = split_viewers(viewers, np.random.default_rng(seed))
    assert sorted(np.concatenate(halves)) == viewers.tolist()
    sizes.add(len(halves[0]))
  assert sizes == {2, 3}
  pair = split_viewers(viewers[:2], np.random.default_rng(0))
  assert [len(half) for half in pair] == [1, 1]
  with pytest.raises(ValueError, match='got 1 viewers'):
    split_viewers(viewers[:1], np.random.default_rng(0))


def test_chance_is_a_frames_own():
  first = chance((4, 5), 0, 1, 2)
  np.testing.assert_array_equal(first, chance((4, 5), 0, 1, 2))
  for other in ((1, 1, 2), (0, 2, 2), (0, 1, 3)):
    assert (first != chance((4, 5), *other)).any()
