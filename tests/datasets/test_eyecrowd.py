"""EyeCrowd's two layouts: the release's MATLAB file and a table."""

import cv2
import numpy as np
import pytest
import scipy.io

from dave_jax.datasets.photographs import EyeCrowdSource
from dave_jax.datasets.source import Picture


def _write_release(root, height, width):
  """Two photographs; the second viewer of the first looked nowhere."""
  for folder in ('data/stimuli', 'data/eye'):
    (root / folder).mkdir(parents=True)
  for name in ('001.jpg', '002.jpg'):
    image = np.zeros((height, width, 3), np.uint8)
    assert cv2.imwrite(str(root / 'data/stimuli' / name), image)

  def viewer(x, y):
    return {'fix_x': x, 'fix_y': y, 'fix_duration': [200.0] * len(x)}

  entries = [
    {
      'img': '001.jpg',
      'subjects': [viewer([512.0, 1023.0], [384.0, 0.0]), viewer([], [])],
    },
    {
      'img': '002.jpg',
      'subjects': [viewer([10.0, np.nan], [20.0, 30.0]), viewer([4.0], [6.0])],
    },
  ]
  scipy.io.savemat(
    root / 'data/eye/fixations.mat',
    {'fixations': np.array(entries, dtype=object)},
  )


@pytest.mark.parametrize('width', [1024, 512])
def test_release_is_read_in_pixels_of_the_image(tmp_path, width):
  """Coordinates are of 1024x768; half as large an image halves them."""
  height = width * 3 // 4
  _write_release(tmp_path, height, width)
  source = EyeCrowdSource()
  clips, problems = source.find(tmp_path)
  assert not problems
  assert [clip.name for clip in clips] == ['001', '002']
  picture = Picture(height=height, width=width, rate=0)
  first, second = (source.gaze(clip, picture) for clip in clips)
  scale = width / 1024
  np.testing.assert_allclose(
    first.fixations.xy, np.array([[512, 384], [1023, 0]]) * scale
  )
  assert first.viewers == 1
  assert first.sigma == pytest.approx(30.4 * scale)
  np.testing.assert_allclose(
    second.fixations.xy, np.array([[10, 20], [4, 6]]) * scale
  )
  np.testing.assert_array_equal(second.fixations.viewer, [0, 1])
  assert second.counts == {'missing': 1}


def test_resized_photographs_are_blurred_by_their_size(tmp_path):
  """A degree is 30.4 pixels of 1024, so 19 of 640."""
  (tmp_path / 'stimuli').mkdir()
  image = np.zeros((480, 640, 3), np.uint8)
  cv2.imwrite(str(tmp_path / 'stimuli/001.jpg'), image)
  np.savez(
    tmp_path / 'fixations.npz',
    table=np.array([[0, 0, 320.0, 240.0, 200.0]]),
    image=np.array(['001.jpg']),
  )
  source = EyeCrowdSource()
  (clip,), _ = source.find(tmp_path)
  gaze = source.gaze(clip, Picture(height=480, width=640, rate=0))
  assert gaze.sigma == pytest.approx(19.0)
  np.testing.assert_array_equal(gaze.fixations.xy, [[320, 240]])


def test_missing_photographs_are_reported(tmp_path):
  _write_release(tmp_path, 768, 1024)
  (tmp_path / 'data/stimuli/002.jpg').unlink()
  clips, problems = EyeCrowdSource().find(tmp_path)
  assert [clip.name for clip in clips] == ['001']
  assert '1 images are missing: 002.jpg' in problems[0]


def test_mat_file_of_another_layout_is_refused(tmp_path):
  _write_release(tmp_path, 768, 1024)
  scipy.io.savemat(tmp_path / 'data/eye/fixations.mat', {'other': 1})
  with pytest.raises(ValueError, match='expected a struct array fixations'):
    EyeCrowdSource().find(tmp_path)


def test_real_photographs_are_split(data):
  """500 photographs, 80, 10 and 10 percent."""
  clips, problems = EyeCrowdSource().find(data / 'eyecrowd')
  assert not problems
  splits = [clip.split for clip in clips]
  assert {s: splits.count(s) for s in set(splits)} == {
    'train': 400,
    'val': 50,
    'test': 50,
  }
