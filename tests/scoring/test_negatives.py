import numpy as np
import pytest

from dave_jax.scoring.frames import fixated_pixels
from dave_jax.scoring.negatives import OtherFrames, negative_pixels

# Interleaved: no order is promised.
_VIDEOS = ['a', 'b', 'a', 'c', 'b', 'c', 'c', 'a']


def _choose(videos, **changes):
  options = {
    'seed': 0,
    'count': 10,
    'exclude_same': 'video',
    'negatives_from': 'all',
  }
  choose = OtherFrames(videos, **options | changes)
  return [choose(frame) for frame in range(len(videos))]


@pytest.mark.parametrize(
  ('exclude_same', 'negatives_from', 'allowed'),
  [
    ('video', 'all', lambda k, j: _VIDEOS[j] != _VIDEOS[k]),
    ('frame', 'all', lambda k, j: j != k),
    ('frame', 'video', lambda k, j: j != k and _VIDEOS[j] == _VIDEOS[k]),
  ],
)
def test_frames_come_from_the_pool_less_what_is_excluded(
  exclude_same, negatives_from, allowed
):
  choice = {'exclude_same': exclude_same, 'negatives_from': negatives_from}
  every = _choose(_VIDEOS, seed=None, count=None, **choice)
  expected = [
    [j for j in range(len(_VIDEOS)) if allowed(k, j)]
    for k in range(len(_VIDEOS))
  ]
  assert [frames.tolist() for frames in every] == expected
  drawn = [set() for _ in _VIDEOS]
  for seed in range(60):
    chosen = _choose(_VIDEOS, seed=seed, count=1, **choice)
    for k, frames in enumerate(chosen):
      assert len(frames) == 1
      drawn[k].update(frames.tolist())
  assert [sorted(frames) for frames in drawn] == expected


def test_ten_different_frames_are_drawn_the_same_for_a_seed():
  videos = np.repeat(np.arange(5), 20)
  chosen = _choose(videos, seed=4)
  assert all(len(set(frames.tolist())) == 10 for frames in chosen)
  again = _choose(videos, seed=4)
  np.testing.assert_array_equal(chosen, again)
  assert (np.array(chosen[0]) != chosen[1]).any()


def test_frames_with_too_few_others_get_none():
  # Of 8 frames, three are of video a, two of b and three of c.
  assert _choose(_VIDEOS) == [None] * 8
  chosen = _choose(_VIDEOS, count=6)
  assert [k for k, found in enumerate(chosen) if found is not None] == [1, 4]
  options = {'seed': 0, 'exclude_same': 'video', 'negatives_from': 'all'}
  assert OtherFrames(_VIDEOS, count=6, **options).too_few == {'a': 5, 'c': 5}
  assert OtherFrames(_VIDEOS, count=5, **options).too_few == {}
  assert _choose(['a', 'a'], count=None) == [None, None]


def test_impossible_choices_are_refused():
  with pytest.raises(ValueError, match='leaves no frames'):
    _choose(_VIDEOS, negatives_from='video')
  with pytest.raises(ValueError, match=r"negatives_from: expected .*got 'set'"):
    _choose(_VIDEOS, negatives_from='set')
  with pytest.raises(ValueError, match='got 0'):
    _choose(_VIDEOS, count=0)


def test_pixels_are_gathered_with_and_without_the_frames_own():
  own = fixated_pixels(np.array([[1, 0, 0], [0, 2, 0]]), repeated=True)
  other = fixated_pixels(np.array([[0, 0, 0], [0, 1, 1]]), repeated=True)
  sizes, size = [(2, 3), (2, 3)], (2, 3)
  pixels = negative_pixels([other, other], sizes, size, drop=None)
  np.testing.assert_array_equal(pixels, [4, 5, 4, 5])
  pixels = negative_pixels([other, other], sizes, size, drop=own)
  np.testing.assert_array_equal(pixels, [5, 5])
  assert not len(negative_pixels([], [], size, drop=None))


def test_pixels_of_other_sizes_are_mapped_by_their_centres():
  # Row 3 of 4 and column 1 of 6 are at 7/8 and 1/4: row 1 of 2, 2 of 9.
  pixels = negative_pixels([np.array([3 * 6 + 1])], [(4, 6)], (2, 9), drop=None)
  np.testing.assert_array_equal(pixels, [1 * 9 + 2])
