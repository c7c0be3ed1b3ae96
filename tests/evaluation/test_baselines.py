"""Baselines by hand."""

import numpy as np
import pytest

from dave_jax.evaluation.baselines import (
  centre_gaussian,
  chance_maps,
  mean_eye_position,
  split_viewers,
)
from dave_jax.evaluation.ground_truth import read_ground_truth
from tests.data import sets
from tests.evaluation.gaze_clips import watched_clip


def test_centre_is_symmetric_and_has_the_frames_proportions():
  centre = centre_gaussian((30, 40), 0.2)
  assert centre.sum() == pytest.approx(1)
  np.testing.assert_array_equal(centre, centre[::-1, ::-1])
  # A fifth of the height below the middle as a fifth of the width beside it.
  square = centre_gaussian((100, 200), 0.2)
  ratio = square[70, 99] / square[50, 99], square[49, 140] / square[49, 100]
  assert ratio[0] == pytest.approx(ratio[1], rel=0.02)


def test_mean_eye_position_by_hand(tmp_path):
  # Fixations in the centres of the left and right halves, far narrower than
  # these. The first video has one of each in two frames, of which the second
  # has more viewers; the second video looks right, the third nowhere.
  left, right = (25.0, 50.0), (75.0, 50.0)
  gaze = [(0, 0, *left), (1, 0, *right), (1, 1, *right)]
  clips = [
    watched_clip(name, looks, frames=3, rate=25.0, size=(100, 100), sigma=1.0)
    for name, looks in (('a', gaze), ('b', [(0, 0, *right)]), ('c', []))
  ]
  dataset = sets.write_set(tmp_path, 'halves', clips)
  truth = read_ground_truth(dataset, 'test', stride=1, size=None, sigma=None)
  # Frames count alike, and so do videos: (1/2 + 0) / 2 and (1/2 + 1) / 2.
  found = mean_eye_position(truth, (1, 2))
  np.testing.assert_allclose(found, [[0.25, 0.75]], rtol=1e-6)


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


def test_chance_differs_between_frames_clips_and_seeds(truth):
  clips = truth.clips
  jobs = [(clips[0], np.array([0, 1])), (clips[1], np.array([0]))]
  first, next_frame, next_clip = chance_maps(truth, 0)(jobs)
  (again,) = chance_maps(truth, 0)([(clips[0], np.array([0]))])
  np.testing.assert_array_equal(first, again)
  (seeded,) = chance_maps(truth, 1)([(clips[0], np.array([0]))])
  for other in (next_frame, next_clip, seeded):
    assert (first != other).any()
