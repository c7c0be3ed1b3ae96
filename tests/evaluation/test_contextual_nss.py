"""NSS where what is heard is, checked by hand."""

import json

import numpy as np
import pytest

from dave_jax.datasets.boxes import read_boxes
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer
from tests.data import sets
from tests.evaluation.conftest import settings_of
from tests.evaluation.gaze_clips import watched_clip


def _table(tmp_path, text):
  path = tmp_path / 'boxes.csv'
  path.write_text('clip,frame,x0,y0,x1,y1\n' + text)
  return path


def test_contextual_nss_by_hand(tmp_path):
  # An original of 2 x 2 pixels; the lower right one sounds, in frame 0 alone.
  gaze = [(0, 0, 1.5, 1.5), (0, 1, 0.5, 0.5), (1, 0, 0.5, 1.5)]
  clip = watched_clip('a', gaze, frames=2, rate=25.0, size=(2, 2), sigma=1.0)
  dataset = sets.write_set(tmp_path, 'boxes', [clip])
  truth = read_ground_truth(dataset, 'test', stride=1, size=None, sigma=None)
  scorer = FrameScorer(
    truth,
    settings_of(scores='NSS'),
    baseline=None,
    boxes=read_boxes(_table(tmp_path, 'a,0,1,1,2,2\n')),
  )
  assert scorer.names == ('NSS', 'NSS_source', 'NSS_rest', 'NSS_whole')
  saliency = np.array([[1, 2], [3, 4]])
  found = scorer([0, 1], [saliency, saliency])
  # Mean 2.5; the N-1 standard deviation is sqrt(5 / 3). Source: the 4; rest:
  # the 1; whole: both.
  z = 1.5 / np.sqrt(5 / 3)
  np.testing.assert_allclose(found[0], [0, z, -z, 0], atol=1e-12)
  # A frame without a box counts for none of the three; (3 - 2.5) / sd.
  np.testing.assert_allclose(found[1], [z / 3, np.nan, np.nan, np.nan])


def test_boxes_may_overlap_and_end_before_their_edge(tmp_path):
  boxes = read_boxes(_table(tmp_path, 'a,0,0,0,10,10\na,0,5,5,20,20\n'))
  xy = np.array([[0, 0], [7, 7], [19.9, 19.9], [20, 19], [12, 2]])
  assert boxes.inside('a', 0, xy).tolist() == [True, True, True, False, False]
  assert boxes.inside('a', 1, xy) is None


def test_areas_that_a_page_saved_hold_for_every_frame(tmp_path):
  path = tmp_path / 'areas.json'
  box = {'name': 'left', 'x0': 0, 'y0': 0, 'x1': 10, 'y1': 10}
  areas = {'format': 'dave-jax areas 1', 'clip': 'a', 'areas': [box]}
  path.write_text(json.dumps(areas))
  boxes = read_boxes(path)
  xy = np.array([[5, 5], [15, 5]])
  assert boxes.inside('a', 0, xy).tolist() == [True, False]
  assert boxes.inside('a', 7, xy).tolist() == [True, False]
  assert boxes.inside('b', 0, xy) is None
  boxes.check_clips(['a', 'c'])
  with pytest.raises(ValueError, match='clips such as b, c, got a;'):
    boxes.check_clips(['b', 'c'])


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('a,0,5,0,5,10\n', 'line 2: .* empty box'),
    ('a,zero,0,0,5,10\n', 'line 2: expected numbers'),
    ('', 'got none'),
  ],
)
def test_broken_tables_are_refused(tmp_path, text, message):
  with pytest.raises(ValueError, match=message):
    read_boxes(_table(tmp_path, text))


def test_missing_columns_are_named(tmp_path):
  path = tmp_path / 'boxes.csv'
  path.write_text('clip,frame,x0,y0\n')
  with pytest.raises(ValueError, match='missing: x1, y1'):
    read_boxes(path)
