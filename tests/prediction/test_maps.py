"""Maps as numbers and on disk."""

import numpy as np
import pytest
import scipy.io

from dave_jax.media.image_file import read_image
from dave_jax.media.map_video import read_frames
from dave_jax.prediction.maps import MapFiles, check_mat_size, finish_map


def _saliency(h=8, w=10, seed=0):
  rng = np.random.default_rng(seed)
  return rng.random((h, w), dtype=np.float32) + 0.1


@pytest.mark.parametrize('size', [None, (72, 128)])
def test_probability_maps_sum_to_one(size):
  saliency = finish_map(_saliency(), size=size, values='probability')
  assert saliency.shape == (size or (8, 10))
  assert saliency.dtype == np.float32
  assert saliency.min() >= 0
  assert saliency.sum() == pytest.approx(1, abs=1e-4)


def test_minmax_maps_range_from_zero_to_one():
  saliency = finish_map(_saliency(), size=None, values='minmax')
  assert (saliency.min(), saliency.max()) == (0, 1)


def test_maps_of_the_network_stay_as_they_are():
  saliency = finish_map(_saliency(), size=None, values='network')
  np.testing.assert_array_equal(saliency, _saliency())


@pytest.mark.parametrize('values', ['probability', 'minmax', 'network'])
def test_a_map_of_zeros_stays_zeros(values):
  """The min-max scaling of the published code makes NaN of it."""
  zeros = np.zeros((8, 10), np.float32)
  assert not finish_map(zeros, size=(16, 20), values=values).any()


@pytest.mark.parametrize('format', ['png', 'npz', 'mat'])
def test_files_give_the_map_back(tmp_path, format):
  files = MapFiles(tmp_path, format)
  saliency = _saliency() / 40
  row = files.write(4, saliency)
  # A PNG rounds to one of 65535 levels of the largest value.
  tolerance = 0.51 * saliency.max() / 65535 if format == 'png' else 0
  np.testing.assert_allclose(
    files.read(4) * row['scale'], saliency, atol=tolerance, rtol=0
  )


def test_png_holds_sixteen_bits(tmp_path):
  row = MapFiles(tmp_path, 'png').write(0, _saliency())
  assert row['file'] == 'maps/000001.png'
  assert [p.name for p in (tmp_path / 'maps').iterdir()] == ['000001.png']
  pixels = read_image(tmp_path / row['file'], 'stored')
  assert pixels.dtype == np.uint16
  assert pixels.max() == 65535


def test_png_of_zeros_has_no_scale(tmp_path):
  row = MapFiles(tmp_path, 'png').write(0, np.zeros((8, 10), np.float32))
  assert row['scale'] == 0
  assert not read_image(tmp_path / row['file'], 'stored').any()


@pytest.mark.parametrize('format', ['npz', 'mat'])
def test_maps_in_one_file(tmp_path, format):
  files = MapFiles(tmp_path, format)
  rows = []
  for index in (0, 3, 6):
    row = files.write(index, _saliency(seed=index))
    rows.append(row | {'frame': index + 1, 'time': index / 25})
  files.collect(rows, rate=25.0)
  assert {row['file'] for row in rows} == {f'maps.{format}'}
  if format == 'npz':
    with np.load(tmp_path / 'maps.npz', allow_pickle=False) as arrays:
      found = dict(arrays)
  else:
    found = scipy.io.loadmat(tmp_path / 'maps.mat', squeeze_me=True)
    found['saliency'] = found['saliency'].transpose(2, 0, 1)
  expected = [_saliency(seed=index) for index in (0, 3, 6)]
  np.testing.assert_array_equal(found['saliency'], expected)
  assert found['frame'].tolist() == [1, 4, 7]
  assert found['time'].tolist() == [0, 3 / 25, 6 / 25]


def test_more_than_a_mat_file_holds_is_refused():
  check_mat_size((250, 1080, 1920))
  with pytest.raises(ValueError, match='expected at most 2 GB'):
    check_mat_size((260, 1080, 1920))


def test_video_repeats_the_map_before_a_gap(tmp_path):
  """Frame 2 of 4 has no map: its image did not decode."""
  files = MapFiles(tmp_path / 'clip', 'mp4')
  maps = {index: _saliency(16, 24, seed=index) for index in (0, 2, 3)}
  rows = [
    files.write(index, saliency) | {'frame': index + 1, 'time': index / 25}
    for index, saliency in maps.items()
  ]
  assert {row['file'] for row in rows} == {'clip.mp4'}
  files.collect(rows, rate=25.0)
  frames = list(read_frames(tmp_path / 'clip' / 'clip.mp4', np.arange(4)))
  np.testing.assert_array_equal(frames[1], frames[0])
  for index, saliency in maps.items():
    scaled = (saliency - saliency.min()) / np.ptp(saliency) * 255
    np.testing.assert_allclose(frames[index], scaled, atol=0.52)
