"""Tests of pictures and statistics of data sets."""

import av
import cv2
import numpy as np
import pytest
import simplejpeg

from dave_jax.datasets import contact_sheets as pictures
from dave_jax.datasets import show, statistics, store
from dave_jax.datasets.schema import POOLED
from tests.datasets import layouts
from tests.media import clips


@pytest.fixture
def own(tmp_path, build_set):
  """A video with sound and one viewer, and an image with two."""
  root = tmp_path / 'own'
  root.mkdir()
  clips.write_clip(root / 'v.mp4', frames=range(50), sound=clips.tone(2))
  layouts.write_image(root / 'i.png', (60, 90), 100)
  rows = [f'v,{frame},anna,{frame + 0.5},32.5' for frame in range(50)]
  rows += ['i,0,anna,10,20', 'i,0,ben,80,50']
  text = '\n'.join(['name,frame,viewer,x,y', *rows])
  (root / 'fixations.csv').write_text(text)
  dataset, _ = build_set('folder', root, settings={'pixels_per_degree': '3'})
  return dataset


def _record(**fields):
  grey = np.full((256, 320, 3), 90, np.uint8)
  record = {
    'frames': [simplejpeg.encode_jpeg(grey, 95, 'RGB')],
    'height': 128,
    'width': 160,
    'density': [],
    'sigma': 0.0,
    'fixation_xy': np.array([[40.0, 64.0]], np.float32),
    'fixation_frame': np.zeros(1, np.int32),
    'fixation_viewer': np.array([POOLED], np.int32),
    'sounding_box': np.zeros((0, 4), np.float32),
    'sounding_frame': np.zeros(0, np.int32),
  }
  return record | fields


def test_ring_is_centred_on_the_fixation():
  image = pictures.marked_frame(_record(), 0)
  assert image.shape == (256, 320, 3)
  y, x = np.nonzero((image == 255).all(axis=2))
  # 40, 64 of 160 x 128, twice as large.
  assert x.mean() == pytest.approx(80, abs=1)
  assert y.mean() == pytest.approx(128, abs=1)


def test_picture_has_the_aspect_ratio_of_the_original():
  image = pictures.marked_frame(_record(width=64), 0)
  assert image.shape == (256, 128, 3)


def test_density_is_drawn_on_the_frame():
  plain = pictures.marked_frame(_record(), 0)
  dense = pictures.marked_frame(_record(sigma=8.0), 0)
  changed = np.abs(plain.astype(int) - dense).sum(axis=2) > 20
  assert changed[110:146, 62:98].mean() > 0.5
  assert not changed[:, 200:].any()


def test_sounding_box_is_drawn():
  image = pictures.marked_frame(
    _record(
      sounding_box=np.array([[100, 20, 120, 40]], np.float32),
      sounding_frame=np.zeros(1, np.int32),
    ),
    0,
  )
  np.testing.assert_array_equal(image[60, 200], [0, 255, 0])


def test_viewers_have_distinct_colours():
  colours = {pictures.viewer_colour(viewer) for viewer in range(-1, 49)}
  assert len(colours) > 45


def test_a_clip_is_written_with_its_sound(tmp_path, own):
  clip = next(c for c in own.clips('test') if c.name == 'v')
  path = tmp_path / 'v.mp4'
  pictures.write_clip(path, own.records('test'), clip, seconds=1)
  with av.open(path) as media:
    assert len(media.streams.audio) == 1
    frames = list(media.decode(video=0))
  assert len(frames) == 25


def test_statistics_of_a_known_set(own):
  found = statistics.gather(own, 'test', most=100, seed=0)
  assert found.per_frame.sum() == 52
  assert found.per_viewer == {0: 51, 1: 1}
  assert found.places.sum() == pytest.approx(1)
  # One pixel a frame, of 96; not from one record to the next, of which there
  # are 3.
  assert found.jumps.size == 49 - 3
  np.testing.assert_allclose(found.jumps, 1 / 96, rtol=1e-5)
  # A sine of half of full scale: -6 dB, and -3 for the root of its mean square.
  assert np.median(found.levels) == pytest.approx(-9.03, abs=0.3)


def test_command_writes_a_page_with_all_parts(tmp_path, own):
  out = tmp_path / 'out'
  status = show.main(
    ['folder', f'--data_dir={tmp_path / "data"}', f'--out={out}', '--rows=2']
  )
  assert status == 0
  page = (out / 'README.md').read_text()
  for name in ('test.png', 'test_statistics.png', 'test_v.mp4'):
    assert name in page
    assert (out / name).stat().st_size > 0
  assert '| clips | 2 |' in page
  assert '52 fixations kept' in page
  assert cv2.imread(str(out / 'test.png')).shape[0] == 2 * (256 + 18 + 4)


def test_names_that_no_font_can_draw_are_listed(tmp_path, own, monkeypatch):
  """The video of the set counts as such here; sheets call it clip N."""
  path_for = pictures.fonts.path_for
  monkeypatch.setattr(
    pictures.fonts, 'path_for', lambda n: None if n == 'v' else path_for(n)
  )
  out = tmp_path / 'out'
  show.main(['folder', f'--data_dir={tmp_path / "data"}', f'--out={out}'])
  names = [clip.name for clip in own.clips('test')]
  line = f'- clip {names.index("v") + 1}: v\n'
  assert line in (out / 'README.md').read_text()


def test_unknown_set_is_an_error_without_a_traceback(tmp_path, capsys):
  status = show.main(['osie', f'--data_dir={tmp_path}', f'--out={tmp_path}'])
  assert status == 1
  assert 'data set osie is not built' in capsys.readouterr().err


def test_contact_sheets_depend_on_the_seed_alone(own):
  sheets = [
    pictures.contact_sheet(own, 'test', rows=2, columns=3, seed=seed)
    for seed in (0, 0)
  ]
  np.testing.assert_array_equal(*sheets)
  assert isinstance(own, store.Dataset)
