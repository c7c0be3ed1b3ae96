"""CrowdSAL, NTIRE 2026 and AViMoS: one reader, three layouts."""

import json

import cv2
import numpy as np
import pytest

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import POOLED
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.scoring import msu
from tests.datasets import video_layouts as layouts

FIXATIONS = 'Train/Fixations/0002.json'
DENSITY = 'Train/Saliency/0002.mp4'
NAMES = {'train': ['a b', '随'], 'public_test': ['c'], 'private_test': ['d']}


@pytest.fixture
def crowdsal(tmp_path):
  return layouts.write_crowdsal(tmp_path / 'crowdsal', [1, 2, 10, 3001])


def _build(build_set, root, name='crowdsal', **settings):
  dataset, report = build_set(
    name, root, partial=True, settings={k: str(v) for k, v in settings.items()}
  )
  return dataset, report


def test_crowdsal_has_its_official_splits(crowdsal, build_set):
  dataset, report = _build(build_set, crowdsal)
  names = {s: [c.name for c in dataset.clips(s)] for s in dataset.splits}
  # Every tenth training video is for validation.
  assert names == {'train': ['0001', '0002'], 'val': ['0010'], 'test': ['3001']}
  [clip] = dataset.clips('test')
  assert (clip.frames, clip.rate, clip.has_sound) == (20, 30, True)
  assert clip.gaze_kind == 'mouse'
  assert dataset.records('test')[0]['gaze_kind'] == b'mouse'
  assert report['gaze_kinds'] == ['mouse']
  assert 'gaze: mouse tracking' in (dataset.folder / 'report.txt').read_text()


@pytest.mark.parametrize('name', ['ntire2026', 'avimos'])
def test_challenges_have_the_splits_of_their_list(tmp_path, build_set, name):
  root = layouts.write_challenge(tmp_path / 'release', NAMES)
  dataset, report = build_set(name, root)
  found = {s: [c.name for c in dataset.clips(s)] for s in dataset.splits}
  assert found == NAMES
  assert report['problems'] == []
  assert len(dataset.clips('public_test+private_test')) == 2


def test_fixations_are_in_the_middle_of_their_pixels(crowdsal, build_set):
  points = json.loads((crowdsal / FIXATIONS).read_text())
  points[17] = [points[17][0]] * 2  # Two viewers on one pixel.
  (crowdsal / FIXATIONS).write_text(json.dumps(points))
  dataset, _ = _build(build_set, crowdsal)
  clip = dataset.clips('train')[1]
  number, place = clip.record_of(17)
  record = dataset.records('train')[number]
  xy = record['fixation_xy'][record['fixation_frame'] == place]
  expected = layouts.points_at(17)[0] + 0.5
  np.testing.assert_array_equal(xy, [expected, expected])
  assert (record['fixation_viewer'] == POOLED).all()


