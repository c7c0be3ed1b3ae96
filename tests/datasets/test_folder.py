"""Tests of folders of own videos and images: files, names and splits."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from tests.datasets import layouts
from tests.datasets.own_folder import (
  DEGREE,
  find_record,
  video_table,
  write_folder,
)
from tests.media import clips


def test_videos_images_and_folders_of_frames_can_be_mixed(tmp_path, build_set):
  root = tmp_path / 'own'
  write_folder(
    root,
    'name,frame,viewer,x,y\nb,0,1,1,2\nc_25,3,1,5,6\na,0,1,1,1\n',
    videos=['a.mp4'],
    images=['b.png'],
  )
  for frame in range(5):
    layouts.write_image(root / 'c_25' / f'{frame:04d}.jpg')
  dataset, _ = build_set('folder', root, **DEGREE)
  assert find_record(dataset, 'b')['clip_frames'] == 1
  frames = find_record(dataset, 'c_25')
  assert (frames['rate'], frames['clip_frames']) == (25, 5)
  np.testing.assert_array_equal(frames['fixation_frame'], [3])


def test_splits_and_categories_of_clips_csv_are_used(tmp_path, build_set):
  table = 'name,viewer,x,y\n' + ''.join(f'{n},1,1,2\n' for n in 'abc')
  root = tmp_path / 'own'
  write_folder(root, table, images=['a.png', 'b.jpg', 'c.jpeg'])
  (root / 'clips.csv').write_text(
    'name,split,category\na,test,x\nb,train,\nc.jpeg,test,z\n'
  )
  dataset, _ = build_set('folder', root, **DEGREE)
  categories = {clip.name: clip.category for clip in dataset.clips('test')}
  assert categories == {'a': 'x', 'c': 'z'}


def test_own_density_maps_are_used(tmp_path, build_set):
  root = tmp_path / 'own'
  table = 'name,frame,viewer,x,y\na,0,1,1,1\nb,0,1,1,1\n'
  write_folder(root, table, videos=['a.mp4'], images=['b.png'])
  for frame in range(20):
    path = root / 'maps' / 'a' / f'{frame + 1:05d}.png'
    layouts.write_grey(path, layouts.blob(frame))
  layouts.write_grey(root / 'maps' / 'b.png', layouts.blob(33))
  dataset, _ = build_set('folder', root)
  assert record_density(find_record(dataset, 'a', 1), 1).argmax() % 80 == 17
  assert record_density(find_record(dataset, 'b'), 0).argmax() % 80 == 33


def test_all_missing_files_are_listed(tmp_path, build_set):
  root = tmp_path / 'own'
  write_folder(
    root, 'name,viewer,x,y\na,1,1,1\nz,1,1,1\n', images=['a.png', 'b.png']
  )
  (root / 'clips.csv').write_text('name,split\na,train\ny,val\nb,dev\n')
  with pytest.raises(IncompleteError) as error:
    build_set('folder', root)
  text = str(error.value)
  assert 'names 1 files that are missing: z' in text
  assert 'no fixations of b.png' in text
  assert 'files that are missing: y' in text
  assert "line 4: expected a split of train, val, test, got 'dev'" in text
  assert '--set pixels_per_degree=40' in text


def test_names_match_in_composed_and_decomposed_unicode(tmp_path, build_set):
  root = tmp_path / 'own'
  write_folder(
    root,
    'name,viewer,x,y\ncafé.jpg,v,1,2\n',
    images=[unicodedata.normalize('NFD', 'café.jpg')],
  )
  layouts.write_grey(
    root / 'maps' / unicodedata.normalize('NFD', 'café.png'), layouts.blob(33)
  )
  dataset, report = build_set('folder', root)
  assert [c['name'] for c in report['clips']] == ['café']
  assert record_density(find_record(dataset, 'café'), 0).argmax() % 80 == 33


def test_a_thumbnail_does_not_replace_its_video(tmp_path, build_set):
  write_folder(
    tmp_path / 'own',
    video_table('time', [0.1, 0.5]),
    videos=['a.mp4'],
    images=['a.jpg'],
  )
  _, report = build_set('folder', tmp_path / 'own', **DEGREE)
  assert [(c['name'], c['frames']) for c in report['clips']] == [('a', 20)]
  assert 'a.jpg was taken for a thumbnail' in report['clips'][0]['notes'][0]


def test_files_that_differ_in_their_suffix_are_two_clips(tmp_path, build_set):
  write_folder(
    tmp_path / 'own',
    'name,frame,viewer,x,y\na.mp4,3,v,1,2\na.jpg,0,v,5,6\n',
    videos=['a.mp4'],
    images=['a.jpg'],
  )
  _, report = build_set('folder', tmp_path / 'own', **DEGREE)
  found = {c['name']: (c['frames'], c['fixations']) for c in report['clips']}
  assert found == {'a.mp4': (20, 1), 'a.jpg': (1, 1)}


def test_a_name_that_two_files_may_have_is_refused(tmp_path, build_set):
  write_folder(
    tmp_path / 'own', 'name,viewer,x,y\na,v,1,2\n', images=['a.jpg', 'a.png']
  )
  with pytest.raises(IncompleteError, match=r"'a' may be a\.jpg or a\.png"):
    build_set('folder', tmp_path / 'own', **DEGREE)


def test_dots_in_names_of_folders_are_no_suffixes(tmp_path, build_set):
  root = tmp_path / 'own'
  table = 'name,frame,viewer,x,y\na_29.97,1,v,1,2\na_29.5,2,v,5,6\n'
  write_folder(root, table)
  for name in ('a_29.97', 'a_29.5'):
    for frame in range(3):
      layouts.write_image(root / name / f'{frame:04d}.JPG')
  _, report = build_set('folder', root, **DEGREE)
  rates = {c['name']: (c['rate'], c['fixations']) for c in report['clips']}
  assert rates == {'a_29.5': (29.5, 1), 'a_29.97': (29.97, 1)}


def test_suffixes_in_capitals_and_files_of_macos(tmp_path, build_set):
  root = tmp_path / 'own'
  table = 'name,frame,viewer,x,y\na,1,v,1,2\nb.PNG,0,v,5,6\n'
  write_folder(root, table)
  clips.write_clip(root / 'a.mkv', frames=range(5))
  (root / 'a.mkv').rename(root / 'a.MKV')
  Image.new('RGB', (80, 48)).save(root / 'b.PNG')
  for name in ('._a.MKV', '._b.PNG', '._fixations.csv'):
    (root / name).write_bytes(b'\0\5\x16\7')
  _, report = build_set('folder', root, **DEGREE)
  assert {c['name'] for c in report['clips']} == {'a', 'b'}


def test_small_sets_without_splits_are_for_testing(tmp_path, build_set):
  names = [f'p{n}' for n in range(9)]
  rows = ''.join(f'{name},v,1,2\n' for name in names)
  write_folder(
    tmp_path / 'own',
    f'name,viewer,x,y\n{rows}',
    images=[f'{name}.png' for name in names],
  )
  dataset, _ = build_set('folder', tmp_path / 'own', **DEGREE)
  assert dataset.splits == ('test',)


def test_clips_csv_may_name_an_image_beside_its_video(tmp_path, build_set):
  root = tmp_path / 'own'
  write_folder(
    root,
    'name,frame,viewer,x,y\na.mp4,3,v,1,2\n',
    videos=['a.mp4'],
    images=['a.jpg'],
  )
  (root / 'clips.csv').write_text('name,split\na.mp4,test\na.jpg,train\n')
  dataset, report = build_set('folder', root, partial=True, **DEGREE)
  found = {c['name']: (c['split'], c['fixations']) for c in report['clips']}
  assert found == {'a.mp4': ('test', 1), 'a.jpg': ('train', 0)}
  assert 'no fixations of a.jpg' in report['problems'][0]
  assert dataset.clips('test')[0].frames == 20
