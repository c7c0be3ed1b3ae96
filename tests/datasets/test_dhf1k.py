"""Tests of DHF1K."""

import pytest

from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts


@pytest.mark.parametrize('as_images', [False, True])
def test_videos_and_folders_of_frames_are_read(tmp_path, build_set, as_images):
  layouts.write_dhf1k(tmp_path, [1, 600, 601, 701], as_images=as_images)
  dataset, _ = build_set('dhf1k', tmp_path, partial=True)
  names = {s: [c.name for c in dataset.clips(s)] for s in dataset.splits}
  assert names == {'train': ['001', '600'], 'val': ['601'], 'test': ['701']}
  [clip] = dataset.clips('val')
  assert (clip.frames, clip.rate, clip.has_sound) == (20, 30, False)
  record = dataset.records('val')[1]
  assert not record['waveform'].size
  x, y = layouts.gaze_at(1, 18)
  found = record['fixation_xy'][record['fixation_frame'] == 2].tolist()
  assert [int(x) + 0.5, int(y) + 0.5] in found
  assert (record['fixation_viewer'] == POOLED).all()
  assert record_density(record, 2).argmax() % 80 == 18


def test_test_videos_have_no_fixations(tmp_path, build_set):
  layouts.write_dhf1k(tmp_path, [1, 900])
  dataset, _ = build_set('dhf1k', tmp_path, partial=True)
  [clip] = dataset.clips('test')
  assert clip.fixations == 0
  assert record_density(dataset.records('test')[0], 0) is None


def test_missing_videos_and_annotations_are_listed(tmp_path, build_set):
  layouts.write_dhf1k(tmp_path, [1, 2])
  (tmp_path / 'annotation/0002/maps/0004.png').unlink()
  with pytest.raises(IncompleteError) as error:
    build_set('dhf1k', tmp_path)
  absent, annotation = error.value.problems
  assert '698 videos are missing: 003, 004' in absent
  assert annotation.startswith('002: ')
  assert annotation.endswith('1 of 20 numbers are missing: 4')


def test_unrelated_folder_is_an_error(tmp_path, build_set):
  with pytest.raises(IncompleteError, match='expected video/ and annotation/'):
    build_set('dhf1k', tmp_path)
