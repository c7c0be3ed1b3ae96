"""Hollywood-2, UCF-Sports, LEDOV and MVVA."""

import numpy as np
import pytest
import scipy.io

from dave_jax.datasets import folds, ledov
from dave_jax.datasets.build import IncompleteError
from dave_jax.datasets.density import record_density
from tests.datasets import video_layouts as layouts


def _looked_at(dataset, split, number, frame):
  """Returns the fixations [n, 2] and the record of a frame."""
  clip = dataset.clips(split)[number]
  row, place = clip.record_of(frame)
  record = dataset.records(split)[row]
  chosen = record['fixation_frame'] == place
  return record['fixation_xy'][chosen], record, place


@pytest.mark.parametrize(
  ('name', 'write'),
  [
    ('hollywood2', layouts.write_hollywood2),
    ('ucf_sports', layouts.write_ucf_sports),
  ],
)
def test_frames_maps_and_points_belong_together(
  tmp_path, build_set, name, write
):
  dataset, report = build_set(name, write(tmp_path / 'release'))
  assert set(dataset.splits) == {'train', 'test'}
  last = len(dataset.clips('train')) - 1  # The shot whose numbers run on.
  xy, record, place = _looked_at(dataset, 'train', last, 18)
  expected = layouts.points_at(18) + 0.5
  assert sorted(xy.tolist()) == sorted(expected.tolist())
  peak = record_density(record, place).argmax()
  x, y = layouts.points_at(18)[0]
  assert (peak % 64, peak // 64) == (x, y)
  clip = dataset.clips('train')[last]
  assert (clip.frames, clip.has_sound, clip.gaze_kind) == (20, False, 'eye')
  assert report['totals']['fixations'] == len(report['clips']) * 20 * 3


def test_missing_numbers_of_a_shot_are_listed(tmp_path, build_set):
  root = layouts.write_hollywood2(tmp_path)
  folder = root / 'training' / 'actioncliptrain00001_2'
  (folder / 'maps' / 'actioncliptrain00001_00025.png').unlink()
  with pytest.raises(IncompleteError) as error:
    build_set('hollywood2', root)
  assert 'maps/: 1 of 20 numbers are missing: 25' in str(error.value)


def test_ledov_gaze_falls_on_the_frames_it_lasts(tmp_path, build_set):
  dataset, report = build_set('ledov', layouts.write_ledov(tmp_path))
  assert {s: [c.name for c in dataset.clips(s)] for s in dataset.splits} == {
    'train': ['animal_a'],
    'val': ['man_b'],
    'test': ['woman_c'],
  }
  xy, record, _ = _looked_at(dataset, 'val', 0, 5)
  np.testing.assert_array_equal(xy, layouts.points_at(5))
  assert record['fixation_viewer'].max() == 3
  assert record['sigma'] == 34
  assert dataset.clips('val')[0].viewers == 3
  # The first fixation of each viewer is at the centre.
  assert report['totals']['central_start'] == 3 * 3


def test_ledov_rows_by_hand():
  """At 25 frames a second a frame lasts 40 ms; 100 pixels high, margin 5."""
  rows = np.array(
    [
      [1, 0, 40, 50, 50],  # Still at the centre.
      [1, 41, 10, 50, 90],  # Away in one direction only.
      [1, 81, 80, 80, 90],  # Ends at 161 ms: frames 3 to 5.
      [1, 170, 999, 50, 50],  # At the centre again, to the last frame.
      [2, 0, 10, 20, 20],  # At 0 ms: the first frame.
    ],
    float,
  )
  fixations, dropped = ledov.fixations_of_rows(
    rows, frames=6, rate=25.0, height=100, width=100
  )
  assert dropped == 2
  assert fixations.when.tolist() == [2, 3, 4, 4, 5, 0]
  assert fixations.viewer.tolist() == [1] * 5 + [2]
  assert fixations.xy[[0, 3, 5]].tolist() == [[80, 90], [50, 50], [20, 20]]


def test_ledov_data_may_be_one_file(tmp_path, build_set):
  root = layouts.write_ledov(tmp_path)
  whole = {}
  for name in ('animal_a', 'man_b', 'woman_c'):
    path = root / name / 'Data.mat'
    whole[name] = scipy.io.loadmat(path)['Data']
    path.unlink()
  scipy.io.savemat(root / 'Data.mat', {'Data': whole})
  dataset, _ = build_set('ledov', root)
  xy, _, _ = _looked_at(dataset, 'test', 0, 5)
  np.testing.assert_array_equal(xy, layouts.points_at(5))


def test_ledov_data_of_another_form_is_refused(tmp_path, build_set):
  root = layouts.write_ledov(tmp_path)
  scipy.io.savemat(root / 'man_b/Data.mat', {'Data': {'fixdata': 1}})
  _, report = build_set('ledov', root, partial=True)
  assert 'expected Data with VideoFrames' in report['skipped'][0]['reason']


def test_mvva_gaze_has_viewers_and_the_sound_of_its_file(tmp_path, build_set):
  dataset, report = build_set('mvva', layouts.write_mvva(tmp_path))
  test = folds.fold_split(dataset.splits, 'test', 2)
  [clip] = dataset.clips(test)
  assert (clip.name, clip.viewers, clip.has_sound) == ('video_169', 3, True)
  assert (clip.width, clip.height) == (1280, 720)
  xy, _, _ = _looked_at(dataset, test, 0, 18)
  expected = layouts.points_at(18) * [1280 / 64, 720 / 64]
  np.testing.assert_allclose(xy, expected)
  assert report['totals']['missing'] == 3  # One NaN in each clip.


def test_mvva_gaze_of_another_shape_is_refused(tmp_path, build_set):
  root = layouts.write_mvva(tmp_path)
  folder = root / 'all_videos_all_frames_fixation'
  np.save(folder / '3.npy', np.zeros((20, 3)))
  (folder / '169.npy').write_bytes(b'no array')
  (root / 'raw_audios/200.wav').unlink()
  with pytest.raises(IncompleteError, match='of 1 clips is missing: video_200'):
    build_set('mvva', root)
  with pytest.raises(IncompleteError) as error:
    build_set('mvva', root, partial=True)
  text = str(error.value)
  assert 'expected positions [frames, 2, viewers], got shape (20, 3)' in text
  assert 'expected an array of numbers' in text
