"""Tests of fixations and of the formats that gaze comes in."""

import tarfile

import numpy as np
import pytest
import scipy.io

from dave_jax.datasets import gaze
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts

SHOWN = {'height': 704, 'width': 1280, 'screen': (960, 1280)}


def _write(path, rows):
  np.savetxt(path, rows, fmt='%g', delimiter='\t', newline='\r\n')
  return [path]


def test_diem_fixations_are_in_pixels_of_the_video(tmp_path):
  rows = np.array(
    [
      # frame, left x, y, pupil, event, right x, y, pupil, event
      [1, 640, 480, 9, 1, 650, 490, 9, 1],
      [2, 640, 480, 9, 2, 650, 490, 9, 1],  # The left eye in a saccade.
      [3, 640, 480, 9, 0, 650, 490, 9, 0],  # A blink.
      [4, 0, 0, 0, -1, 0, 0, 0, -1],  # An error.
      [5, 10, 128, 9, 1, 20, 130, 9, 1],
    ]
  )
  paths = _write(tmp_path / 'a.txt', rows)
  # 1280 x 704 is centred on 1280 x 960: 128 rows above it.
  found, frames, counts = gaze.read_diem(paths, eye='left', **SHOWN)
  assert frames == 5
  assert counts == {'not_fixating': 3, 'missing': 0}
  np.testing.assert_array_equal(found.xy, [[640, 352], [10, 0]])
  np.testing.assert_array_equal(found.when, [0, 4])
  right, _, _ = gaze.read_diem(paths, eye='right', **SHOWN)
  np.testing.assert_array_equal(right.when, [0, 1, 4])
  mean, _, _ = gaze.read_diem(paths, eye='mean', **SHOWN)
  np.testing.assert_array_equal(mean.xy, [[645, 357], [15, 1]])


def test_diem_counts_fixations_without_coordinates(tmp_path):
  rows = [[1, np.nan, 480, 9, 1, 5, 5, 9, 1], [2, 3, 128, 9, 1, 5, 5, 9, 1]]
  paths = _write(tmp_path / 'a.txt', rows)
  found, _, counts = gaze.read_diem(paths, eye='left', **SHOWN)
  assert counts['missing'] == 1
  np.testing.assert_array_equal(found.when, [1])


@pytest.mark.parametrize('text', ['1\t2\t3\n', 'a\tb\n', ''])
def test_error_of_a_diem_table_names_the_file(tmp_path, text):
  path = tmp_path / 'viewer.txt'
  path.write_text(text)
  with pytest.raises(ValueError, match=r'viewer\.txt.*download it again'):
    gaze.read_diem([path], eye='left', **SHOWN)


def test_real_diem_gaze_lies_on_the_video(data, tmp_path):
  with tarfile.open(
    data / 'diem_gaze' / 'arctic_bears_1066x710.tar.gz'
  ) as archive:
    archive.extractall(tmp_path, filter='data')
  paths = sorted((tmp_path / 'arctic_bears_1066x710/event_data').glob('*.txt'))
  assert len(paths) == 49
  found, frames, counts = gaze.read_diem(
    paths, height=710, width=1066, screen=(960, 1280), eye='left'
  )
  assert frames == 2785
  # Rows of event 1 and others, counted in the files with awk.
  assert len(found) == 114834
  assert counts == {'not_fixating': 49 * 2785 - 114834, 'missing': 0}
  assert found.inside(710, 1066).mean() > 0.99


def test_left_and_top_edges_are_inside_the_frame_right_and_bottom_are_not():
  xy = np.array([[0, 0], [79.99, 47.99], [80, 10], [10, 48], [-0.01, 10]])
  found = gaze.Fixations(xy, np.zeros(5), np.zeros(5, np.int32))
  np.testing.assert_array_equal(
    found.inside(48, 80), [True, True, False, False, False]
  )


def test_positions_keep_viewers_and_missing_ones_are_counted():
  positions = np.arange(2 * 3 * 2, dtype=float).reshape(2, 3, 2)
  positions[1, 2, 0] = np.nan
  found, counts = gaze.fixations_of_positions(positions)
  assert counts == {'missing': 1}
  assert len(found) == 5
  row = (found.when == 2) & (found.viewer == 1)
  np.testing.assert_array_equal(found.xy[row], [[5, 11]])


def _of_maps(maps):
  return gaze.gaze_of_maps(
    {number: number for number in maps}, maps.get, density=(), sigma=0
  )


def test_fixated_pixels_become_their_centres():
  fixated = np.zeros((4, 6))
  fixated[3, 1] = 1
  found = _of_maps({8: fixated}).fixations
  np.testing.assert_array_equal(found.xy, [[1.5, 3.5]])
  assert found.when == [7]
  assert found.viewer == [POOLED]


def test_gaze_of_another_rate_is_paired_by_time():
  found = _of_maps({31: np.ones((1, 1))}).fixations
  same, notes = gaze.match_rates(found, 30, 29.97)
  assert same is found and not notes
  timed, notes = gaze.match_rates(found, 30, 25)
  assert timed.timed
  # The middle of row 30, which lasts from 1 s to 1.0333 s.
  np.testing.assert_allclose(timed.when, 30.5 / 30)
  assert 'paired by time' in notes[0]


def test_nested_field_of_a_matlab_file_is_read(tmp_path):
  layouts.write_coutrot(tmp_path, 1, [3], frames=4, suffix='.mp4')
  clip = gaze.read_mat(
    tmp_path / 'coutrot_database1.mat',
    'Coutrot_Database1',
    'OriginalSounds',
    'clip_3',
  )
  assert clip.data.shape == (2, 4, 2)


def test_missing_matlab_variable_lists_those_found(tmp_path):
  path = tmp_path / 'fixMap_00001.mat'
  scipy.io.savemat(path, {'other': 1})
  with pytest.raises(
    ValueError, match=r'expected eyeMap, got the variables other'
  ):
    gaze.read_mat(path, 'eyeMap')


@pytest.mark.parametrize('kept', [0, 30, 200])
def test_error_of_a_damaged_matlab_file_names_it(tmp_path, kept):
  path = tmp_path / 'points.mat'
  scipy.io.savemat(path, {'eyeMap': np.eye(50)}, do_compression=True)
  path.write_bytes(path.read_bytes()[:kept])
  with pytest.raises(ValueError, match=r'points\.mat'):
    gaze.read_mat(path, 'eyeMap')


def test_error_of_matlab_7_3_says_how_to_save_the_file(tmp_path):
  path = tmp_path / 'new.mat'
  header = b'MATLAB 7.3 MAT-file'.ljust(124) + bytes([0, 2]) + b'IM'
  path.write_bytes(header + bytes(512))
  with pytest.raises(ValueError, match="'-v7'"):
    gaze.read_mat(path, 'eyeMap')
