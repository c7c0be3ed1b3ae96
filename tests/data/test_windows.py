"""Tests of which windows a split has."""

import numpy as np
import pytest

from dave_jax.data.windows import find_windows
from tests.data import sets


def entries(*clips):
  return [clip.entry for clip in clips]


def frames_of(windows, seed=0):
  rng = np.random.default_rng(seed)
  return [windows.pick(n, rng) for n in range(len(windows))]


VIDEOS = entries(
  sets.make_clip('a', frames=7, fixated=[1, 2, 5, 6]),
  sets.make_clip('b', frames=3, fixated=[]),
  sets.make_clip('c', frames=4, fixated=[0]),
)


def test_every_frame_is_a_window():
  windows = find_windows(
    VIDEOS, stride=1, random_frames=False, fixated_only=False
  )
  assert frames_of(windows) == [
    *((0, n) for n in range(7)),
    *((1, n) for n in range(3)),
    *((2, n) for n in range(4)),
  ]


def test_only_frames_with_fixations_are_trained_on():
  windows = find_windows(
    VIDEOS, stride=1, random_frames=False, fixated_only=True
  )
  assert frames_of(windows) == [(0, 1), (0, 2), (0, 5), (0, 6), (2, 0)]


def test_a_stride_begins_anew_with_each_clip():
  windows = find_windows(
    VIDEOS, stride=3, random_frames=False, fixated_only=False
  )
  assert frames_of(windows) == [(0, 0), (0, 3), (0, 6), (1, 0), (2, 0), (2, 3)]


def test_a_stride_counts_from_the_first_frame_of_a_clip():
  windows = find_windows(
    VIDEOS, stride=2, random_frames=False, fixated_only=True
  )
  assert frames_of(windows) == [(0, 2), (0, 6), (2, 0)]


def test_random_frames_stay_in_their_slots_and_reach_all_of_them():
  windows = find_windows(
    VIDEOS, stride=3, random_frames=True, fixated_only=False
  )
  drawn = [set() for _ in range(len(windows))]
  for seed in range(60):
    for number, window in enumerate(frames_of(windows, seed)):
      drawn[number].add(window)
  assert drawn == [
    {(0, 0), (0, 1), (0, 2)},
    {(0, 3), (0, 4), (0, 5)},
    {(0, 6)},
    {(1, 0), (1, 1), (1, 2)},
    {(2, 0), (2, 1), (2, 2)},
    {(2, 3)},
  ]


def test_stills_among_videos_are_refused():
  still = sets.make_clip('s', rate=0.0).entry
  with pytest.raises(ValueError, match='got 1 and 3'):
    find_windows(
      [*VIDEOS, still], stride=1, random_frames=False, fixated_only=True
    )


def test_a_split_without_fixations_is_refused():
  with pytest.raises(ValueError, match='no frame of 1 clips'):
    find_windows(VIDEOS[1:2], stride=1, random_frames=False, fixated_only=True)
