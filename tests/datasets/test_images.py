"""Tests of OSIE, Scene500, MIT1003 and CAT2000."""

import collections

import cv2
import numpy as np
import pytest
import simplejpeg

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from dave_jax.datasets.photographs import TableOfFixations
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts


def _by_name(dataset):
  return {
    clip.name: dataset.records(split)[clip.first_record]
    for split in dataset.splits
    for clip in dataset.clips(split)
  }


@pytest.mark.slow
@pytest.mark.parametrize(
  'name, images, viewers, size',
  [('osie', 700, 15, 24), ('scene500', 500, 12, None)],
)
def test_real_photographs_keep_every_fixation(
  data, build_set, name, images, viewers, size
):
  dataset, report = build_set(name, data / name, processes=2)
  with np.load(data / name / 'fixations.npz') as original:
    table, names = original['table'], original['image']
  splits = {s: c['clips'] for s, c in report['splits'].items()}
  tenth = images // 10
  assert splits == {'train': images - 2 * tenth, 'val': tenth, 'test': tenth}
  totals = report['totals']
  assert totals['fixations'] + totals['off_frame'] == len(table)
  assert report['viewers_per_clip'][1] == viewers
  assert not report['skipped']
  for split in dataset.splits:
    clips, records = dataset.clips(split), dataset.records(split)
    for clip in clips[:: len(clips) // 7]:
      record = records[clip.first_record]
      assert record['clip'].decode() == clip.name
      number = [n.rpartition('.')[0] for n in names].index(clip.name)
      rows = table[table[:, 0] == number]
      np.testing.assert_array_equal(record['fixation_xy'], rows[:, 2:4])
      np.testing.assert_array_equal(record['fixation_viewer'], rows[:, 1])
      original = cv2.imread(str(data / name / 'stimuli' / names[number]))
      assert original.shape[:2] == (clip.height, clip.width)
      frame = simplejpeg.decode_jpeg(record['frames'][0], 'BGR')
      small = cv2.resize(original, (320, 256), interpolation=cv2.INTER_AREA)
      assert np.abs(frame.astype(float) - small).mean() < 12
      assert record['sigma'] == pytest.approx(size or clip.height / 25)


def test_splits_of_photographs_depend_on_the_seed(tmp_path):
  images = {f'{n}.jpg': (8, 8) for n in range(40)}
  layouts.write_table(tmp_path, images, [[n, 0, 1, 1, 9] for n in range(40)])

  def drawn(seed):
    source = TableOfFixations('osie', pixels_per_degree=1, seed=seed)
    clips, _ = source.find(tmp_path)
    return {clip.name: clip.split for clip in clips}

  assert drawn(0) == drawn(0) != drawn(1)
  counts = collections.Counter(drawn(0).values())
  assert counts == {'train': 32, 'val': 4, 'test': 4}


def test_fixations_outside_the_image_or_missing_are_counted(
  tmp_path, build_set
):
  nan = float('nan')
  rows = [
    [0, 3, 10, 20, 9],
    [0, 3, 80, 20, 9],  # The image is 80 wide.
    [0, 4, nan, 20, 9],
    [1, 4, 7, -0.5, 9],
    [1, 4, 7, 0, 9],
  ]
  images = {'a.jpg': (48, 80), 'b.png': (48, 80)}
  layouts.write_table(tmp_path / 'osie', images, rows)
  dataset, report = build_set('osie', tmp_path)  # One folder below.
  totals = report['totals']
  assert (totals['fixations'], totals['off_frame'], totals['missing']) == (
    2,
    2,
    1,
  )
  record = _by_name(dataset)['b']
  np.testing.assert_array_equal(record['fixation_xy'], [[7, 0]])
  np.testing.assert_array_equal(record['fixation_viewer'], [4])


def test_all_missing_files_are_listed(tmp_path, build_set):
  images = {f'{n}.jpg': (8, 8) for n in range(4)}
  layouts.write_table(tmp_path, images, [[n, 0, 1, 1, 9] for n in range(4)])
  (tmp_path / 'stimuli' / '2.jpg').unlink()
  (tmp_path / 'stimuli' / '3.jpg').unlink()
  layouts.write_image(tmp_path / 'stimuli' / 'stray.jpg')
  with pytest.raises(IncompleteError) as error:
    build_set('osie', tmp_path)
  assert len(error.value.problems) == 2
  assert '2.jpg, 3.jpg' in str(error.value)
  assert 'stray.jpg' in str(error.value)
  _, report = build_set('osie', tmp_path, partial=True)
  assert len(report['clips']) == 2
  assert len(report['problems']) == 2


def test_file_that_is_not_a_table_is_an_error(tmp_path, build_set):
  layouts.write_table(tmp_path, {'a.jpg': (8, 8)}, [[0, 0, 1, 1, 9]])
  (tmp_path / 'fixations.npz').write_bytes(b'PK\x03\x04 cut off')
  with pytest.raises(ValueError, match=r'fixations\.npz.*download it again'):
    build_set('osie', tmp_path)


def test_mit1003_is_read(tmp_path, build_set):
  names = [f'i{n}' for n in range(12)]
  layouts.write_mit1003(tmp_path, names)
  dataset, _ = build_set('mit1003', tmp_path)
  records = _by_name(dataset)
  assert set(records) == set(names)
  record = records['i5']
  x, y = layouts.gaze_at(0, 5)
  # JPEG blurs points: each comes out at its pixel, none at its neighbours.
  np.testing.assert_array_equal(
    np.sort(record['fixation_xy'], axis=0)[0], [int(x) + 0.5, int(y) - 0.5]
  )
  assert len(record['fixation_xy']) == 2
  assert (record['fixation_viewer'] == POOLED).all()
  assert record_density(record, 0).argmax() % 80 == 5


def test_cat2000_splits_each_category(tmp_path, build_set):
  names = [f'{n:03d}' for n in range(1, 11)]
  layouts.write_cat2000(tmp_path, {'Action': names, 'Sketch': names})
  dataset, _ = build_set('cat2000', tmp_path)
  for split, wanted in (('train', 8), ('val', 1), ('test', 1)):
    categories = collections.Counter(
      clip.category for clip in dataset.clips(split)
    )
    assert categories == {'Action': wanted, 'Sketch': wanted}
  record = _by_name(dataset)['Sketch/004']
  expected = [[int(v) + 0.5 for v in layouts.gaze_at(i, 3)] for i in (1, 0)]
  np.testing.assert_array_equal(record['fixation_xy'], expected)
  assert record['category'] == b'Sketch'


def test_images_without_maps_are_listed(tmp_path, build_set):
  layouts.write_mit1003(tmp_path, ['a', 'b', 'c'])
  (tmp_path / 'ALLFIXATIONMAPS' / 'b_fixPts.jpg').unlink()
  with pytest.raises(IncompleteError, match=r'b\.jpeg \(b_fixPts\.jpg\)'):
    build_set('mit1003', tmp_path)
