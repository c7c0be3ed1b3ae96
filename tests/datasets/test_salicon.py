"""Tests of SALICON."""

import numpy as np
import pytest
import scipy.io

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from tests.datasets import layouts

NAMES = {'train': ['COCO_train2014_1', 'COCO_train2014_2'], 'val': ['COCO_3']}


def test_pixels_counted_from_1_become_their_centres(tmp_path, build_set):
  layouts.write_salicon(tmp_path, NAMES)
  dataset, _ = build_set('salicon', tmp_path)
  [clip] = dataset.clips('val')
  assert (clip.name, clip.viewers, clip.fixations) == ('COCO_3', 2, 6)
  record = dataset.records('val')[0]
  for viewer in range(2):
    found = record['fixation_xy'][record['fixation_viewer'] == viewer]
    expected = [
      np.floor(layouts.gaze_at(viewer, frame)) + 0.5 for frame in range(3)
    ]
    np.testing.assert_array_equal(found, expected)
  assert record_density(record, 0).shape == layouts.SIZE


def test_test_images_have_no_fixations(tmp_path, build_set):
  layouts.write_salicon(tmp_path, NAMES)
  layouts.write_image(tmp_path / 'images/test/COCO_9.jpg')
  dataset, _ = build_set('salicon', tmp_path)
  assert [clip.fixations for clip in dataset.clips('test')] == [0]


def test_images_without_maps_or_fixations_are_listed(tmp_path, build_set):
  layouts.write_salicon(tmp_path, NAMES)
  (tmp_path / 'maps/train/COCO_train2014_2.png').unlink()
  with pytest.raises(IncompleteError, match='fixations: COCO_train2014_2'):
    build_set('salicon', tmp_path)


def test_image_of_a_wrong_matlab_file_is_left_out(tmp_path, build_set):
  layouts.write_salicon(tmp_path, NAMES)
  path = tmp_path / 'fixations/train/COCO_train2014_1.mat'
  scipy.io.savemat(path, {'gaze': np.eye(3)})
  _, report = build_set('salicon', tmp_path, partial=True)
  [skipped] = report['skipped']
  assert skipped['name'] == 'COCO_train2014_1'
  assert 'expected fixations [n, 2] of viewer 0' in skipped['reason']


def test_viewers_with_one_or_no_fixation_are_read(tmp_path, build_set):
  layouts.write_salicon(tmp_path, NAMES)
  viewers = np.zeros(3, [('fixations', 'O')])
  viewers['fixations'] = [np.zeros((0, 2)), np.array([[3, 4]]), np.ones((2, 2))]
  scipy.io.savemat(
    tmp_path / 'fixations/val/COCO_3.mat', {'gaze': viewers[:, None]}
  )
  dataset, _ = build_set('salicon', tmp_path)
  record = dataset.records('val')[0]
  np.testing.assert_array_equal(record['fixation_viewer'], [1, 2, 2])
  np.testing.assert_array_equal(record['fixation_xy'][0], [2.5, 3.5])
