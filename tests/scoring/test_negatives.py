import numpy as np
import pytest

from dave_jax.scoring.frames import fixated_pixels
from dave_jax.scoring.negatives import choose_other_frames, negative_pixels

# Interleaved: no order is promised.
_VIDEOS = ['a', 'b', 'a', 'c', 'b', 'c', 'c', 'a']


def _choose(videos, **changes):
  options = {
    'seed': 0,
    'count': 10,
    'exclude_same': 'video',
    'negatives_from': 'all',
  }
  return choose_other_frames(videos, **options | changes)


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
  every = list(choose_other_frames(_VIDEOS, seed=None, count=None, **choice))
  expected = [
    [j for j in range(len(_VIDEOS)) if allowed(k, j)]
    for k in range(len(_VIDEOS))
  ]
  assert [frames.tolist() for frames in every] == expected
  drawn = [set() for _ in _VIDEOS]
  for seed in range(60):
    chosen = choose_other_frames(_VIDEOS, seed=seed, count=1, **choice)
    for k, frames in enumerate(chosen):
      assert len(frames) == 1
      drawn[k].update(frames.tolist())
  assert [sorted(frames) for frames in drawn] == expected


def test_ten_different_frames_are_drawn_the_same_for_a_seed():
  videos = np.repeat(np.arange(5), 20)
  chosen = list(_choose(videos, seed=4))
  assert all(len(set(frames.tolist())) == 10 for frames in chosen)
  again = list(_choose(videos, seed=4))
  np.testing.assert_array_equal(chosen, again)
  assert (np.array(chosen[0]) != chosen[1]).any()


def test_impossible_choices_are_refused():
  with pytest.raises(
    ValueError, match=r"at least 10 .* got 6 for frame 0 of video 'b'"
  ):
    list(_choose(_VIDEOS[1:2] + _VIDEOS))
  with pytest.raises(ValueError, match='leaves no frames'):
    list(_choose(_VIDEOS, negatives_from='video'))
  with pytest.raises(ValueError, match='got 0 for frame 0'):
    list(_choose(['a', 'a'], count=None))
  with pytest.raises(ValueError, match=r"negatives_from in .*got 'set'"):
    list(_choose(_VIDEOS, negatives_from='set'))
  with pytest.raises(ValueError, match='got 0'):
    list(_choose(_VIDEOS, count=0))
  with pytest.raises(ValueError, match='wants a seed'):
    list(_choose(_VIDEOS, seed=None, count=1))


def test_pixels_are_gathered_with_and_without_the_frames_own():
  first = np.array([[1, 0, 0], [0, 2, 0]])
  second = np.array([[0, 0, 0], [0, 1, 1]])
  fixated = [fixated_pixels(m, repeated=True) for m in (first, second, second)]
  sizes = np.array([first.shape] * 3)
  others = np.array([1, 2])
  pixels = negative_pixels(fixated, sizes, 0, others, drop_own_fixations=False)
  np.testing.assert_array_equal(pixels, [4, 5, 4, 5])
  pixels = negative_pixels(fixated, sizes, 0, others, drop_own_fixations=True)
  np.testing.assert_array_equal(pixels, [5, 5])
  nobody = np.array([], int)
  assert not len(
    negative_pixels(fixated, sizes, 0, nobody, drop_own_fixations=False)
  )


def test_pixels_of_other_sizes_go_where_their_centres_fall():
  # Row 3 of 4 and column 1 of 6 are at 7/8 and 1/4: row 1 of 2, 2 of 9.
  fixated = [np.array([0]), np.array([3 * 6 + 1])]
  sizes = np.array([(2, 9), (4, 6)])
  pixels = negative_pixels(
    fixated, sizes, 0, np.array([1]), drop_own_fixations=False
  )
  np.testing.assert_array_equal(pixels, [1 * 9 + 2])
