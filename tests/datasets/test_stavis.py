"""Tests of the STAViS release."""

import pytest

from dave_jax.datasets import folds
from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from tests.datasets import layouts

LISTS = [
  ('AVAD_list_train_1_fps.txt', ['a', 'b']),
  ('AVAD_list_test_1_fps.txt', ['c']),
  ('AVAD_list_train_2_fps.txt', ['a', 'c']),
  ('AVAD_list_test_2_fps.txt', ['b']),
  ('AVAD_list_train_3_fps.txt', ['b', 'c']),
  ('AVAD_list_test_3_fps.txt', ['a']),
]


@pytest.fixture
def release(tmp_path):
  root = tmp_path / 'release'
  layouts.write_stavis(root, 'AVAD', 'abc', lists=LISTS)
  return root


def test_points_maps_and_sound_belong_to_their_frames(release, build_set):
  dataset, report = build_set('stavis/avad', release)
  split = folds.fold_split(dataset.splits, 'test', 2)
  [clip] = dataset.clips(split)
  assert (clip.name, clip.frames, clip.rate) == ('b', 20, 25)
  assert clip.has_sound
  records = dataset.records(split)
  record = records[clip.first_record + 1]
  for place in range(4):
    x, y = layouts.gaze_at(0, 16 + place)
    found = record['fixation_xy'][record['fixation_frame'] == place]
    assert [int(x) + 0.5, int(y) + 0.5] in found.tolist()
    assert len(found) == 2
    # The brightest column of each map has the number of its frame.
    assert record_density(record, place).argmax() % 80 == 16 + place
  assert report['totals']['fixations'] == 3 * 20 * 2


def test_folds_share_their_records(release, build_set):
  dataset, _ = build_set('stavis/avad', release)
  for fold in (1, 2, 3):
    train = dataset.clips(folds.fold_split(dataset.splits, 'train', fold))
    test = dataset.clips(folds.fold_split(dataset.splits, 'test', fold))
    wanted = dict(LISTS)
    assert {c.name for c in train} == set(
      wanted[f'AVAD_list_train_{fold}_fps.txt']
    )
    assert {c.name for c in test} == set(
      wanted[f'AVAD_list_test_{fold}_fps.txt']
    )


def test_all_missing_files_are_listed(release, build_set):
  (release / 'video_frames/AVAD/a/img_00007.jpg').unlink()
  (release / 'video_audio/AVAD/b/b.wav').unlink()
  (release / 'annotations/AVAD/c/fixMap_00002.mat').unlink()
  (release / 'video_frames/AVAD/stray').mkdir()
  with pytest.raises(IncompleteError) as error:
    build_set('stavis/avad', release)
  a, b, c, stray = error.value.problems
  assert a.startswith('AVAD/a: ')
  assert a.endswith('1 of 20 numbers are missing: 7')
  assert b.endswith('b.wav is missing')
  assert 'fixMap_*.mat: 1 of 20 numbers are missing: 2' in c
  assert stray.endswith('in no fold list: stray')


def test_frames_after_the_last_map_have_none(release, build_set):
  folder = release / 'annotations/AVAD/a'
  for number in range(15, 21):
    (folder / f'fixMap_{number:05d}.mat').unlink()
    (folder / f'maps/eyeMap_{number:05d}.jpg').unlink()
  dataset, report = build_set('stavis/avad', release)
  [clip] = dataset.clips('test3_train12')
  assert clip.name == 'a'
  assert clip.fixated == ((0, 14),)
  assert report['totals']['frames_without_gaze'] == 6
  last = dataset.records('test3_train12')[clip.first_record + 1]
  assert last['density'] == [b''] * 4
  assert record_density(last, 0) is None


def test_set_without_fold_lists_is_an_error(release, build_set):
  with pytest.raises(
    FileNotFoundError, match='expected SumMe_list_train_1_fps'
  ):
    build_set('stavis/summe', release)


def test_maps_of_several_sizes_are_an_error(release, build_set):
  layouts.scipy.io.savemat(
    release / 'annotations/AVAD/a/fixMap_00003.mat',
    {'eyeMap': layouts.points(2)[:-1]},
  )
  with pytest.raises(IncompleteError, match='expected maps of one size'):
    build_set('stavis/avad', release)
