"""Means of scores, checked by hand."""

import numpy as np
import pytest

from dave_jax.evaluation.run_folder import MEAN_MAP, VideoScores
from dave_jax.evaluation.summary import summarise

_NAN = float('nan')


def video(clip, category, *columns, names=('NSS', 'CC'), repeats=None):
  values = np.array(columns, np.float64).T
  return VideoScores(
    clip=clip,
    category=category,
    size=(200, 300),
    names=names,
    frames=np.arange(len(values)),
    times=np.arange(len(values)) / 25,
    values=values,
    empty=1,
    missing=(),
    broken=(),
    prediction=np.full(MEAN_MAP, 1 / 6912, np.float32),
    density=np.full(MEAN_MAP, 1 / 6912, np.float32),
    examples=(),
    repeats=repeats,
  )


_VIDEOS = [
  video('a', 'Nature', [1, 2, 3], [0.1, 0.2, 0.3]),
  video('b', 'Nature', [4], [_NAN]),
  video('c', 'Social', [6, _NAN], [0.5, 0.7]),
]


def test_category_table_by_hand():
  found = summarise(_VIDEOS, average='videos', frames=False)
  # Nature: a has mean (1 + 2 + 3) / 3 = 2, b 4: 3. Social: 6.
  assert found['categories']['Nature']['NSS'] == pytest.approx(3)
  assert found['categories']['Social']['NSS'] == pytest.approx(6)
  # (2 + 4 + 6) / 3, and over a and c: (0.2 + 0.6) / 2.
  assert found['overall']['NSS'] == pytest.approx(4)
  assert found['overall']['CC'] == pytest.approx(0.4)
  assert found['categories']['Nature']['CC'] == pytest.approx(0.2)
  assert found['videos']['b']['CC'] is None
  assert found['counts']['undefined'] == {'NSS': 1, 'CC': 1}
  assert found['counts']['empty'] == 3
  assert 'frames' not in found


def test_flat_mean_by_hand():
  found = summarise(_VIDEOS, average='frames', frames=False)
  # (1 + 2 + 3 + 4 + 6) / 5 and (0.1 + 0.2 + 0.3 + 0.5 + 0.7) / 5.
  assert found['overall']['NSS'] == pytest.approx(3.2)
  assert found['overall']['CC'] == pytest.approx(0.36)
  # Nature: (1 + 2 + 3 + 4) / 4.
  assert found['categories']['Nature']['NSS'] == pytest.approx(2.5)


def test_spread_by_hand():
  videos = [
    video('a', '', [1], [1], repeats=np.array([[1, 2], [3, 2.0]])),
    video('b', '', [1], [1], repeats=np.array([[3, 2], [5, 2.0]])),
  ]
  found = summarise(videos, average='videos', frames=False)
  # Means of the repeats are 2 and 4, whose standard deviation is sqrt(2).
  assert found['overall']['spread']['NSS'] == pytest.approx(2**0.5)
  assert found['overall']['spread']['CC'] == 0


def test_videos_of_different_scores_are_refused():
  other = video('d', '', [1], names=('NSS',))
  with pytest.raises(ValueError, match='same scores'):
    summarise([_VIDEOS[0], other], average='videos', frames=False)