@pytest.mark.parametrize('shrink', [1, 4])
def test_density_is_that_of_its_frame(crowdsal, build_set, shrink):
  dataset, _ = _build(build_set, crowdsal, density_shrink=shrink)
  clip = dataset.clips('train')[0]
  for frame in (0, 19):
    number, place = clip.record_of(frame)
    record = dataset.records('train')[number]
    stored = cv2.imdecode(
      np.frombuffer(record['density'][place], np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert stored.dtype == np.uint16
    assert stored.shape == (64 // shrink, 64 // shrink)
    # H.264 of 10 bit at crf 0 is off by a few steps of 1/876.
    expected = layouts.density_at(frame)
    if shrink == 1:
      np.testing.assert_allclose(stored / 65535, expected, atol=4 / 876)
    density = record_density(record, place, layouts.SIZE)
    np.testing.assert_allclose(
      density, expected / expected.sum(), atol=0.12 * density.max()
    )


def test_scores_against_small_maps_equal_those_against_published_ones(
  tmp_path, build_set, monkeypatch
):
  """A map blurred by 24 pixels, stored at an eighth of its size."""
  size = (256, 384)
  y, x = np.indices(size)
  root = layouts.write_crowdsal(tmp_path, [1])
  layouts.write_video(tmp_path / 'Train/Videos/0001.mp4', size=size)
  wide = tmp_path / 'Train/Saliency/0001.mp4'
  published = np.exp(-((x - 200) ** 2 + (y - 90) ** 2) / (2 * 24.0**2))
  monkeypatch.setattr(layouts, 'density_at', lambda frame, size: published)
  layouts.write_density_video(wide, size=size)
  prediction = msu.prepared(np.exp(-((x - 230) ** 2 + (y - 100) ** 2) / 3000))
  scores = []
  for shrink in (1, 8):
    dataset, _ = _build(build_set, root, density_shrink=shrink)
    truth = read_ground_truth(dataset, 'train', stride=1, size=None, sigma=None)
    density = msu.prepared(truth.stored_density(3))
    assert density.shape == size
    scores.append([msu.cc(prediction, density), msu.sim(prediction, density)])
  np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


def test_missing_files_are_listed_by_kind(crowdsal, build_set):
  (crowdsal / DENSITY).unlink()
  with pytest.raises(IncompleteError) as error:
    build_set('crowdsal', crowdsal)
  text = str(error.value)
  assert 'Train/Saliency/NAME.mp4: 2998 of 3000 files of train' in text
  assert 'Train/Videos/NAME.mp4: 2997 of 3000' in text
  assert 'Test/Fixations/NAME.json: 1999 of 2000' in text


def _faulty(report):
  [skipped] = report['skipped']
  assert skipped['name'] == '0002'
  return skipped['reason']


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'size': (32, 64)},
      'maps of the size of the video, 64 x 64, got 64 x 32',
    ),
    ({'rate': 25}, 'expected 30 maps per second'),
  ],
)
def test_density_of_another_size_or_rate_is_refused(
  crowdsal, build_set, changes, message
):
  layouts.write_density_video(crowdsal / DENSITY, **changes)
  assert message in _faulty(_build(build_set, crowdsal)[1])


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('no JSON', 'expected JSON'),
    ('{"a": 1}', 'expected a list, for each frame'),
    ('[[[1, 2, 3]]]', 'expected a list, for each frame'),
    ('[[[1, 2.5]]]', 'not whole numbers'),
    ('[[["x", "y"]]]', 'expected a list, for each frame'),
    ('[[[NaN, 1]]]', 'not whole numbers'),
    ('7', 'expected a list, for each frame'),
  ],
)
def test_invalid_lists_of_fixations_are_refused(
  crowdsal, build_set, text, message
):
  (crowdsal / FIXATIONS).write_text(text)
  assert message in _faulty(_build(build_set, crowdsal)[1])


def test_video_that_is_no_density_is_refused(crowdsal, build_set):
  (crowdsal / DENSITY).write_bytes(b'no video')
  assert 'FFmpeg cannot read it' in _faulty(_build(build_set, crowdsal)[1])


def test_gaze_and_density_of_other_lengths_are_counted(crowdsal, build_set):
  layouts.write_fixations(crowdsal / FIXATIONS, frames=18)
  layouts.write_density_video(crowdsal / DENSITY, frames=15)
  dataset, report = _build(build_set, crowdsal)
  assert report['totals']['frames_without_gaze'] == 2
  assert report['totals']['frames_without_density'] == 5
  notes = str(report['clips'][1]['notes'])
  assert '20 frames of video, 18 of gaze' in notes
  assert '20 frames of video, 15 density maps' in notes
  last = dataset.records('train')[dataset.clips('train')[1].first_record + 1]
  assert last['density'] == [b''] * 4


def test_fixations_outside_the_video_are_counted(crowdsal, build_set):
  points = json.loads((crowdsal / FIXATIONS).read_text())
  points[0] += [[64, 3], [3, 64], [-1, 3], [63, 63]]
  (crowdsal / FIXATIONS).write_text(json.dumps(points))
  dataset, report = _build(build_set, crowdsal)
  assert report['totals']['off_frame'] == 3
  assert dataset.clips('train')[1].fixations == 3 * 20 + 1


def test_video_without_sound_is_counted(crowdsal, build_set):
  layouts.write_video(crowdsal / 'Train/Videos/0002.mp4', sound=False)
  dataset, report = _build(build_set, crowdsal)
  assert [clip.has_sound for clip in dataset.clips('train')] == [True, False]
  assert report['totals']['without_sound'] == 1
  assert 'no sound' in report['clips'][1]['notes'][0]


def test_list_without_a_split_is_refused(tmp_path, build_set):
  root = layouts.write_challenge(tmp_path / 'release', {'train': ['a']})
  with pytest.raises(ValueError, match='under train, public_test, private_te'):
    build_set('avimos', root)
  with pytest.raises(FileNotFoundError):
    build_set('avimos', tmp_path)


def test_settings_out_of_range_are_refused(crowdsal, build_set):
  with pytest.raises(ValueError, match='density_shrink of 1 or more'):
    _build(build_set, crowdsal, density_shrink=0)
