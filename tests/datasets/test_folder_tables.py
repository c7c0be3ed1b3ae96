"""Tests of the tables of gaze beside own videos and images."""

import numpy as np
import pytest

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts
from tests.datasets.own_folder import (
  DEGREE,
  find_record,
  video_table,
  write_folder,
)


def test_fixations_by_frame_keep_frame_and_position(tmp_path, build_set):
  table = (
    'name,frame,viewer,x,y\n'
    'a.mp4,17,anna,10.5,20\na,0,ben,95.9,63.9\na,17,,3,4\na,17,ben,96,4\n'
  )
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  late, early = find_record(dataset, 'a', 1), find_record(dataset, 'a', 0)
  np.testing.assert_array_equal(late['fixation_frame'], [1, 1])
  found = zip(
    late['fixation_xy'].tolist(), late['fixation_viewer'], strict=True
  )
  assert sorted(found) == [([3, 4], POOLED), ([10.5, 20], 0)]
  np.testing.assert_array_equal(early['fixation_viewer'], [1])
  assert report['totals']['off_frame'] == 1
  assert late['sigma'] == 6
  assert late['has_sound']


def test_fixations_by_time_are_paired_with_the_frame_on_screen(
  tmp_path, build_set
):
  # At 25 frames a second, frame 17 is shown from 0.68 to 0.72 s.
  table = 'name,time,viewer,x,y\na,0.69,anna,10,20\na,0.68,ben,11,20\n'
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, _ = build_set('folder', tmp_path / 'own', **DEGREE)
  np.testing.assert_array_equal(
    find_record(dataset, 'a', 1)['fixation_frame'], [1, 1]
  )


