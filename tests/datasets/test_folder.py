import numpy as np
import pytest

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts
from tests.media import clips

DEGREE = {'settings': {'pixels_per_degree': '6'}}


def _record(dataset, name, chunk=0):
  for split in dataset.splits:
    for clip in dataset.clips(split):
      if clip.name == name:
        return dataset.records(split)[clip.first_record + chunk]
  raise AssertionError(f'no {name}')


def _write(root, table, **files):
  root.mkdir(exist_ok=True)
  for name in files.get('videos', ()):
    clips.write_clip(root / name, frames=range(20), sound=clips.tone(0.8))
  for name in files.get('images', ()):
    layouts.write_image(root / name)
  (root / 'fixations.csv').write_text(table)


def test_fixations_by_frame_come_out_where_they_were(tmp_path, build_set):
  table = (
    'name,frame,viewer,x,y\n'
    'a.mp4,17,anna,10.5,20\na,0,ben,95.9,63.9\na,17,,3,4\na,17,ben,96,4\n'
  )
  _write(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  late, early = _record(dataset, 'a', 1), _record(dataset, 'a', 0)
  np.testing.assert_array_equal(late['fixation_frame'], [1, 1])
  found = zip(
    late['fixation_xy'].tolist(), late['fixation_viewer'], strict=True
  )
  assert sorted(found) == [([3, 4], POOLED), ([10.5, 20], 0)]
  np.testing.assert_array_equal(early['fixation_viewer'], [1])
  assert report['totals']['off_frame'] == 1
  assert late['sigma'] == 6
  assert late['has_sound']


def test_fixations_by_time_come_to_the_frame_that_is_shown(tmp_path, build_set):
  # At 25 frames a second, frame 17 is shown from 0.68 to 0.72 s.
  table = 'name,time,viewer,x,y\na,0.69,anna,10,20\na,0.68,ben,11,20\n'
  _write(tmp_path / 'own', table, videos=['a.mp4'])
  dataset, _ = build_set('folder', tmp_path / 'own', **DEGREE)
  np.testing.assert_array_equal(
    _record(dataset, 'a', 1)['fixation_frame'], [1, 1]
  )


def test_images_and_folders_of_frames_stand_beside_videos(tmp_path, build_set):
  root = tmp_path / 'own'
  _write(
    root,
    'name,frame,viewer,x,y\nb,0,1,1,2\nc_25,3,1,5,6\na,0,1,1,1\n',
    videos=['a.mp4'],
    images=['b.png'],
  )
  for frame in range(5):
    layouts.write_image(root / 'c_25' / f'{frame:04d}.jpg')
  dataset, _ = build_set('folder', root, **DEGREE)
  assert _record(dataset, 'b')['clip_frames'] == 1
  frames = _record(dataset, 'c_25')
  assert (frames['rate'], frames['clip_frames']) == (25, 5)
  np.testing.assert_array_equal(frames['fixation_frame'], [3])


def test_own_splits_and_categories_are_kept(tmp_path, build_set):
  table = 'name,viewer,x,y\n' + ''.join(f'{n},1,1,2\n' for n in 'abc')
  root = tmp_path / 'own'
  _write(root, table, images=['a.png', 'b.jpg', 'c.jpeg'])
  (root / 'clips.csv').write_text(
    'name,split,category\na,test,x\nb,train,\nc.jpeg,test,z\n'
  )
  dataset, _ = build_set('folder', root, **DEGREE)
  categories = {clip.name: clip.category for clip in dataset.clips('test')}
  assert categories == {'a': 'x', 'c': 'z'}


def test_own_maps_are_taken(tmp_path, build_set):
  root = tmp_path / 'own'
  table = 'name,frame,viewer,x,y\na,0,1,1,1\nb,0,1,1,1\n'
  _write(root, table, videos=['a.mp4'], images=['b.png'])
  for frame in range(20):
    path = root / 'maps' / 'a' / f'{frame + 1:05d}.png'
    layouts.write_grey(path, layouts.blob(frame))
  layouts.write_grey(root / 'maps' / 'b.png', layouts.blob(33))
  dataset, _ = build_set('folder', root)
  assert record_density(_record(dataset, 'a', 1), 1).argmax() % 80 == 17
  assert record_density(_record(dataset, 'b'), 0).argmax() % 80 == 33


def test_a_table_with_nan_counts_what_it_leaves_out(tmp_path, build_set):
  table = 'name,viewer,x,y\na,1,nan,2\na,1,,2\na,1,3,2\na,1,inf,2\n'
  _write(tmp_path / 'own', table, images=['a.png'])
  dataset, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert report['totals']['missing'] == 3
  np.testing.assert_array_equal(_record(dataset, 'a')['fixation_xy'], [[3, 2]])


def test_a_table_of_words_names_the_line(tmp_path, build_set):
  table = 'name,viewer,x,y\na,1,3,2\na,1,left,2\n'
  _write(tmp_path / 'own', table, images=['a.png'])
  with pytest.raises(ValueError, match=r'fixations\.csv, line 3: wanted num'):
    build_set('folder', tmp_path / 'own', **DEGREE)


@pytest.mark.parametrize(
  'columns', ['name,frame,x', 'name,frame,time,viewer,x,y', '']
)
def test_a_table_of_other_columns_says_which_it_wants(
  tmp_path, build_set, columns
):
  _write(tmp_path / 'own', f'{columns}\n', images=['a.png'])
  with pytest.raises(ValueError, match='wanted name, frame or time, viewer'):
    build_set('folder', tmp_path / 'own', **DEGREE)


def test_all_that_is_missing_is_told_at_once(tmp_path, build_set):
  root = tmp_path / 'own'
  _write(root, 'name,viewer,x,y\na,1,1,1\nz,1,1,1\n', images=['a.png', 'b.png'])
  (root / 'clips.csv').write_text('name,split\na,train\ny,val\nb,dev\n')
  with pytest.raises(IncompleteError) as error:
    build_set('folder', root)
  text = str(error.value)
  assert 'names 1 files that are not there: z' in text
  assert 'has no fixations of b.png' in text
  assert 'no file y' in text
  assert "line 4: split 'dev', wanted one of train, val, test" in text
  assert '--set pixels_per_degree=40' in text
