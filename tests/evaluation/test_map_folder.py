"""Folders of maps, named as benchmarks do."""

import shutil

import cv2
import numpy as np
import pytest

from dave_jax.evaluation.map_folder import MapFolder, read_map
from dave_jax.prediction.maps import MapFiles
from tests.data import sets
from tests.media.map_videos import write_map_video, write_png_frames

_MAPS = np.random.default_rng(0).integers(0, 256, (3, 6, 8), np.uint8)


def _clip(name='clip', frames=3, rate=25.0):
  return sets.make_clip(name, frames=frames, rate=rate).entry


def _read(path):
  return read_map(path, average_colours=False)


def _write(folder, template, first=1):
  for number, saliency in enumerate(_MAPS, first):
    path = folder / template.format(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.npy':
      np.save(path, saliency)
    elif path.suffix == '.npz':
      np.savez(path, saliency=saliency)
    else:
      cv2.imwrite(str(path), saliency)


@pytest.mark.parametrize(
  'template',
  [
    'clip/{:04d}.png',
    'clip/img_{:05d}.png',
    'clip/pred_sal_{:06d}.npy',
    'clip/maps/{:06d}.npz',
    'clip/clip_25_{}.png',
  ],
)
def test_frames_are_found_by_number(tmp_path, template):
  _write(tmp_path, template)
  maps = MapFolder(tmp_path, 1)
  found = list(maps([(_clip(), np.array([0, 2]))]))
  np.testing.assert_array_equal(found, _MAPS[[0, 2]])
  assert maps.check([_clip()], [np.arange(3)]) == ({}, {})


def test_numbers_may_begin_at_zero(tmp_path):
  _write(tmp_path, 'clip/{:04d}.png', first=0)
  (found,) = MapFolder(tmp_path, 0)([(_clip(), np.array([1]))])
  np.testing.assert_array_equal(found, _MAPS[1])


def test_maps_in_one_file_of_predict_are_found_by_frame(tmp_path):
  files = MapFiles(tmp_path / 'clip', 'npz')
  rows = [
    files.write(index, saliency.astype(np.float32))
    | {'frame': index + 1, 'time': index / 25}
    for index, saliency in zip((0, 2, 4), _MAPS, strict=True)
  ]
  files.collect(rows, rate=25.0)
  shutil.rmtree(files.parts)
  maps = MapFolder(tmp_path, 1)
  clip = _clip(frames=5)
  found = list(maps([(clip, np.array([2, 3]))]))
  np.testing.assert_array_equal(found[0], _MAPS[1])
  assert found[1] is None
  assert maps.check([clip], [np.arange(5)]) == ({'clip': [1, 3]}, {})


def test_one_file_may_hold_a_video(tmp_path):
  np.savez(tmp_path / 'clip.npz', maps=_MAPS.astype(np.float32))
  maps = MapFolder(tmp_path, 1)
  found = list(maps([(_clip(), np.array([1, 2]))]))
  np.testing.assert_array_equal(found, _MAPS[1:])
  assert list(maps([(_clip(frames=9), np.array([7]))])) == [None]


@pytest.mark.parametrize('name', ['1001.png', '1001.npy', '1001/0001.png'])
def test_images_have_a_file_each(tmp_path, name):
  path = tmp_path / name
  path.parent.mkdir(exist_ok=True)
  if path.suffix == '.npy':
    np.save(path, _MAPS[0])
  else:
    cv2.imwrite(str(path), _MAPS[0])
  (found,) = MapFolder(tmp_path, 1)([(_clip('1001', 1, 0.0), np.array([0]))])
  np.testing.assert_array_equal(found, _MAPS[0])


def test_missing_and_extra_maps_are_reported(tmp_path):
  _write(tmp_path, 'clip/{:04d}.png')
  clips = [_clip(frames=2), _clip('none', 4)]
  missing, extra = MapFolder(tmp_path, 1).check(
    clips, [np.arange(2), np.array([1, 3])]
  )
  assert missing == {'none': [1, 3]}
  assert extra == {'clip': 1}
  # Counted from 0, the clip lacks its first frame.
  missing, _ = MapFolder(tmp_path, 0).check(clips[:1], [np.arange(2)])
  assert missing == {'clip': [0]}


def test_two_files_of_a_frame_are_refused(tmp_path):
  _write(tmp_path, 'clip/{:04d}.png')
  _write(tmp_path, 'clip/img_{}.png')
  with pytest.raises(ValueError, match='both of frame'):
    list(MapFolder(tmp_path, 1)([(_clip(), np.array([0]))]))


@pytest.mark.parametrize(
  ('first', 'second', 'rate'),
  [
    ('clip.png', 'clip.jpg', 0.0),
    ('clip.npy', 'clip.npz', 25.0),
    ('clip.npz', 'clip/0001.png', 25.0),
    ('clip/0001.png', 'clip/maps/0001.png', 25.0),
  ],
)
def test_two_sources_of_a_clip_are_refused(tmp_path, first, second, rate):
  for name in (first, second):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == '.npy':
      np.save(path, _MAPS)
    elif path.suffix == '.npz':
      np.savez(path, saliency=_MAPS)
    else:
      cv2.imwrite(str(path), _MAPS[0])
  with pytest.raises(ValueError, match=r'maps of clip, got clip.* and clip'):
    MapFolder(tmp_path, 1).check([_clip(frames=1, rate=rate)], [np.arange(1)])


def test_upper_case_suffixes_are_read_and_hidden_files_ignored(tmp_path):
  _write(tmp_path, 'clip/{:04d}.PNG')
  (tmp_path / 'clip' / '._0001.PNG').write_bytes(b'of macOS')
  found = list(MapFolder(tmp_path, 1)([(_clip(), np.array([0, 2]))]))
  np.testing.assert_array_equal(found, _MAPS[[0, 2]])


def test_grey_in_three_channels_is_read_and_colour_refused(tmp_path):
  grey = np.repeat(_MAPS[0][..., None], 3, axis=2)
  cv2.imwrite(str(tmp_path / 'grey.png'), grey)
  np.testing.assert_array_equal(_read(tmp_path / 'grey.png'), _MAPS[0])
  grey[..., 0] = 255 - grey[..., 0]
  cv2.imwrite(str(tmp_path / 'heat.png'), grey)
  with pytest.raises(ValueError, match='got colours'):
    _read(tmp_path / 'heat.png')


def test_files_that_are_not_maps_are_refused(tmp_path):
  (tmp_path / 'a.png').write_text('no picture')
  with pytest.raises(ValueError, match='does not decode'):
    _read(tmp_path / 'a.png')
  np.save(tmp_path / 'b.npy', np.zeros((2, 3, 4, 5)))
  with pytest.raises(ValueError, match=r'\(2, 3, 4, 5\)'):
    _read(tmp_path / 'b.npy')
  np.save(tmp_path / 'c.npy', np.array([{}]), allow_pickle=True)
  with pytest.raises(ValueError, match='expected an array'):
    _read(tmp_path / 'c.npy')
  with pytest.raises(FileNotFoundError, match='no such folder'):
    MapFolder(tmp_path / 'nowhere', 1).check([], [])


@pytest.mark.parametrize('pixels', ['yuv420p', 'yuv420p10le'])
def test_videos_hold_what_their_png_frames_do(tmp_path, pixels):
  """FFmpeg's own PNG encoder writes the frames that are expected."""
  rng = np.random.default_rng(0)
  deep = pixels.endswith('10le')
  grey = rng.integers(0, 256, (5, 6, 8), np.uint8).repeat(4, 1).repeat(4, 2)
  write_map_video(tmp_path / 'clip.mp4', grey, pixels)
  write_png_frames(tmp_path / 'clip.mp4', tmp_path / 'png' / 'clip', pixels)
  folders = [
    MapFolder(path, 1, average_colours=True)
    for path in (tmp_path, tmp_path / 'png')
  ]
  clip, frames = _clip(frames=6), np.array([0, 2, 4, 5])
  (*found, past), (*expected, _) = (list(f([(clip, frames)])) for f in folders)
  assert past is None
  assert found[0].max() > (255 if deep else 127)
  for a, b in zip(found, expected, strict=True):
    np.testing.assert_array_equal(a, b)
  missing, _ = folders[0].check([clip], [frames])
  assert missing == {'clip': [5]}


def test_file_that_is_not_a_video_is_refused(tmp_path):
  (tmp_path / 'clip.mp4').write_bytes(b'no video')
  with pytest.raises(ValueError, match='FFmpeg cannot read it'):
    MapFolder(tmp_path, 1).check([_clip()], [np.arange(3)])