def test_rows_with_nan_are_left_out_and_counted(tmp_path, build_set):
  table = 'name,viewer,x,y\na,1,nan,2\na,1,,2\na,1,3,2\na,1,inf,2\n'
  write_folder(tmp_path / 'own', table, images=['a.png'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert report['totals']['missing'] == 3
  np.testing.assert_array_equal(
    find_record(dataset, 'a')['fixation_xy'], [[3, 2]]
  )


def test_error_of_a_table_names_the_line(tmp_path, build_set):
  table = 'name,viewer,x,y\na,1,3,2\na,1,left,2\n'
  write_folder(tmp_path / 'own', table, images=['a.png'])
  with pytest.raises(
    ValueError, match=r'fixations\.csv, line 3: expected a num'
  ):
    build_set('folder', tmp_path / 'own', **DEGREE)


@pytest.mark.parametrize(
  'columns', ['name,frame,x', 'name,frame,time,viewer,x,y', 'a,b']
)
def test_missing_columns_are_named(tmp_path, build_set, columns):
  write_folder(tmp_path / 'own', f'{columns}\n', images=['a.png'])
  with pytest.raises(
    ValueError, match='expected the columns name, frame or time'
  ):
    build_set('folder', tmp_path / 'own', **DEGREE)


ROWS = 'p.jpg,v1,10,20\np.jpg,v2,30.5,40\n'


PLAIN = f'name,viewer,x,y\n{ROWS}'


@pytest.mark.parametrize(
  'content',
  [
    PLAIN.encode('utf-8-sig'),
    PLAIN.encode('utf-16'),
    PLAIN.encode('utf-16-le'),
    PLAIN.replace('v1', 'Zoë').encode('latin-1'),
    PLAIN.replace('\n', '\r\n').encode(),
    PLAIN.replace('\n', '\r').encode(),
    PLAIN.replace(',', '\t').encode(),
    PLAIN.replace(',', ' ').encode(),
    PLAIN.replace(',', ';').replace('30.5', '30,5').encode(),
    ('sep=;\n' + PLAIN.replace(',', ';')).encode('utf-8-sig'),
    PLAIN.replace('name,viewer,x,y', 'Image; Subject ID ; X (px);Y_px')
    .replace(',', ';')
    .encode(),
    (PLAIN + ',,,\n\n').encode(),
    PLAIN.replace('p.jpg,v2', '"p.jpg","v2"').encode(),
  ],
)
def test_tables_are_read_as_programs_save_them(tmp_path, build_set, content):
  write_folder(tmp_path / 'own', '', images=['p.jpg'])
  (tmp_path / 'own' / 'fixations.csv').write_bytes(content)
  dataset, _ = build_set('folder', tmp_path / 'own', **DEGREE)
  record = find_record(dataset, 'p')
  np.testing.assert_array_equal(record['fixation_xy'], [[10, 20], [30.5, 40]])
  np.testing.assert_array_equal(record['fixation_viewer'], [0, 1])


def test_paths_of_stimuli_stand_for_their_files(tmp_path, build_set):
  table = 'name,viewer,x,y\nC:\\stimuli\\p.jpg,v1,10,20\n/stim/p.jpg,v2,3,4\n'
  write_folder(tmp_path / 'own', table, images=['p.jpg'])
  _, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert report['totals']['fixations'] == 2


@pytest.mark.parametrize('missing', ['NA', '.', '', 'NaN', '-', '#N/A', '-inf'])
def test_missing_values_are_counted(tmp_path, build_set, missing):
  table = PLAIN + f'p.jpg,v1,{missing},{missing}\n'
  write_folder(tmp_path / 'own', table, images=['p.jpg'])
  _, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert report['totals']['missing'] == 1
  assert report['totals']['fixations'] == 2


@pytest.mark.parametrize(
  'table, message',
  [
    ('name,x,y\np,"1,5",2\n', 'line 2: expected a number, .*decimal point'),
    ('name;x;y\np;1.234,5;2\n', 'line 2: expected a number'),
    ('name,x,y\np,1,5,2,5\n', 'line 2: expected 3 values, got 5'),
    ('name,x,y,X\np,1,2,1\n', 'x and X may both be the x'),
    ('', 'row of column names'),
    ('name,x,y\np,1,2\0\n', 'expected a table of text'),
  ],
)
def test_unreadable_tables_say_where_and_why(
  tmp_path, build_set, table, message
):
  write_folder(tmp_path / 'own', table, images=['p.jpg'])
  with pytest.raises(ValueError, match=rf'fixations\.csv.*{message}'):
    build_set('folder', tmp_path / 'own', **DEGREE)


@pytest.mark.parametrize(
  'column, scale',
  [
    *(
      (name, 1) for name in ('timestamp', 'Time', 't', 'Onset [s]', 'TIME_SEC')
    ),
    *((name, 1000) for name in ('time_ms', 'Timestamp (ms)', 'timestamp')),
  ],
)
def test_times_of_common_names_and_units_come_to_their_frames(
  tmp_path, build_set, column, scale
):
  # Frame i of 20 is shown from i / 25 s on.
  frames = [0, 5, 10, 15, 19]
  times = [scale * (frame / 25 + 0.01) for frame in frames]
  write_folder(tmp_path / 'own', video_table(column, times), videos=['a.mp4'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert dataset.clips('test')[0].fixated_frames().tolist() == frames
  guessed = column == 'timestamp' and scale == 1000
  assert ('read as milliseconds' in str(report['clips'][0]['notes'])) == guessed


@pytest.mark.parametrize('column', ['when', 'world_index', 'sample'])
def test_video_without_a_known_column_of_time_is_refused(
  tmp_path, build_set, column
):
  write_folder(tmp_path / 'own', video_table(column, [0, 1]), videos=['a.mp4'])
  with pytest.raises(
    ValueError, match=f'expected a column frame or time .* name, {column}'
  ):
    build_set('folder', tmp_path / 'own', **DEGREE)


def test_shares_of_the_picture_are_recognised(tmp_path, build_set):
  rows = ''.join(f'p,v{n},{n / 10},{0.9 - n / 10}\n' for n in range(8))
  write_folder(tmp_path / 'own', f'name,viewer,x,y\n{rows}', images=['p.jpg'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  height, width = layouts.SIZE
  expected = [[n / 10 * width, (0.9 - n / 10) * height] for n in range(8)]
  np.testing.assert_allclose(
    find_record(dataset, 'p')['fixation_xy'], expected, atol=1e-4
  )
  assert 'shares (0 to 1)' in str(report['clips'][0]['notes'])


def test_setting_overrides_recognised_coordinates(tmp_path, build_set):
  rows = ''.join(f'p,v{n},{n / 10},{0.9 - n / 10}\n' for n in range(8))
  write_folder(tmp_path / 'own', f'name,viewer,x,y\n{rows}', images=['p.jpg'])
  settings = DEGREE['settings'] | {'coordinates': 'pixels'}
  dataset, _ = build_set('folder', tmp_path / 'own', settings=settings)
  np.testing.assert_allclose(
    find_record(dataset, 'p')['fixation_xy'][3], [0.3, 0.6], atol=1e-6
  )


def test_shares_in_one_coordinate_alone_are_refused(tmp_path, build_set):
  rows = ''.join(f'p,v{n},{n / 10},{5 * n}\n' for n in range(8))
  write_folder(tmp_path / 'own', f'name,viewer,x,y\n{rows}', images=['p.jpg'])
  with pytest.raises(ValueError, match='coordinates=pixels or --set'):
    build_set('folder', tmp_path / 'own', **DEGREE)


@pytest.mark.parametrize(
  'column, duration',
  [('duration', 0.3), ('Duration [ms]', 300), ('fixation duration', 300)],
)
def test_a_fixation_is_on_every_frame_that_it_lasts(
  tmp_path, build_set, column, duration
):
  """0.3 s from 0.1 s on, at 25 frames a second: frames 2 to 9."""
  table = f'name,time,{column},viewer,x,y\na,0.1,{duration},v,10.5,20\n'
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  [clip] = dataset.clips('test')
  assert clip.fixated_frames().tolist() == list(range(2, 10))
  assert report['totals']['fixations'] == 8


def test_fixations_by_frame_may_have_durations(tmp_path, build_set):
  """40 ms frames: 0.1 s from frame 4 on is frames 4 to 6; the end is cut."""
  table = (
    'name,frame,duration,viewer,x,y\n'
    'a,4,0.1,v,1,2\na,18,5,w,3,4\na,30,1,w,3,4\n'
  )
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  [clip] = dataset.clips('test')
  assert clip.fixated_frames().tolist() == [4, 5, 6, 18, 19]
  assert report['totals']['without_a_frame'] == 1


def test_ends_of_fixations_give_their_durations(tmp_path, build_set):
  table = 'name,start,end,viewer,x,y\na,0.1,0.4,v,10,20\n'
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, _ = build_set('folder', tmp_path / 'own', **DEGREE)
  [clip] = dataset.clips('test')
  assert clip.fixated_frames().tolist() == list(range(2, 10))


@pytest.mark.parametrize(
  'rows, cause',
  [
    (
      'a,1000,v,5,5\na,1001,v,5,5\n',
      'times are 1000 to 1001 s, .* lasts 0.8 s',
    ),
    ('a,0,v,900,500\n', 'outside the picture of 96 x 64 pixels'),
    ('a,NA,v,NA,NA\n', 'all 1 rows have no coordinates'),
  ],
)
def test_a_clip_that_keeps_no_fixation_is_refused(
  tmp_path, build_set, rows, cause
):
  table = f'name,time,viewer,x,y\n{rows}'
  write_folder(tmp_path / 'own', table, videos=['a.mp4'])
  with pytest.raises(IncompleteError, match=cause):
    build_set('folder', tmp_path / 'own', **DEGREE)
