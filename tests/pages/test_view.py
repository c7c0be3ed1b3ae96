"""The page of a prediction, in a real browser."""

import csv
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from dave_jax import predict
from dave_jax.media.areas import read_areas
from dave_jax.media.overlay import draw
from dave_jax.pages.pieces import in_8_bit
from tests.browsing import until
from tests.media import clips

_STRANGE = '<img src=x onerror=document.title=1>'


def _predict(checkpoint, out, *arguments):
  return predict.main(
    [f'--checkpoint={checkpoint}', f'--out={out}', *map(str, arguments)]
  )


@pytest.fixture(scope='session')
def clip_folder(tmp_path_factory):
  """A clip of 2 s at 25 frames a second, whose last half is loud."""
  folder = tmp_path_factory.mktemp('page')
  sound = np.concatenate([np.zeros(16000, np.float32), clips.tone(1.0)])
  clips.write_clip(folder / f'{_STRANGE}.mp4', frames=range(50), sound=sound)
  return folder


@pytest.fixture(scope='session')
def predicted(checkpoint, clip_folder):
  """Folder of its prediction."""
  clip = clip_folder / f'{_STRANGE}.mp4'
  assert _predict(checkpoint, clip_folder / 'out', clip) == 0
  return clip_folder / 'out' / _STRANGE


@pytest.fixture(scope='session')
def maps(model, clip_folder):
  """The maps as the network computes them, [n, h, w]."""
  clip = clip_folder / f'{_STRANGE}.mp4'
  found = model.predict(clip, size='network', values='network')
  return np.stack([saliency for _, saliency in found])


@pytest.fixture
def page(open_page, predicted):
  page = open_page(predicted / 'view.html')
  until(page, 'video.readyState >= 2')
  until(page, 'dave.maps.get(0) !== null')
  return page


def test_page_plays_and_maps_follow_the_picture(page):
  page.click('#play')
  until(page, 'dave.player.index > 10')
  page.click('#play')
  assert page.evaluate('video.paused')
  # The frame that is told is the one of its time stamp: 25 frames a second.
  index, time = page.evaluate('[dave.player.index, dave.player.time]')
  assert index == round(time * 25)


def test_keys_step_by_frames_and_seconds(page):
  for key, expected in (('.', 1), ('.', 2), (',', 1), ('ArrowRight', 26)):
    page.keyboard.press(key)
    until(page, f'dave.player.index === {expected} && !video.seeking')
  assert page.text_content('#frame').strip() == 'frame 27'
  assert page.text_content('#time') == '0:01.04'
  page.keyboard.press('Space')
  until(page, '!video.paused')


def test_click_on_a_curve_seeks(page):
  box = page.locator('.curve .u-over').first.bounding_box()
  page.mouse.click(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
  # The middle between the first frame, at 0 s, and the last, at 1.96 s.
  until(page, '!video.seeking && dave.player.index > 0')
  assert page.evaluate('dave.player.index') == pytest.approx(24.5, abs=0.6)
  assert page.evaluate('video.currentTime') == pytest.approx(0.98, abs=0.05)


def test_drawn_map_equals_the_stored_one(page, maps):
  page.evaluate('dave.player.seekFrame(30)')
  until(page, 'dave.player.index === 30')
  stored = page.evaluate('Array.from(dave.maps.get(30))')
  expected = in_8_bit(maps[30])
  assert stored == expected.ravel().tolist()
  # What the overlay video draws, on a black picture of the canvas's size.
  h, w = 8 * expected.shape[0], 8 * expected.shape[1]
  black = draw(np.zeros((h, w, 3), np.uint8), expected)
  peak = np.unravel_index(black.sum(axis=2).argmax(), (h, w))
  for y, x in (peak, (h // 2, w // 2), (h // 4, w - 9)):
    r, g, b, a = page.evaluate(
      f"Array.from(heat.getContext('2d').getImageData({x}, {y}, 1, 1).data)"
    )
    drawn = np.array([r, g, b]) * (a / 255)
    np.testing.assert_allclose(drawn, black[y, x], atol=3)


def test_area_drawn_by_mouse_has_the_share_that_numpy_computes(
  page, maps, tmp_path
):
  page.evaluate('dave.player.seekFrame(30)')
  page.check('#draw')
  box = page.locator('#marks').bounding_box()
  x, y, w, h = (box[key] for key in ('x', 'y', 'width', 'height'))
  # A quarter to three quarters, a half to the bottom edge: whole cells of a
  # map of 8 x 12.
  page.mouse.move(x + w / 4, y + h / 2)
  page.mouse.down()
  page.mouse.move(x + 3 * w / 4, y + h)
  page.mouse.up()
  shown = page.text_content('#areas output')
  share = maps[30, 4:, 3:9].sum() / maps[30].sum()
  assert float(shown.rstrip('%')) == pytest.approx(100 * share, abs=0.4)
  page.wait_for_selector('[data-name=areas]')
  with page.expect_download() as download:
    page.click('#save_csv')
  download.value.save_as(tmp_path / 'areas.csv')
  with page.expect_download() as download:
    page.click('#save_json')
  download.value.save_as(tmp_path / 'areas.json')
  for name in ('areas.csv', 'areas.json'):
    (area,) = read_areas(tmp_path / name)
    assert (area.clip, area.frame) == (_STRANGE, None)
    # The picture has 96 x 64 pixels.
    assert area.box == pytest.approx((24, 32, 72, 64), abs=0.2)


def test_time_is_that_of_the_file_whatever_its_name(
  open_page, checkpoint, tmp_path
):
  name = os.fsdecode(b'caf\xe9 #1 100%.mp4')
  clips.write_clip(
    tmp_path / 'late.mp4',
    frames=range(25),
    times=[0.48 + i / 25 for i in range(25)],
    sound=clips.tone(1.5),
  )
  (tmp_path / 'late.mp4').rename(tmp_path / name)
  arguments = [tmp_path / name, '--stride=5', '--format=page']
  assert _predict(checkpoint, tmp_path / 'out', *arguments) == 0
  page = open_page(tmp_path / 'out' / name.removesuffix('.mp4') / 'view.html')
  assert page.title() == 'caf\N{REPLACEMENT CHARACTER} #1 100%.mp4'
  until(page, 'video.readyState >= 2')
  # The picture begins 0.48 s after the sound; frames are 0.2 s apart.
  page.evaluate('dave.player.seekFrame(2)')
  until(page, '!video.seeking && dave.maps.get(2) !== null')
  until(page, 'Math.abs(dave.player.time - 0.88) < 1e-3')
  assert page.evaluate('video.currentTime') == pytest.approx(0.9, abs=1e-3)
  assert page.evaluate('dave.player.index') == 2


def test_a_copy_is_played_where_browsers_do_not_play_the_original(
  open_page, checkpoint, tmp_path
):
  clip = clips.write_clip(
    tmp_path / 'old.avi',
    frames=range(20),
    codec='mjpeg',
    pixel_format='yuvj420p',
  )
  arguments = ['--stride=5', '--format=page']
  assert _predict(checkpoint, tmp_path / 'out', clip, *arguments) == 0
  page = open_page(tmp_path / 'out' / 'old' / 'view.html')
  until(page, 'video.readyState >= 2')
  assert page.evaluate('video.currentSrc').endswith('/old/video.mp4')
  assert page.evaluate('video.duration') == pytest.approx(0.8, abs=0.05)


def test_names_stay_text(page):
  assert page.title() == f'{_STRANGE}.mp4'
  assert page.text_content('h1') == f'{_STRANGE}.mp4'
  assert page.locator('img').count() == 0


def test_missing_video_falls_back_to_the_overlay(
  open_page, predicted, tmp_path
):
  shutil.copytree(predicted, tmp_path / 'a' / 'moved')
  page = open_page(tmp_path / 'a' / 'moved' / 'view.html')
  until(page, 'video.readyState >= 2')
  assert page.is_visible('#drawn')
  assert page.input_value('#layer') == 'none'


def test_files_and_their_sizes(predicted):
  # uPlot, of 51 kB, and the rest of the page; without maps and numbers.
  assert (predicted / 'view.html').stat().st_size < 120_000
  names = {path.name for path in (predicted / 'view').iterdir()}
  assert names == {
    *('about.json', 'curves.js', 'maps_0000.js', 'thumbnail.jpg')
  }
  thumbnail = cv2.imread(str(predicted / 'view' / 'thumbnail.jpg'))
  assert thumbnail.shape == (213, 320, 3)


def test_numbers_of_each_frame(predicted, maps):
  with (predicted / 'frames.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  manifest = json.loads((predicted / 'manifest.json').read_text())
  assert [int(row['frame']) for row in rows] == [
    row['frame'] for row in manifest['frames']
  ]
  p = maps[7] / maps[7].sum()
  assert float(rows[7]['entropy']) == pytest.approx(
    -(p * np.log2(p + (p == 0))).sum(), abs=1e-4
  )
  # A sine of amplitude 0.5 after a second of silence: 20 log10(0.5 / sqrt 2).
  assert float(rows[10]['loudness']) < -60
  assert float(rows[40]['loudness']) == pytest.approx(-9.03, abs=0.3)
  described = (predicted / 'frames.md').read_text()
  for name in rows[0]:
    assert f'| {name} |' in described


@pytest.fixture(scope='module')
def compared(checkpoint, clip_folder, tmp_path_factory):
  """Folder of a prediction with areas of interest and without sound, too."""
  areas = clip_folder / 'areas.csv'
  areas.write_text(
    'clip,frame,x0,y0,x1,y1,area\n,,0,0,48,64,left\nother,,0,0,9,9,no\n'
  )
  out = tmp_path_factory.mktemp('compared')
  arguments = ['--stride=5', '--format=page', '--compare_sound']
  clip = clip_folder / f'{_STRANGE}.mp4'
  assert _predict(checkpoint, out, clip, f'--aoi={areas}', *arguments) == 0
  return out / _STRANGE


def test_areas_from_a_file_have_their_share_and_curve(
  open_page, compared, maps
):
  with (compared / 'frames.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  shares = maps[::5, :, :6].sum(axis=(1, 2)) / maps[::5].sum(axis=(1, 2))
  found = [float(row['share_left']) for row in rows]
  np.testing.assert_allclose(found, shares, rtol=1e-3)
  page = open_page(compared / 'view.html')
  until(page, "document.querySelector('[data-name=areas]')")
  assert page.input_value('#areas input') == 'left'
  page.evaluate('dave.player.seekFrame(4)')
  until(page, 'dave.player.index === 4 && dave.maps.get(4)')
  shown = page.text_content('[data-name=areas] output')
  assert float(shown.split()[-1]) == pytest.approx(100 * shares[4], abs=0.06)


def test_what_the_sound_changes(open_page, compared):
  with (compared / 'frames.csv').open(newline='') as file:
    effect = [float(row['sound_effect']) for row in csv.DictReader(file)]
  # The second half is loud, and the network hears about 0.7 s ahead.
  assert effect[0] == pytest.approx(0, abs=1e-6)
  assert max(effect) > 1e-3
  page = open_page(compared / 'view.html')
  page.evaluate(f'dave.player.seekFrame({int(np.argmax(effect))})')
  page.select_option('#layer', 'difference')
  until(
    page,
    "heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data"
    '.some((value) => value > 0)',
  )


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--compare_sound', '--sound=none'], 'nothing to compare'),
    (['--aoi=absent.csv'], 'absent.csv'),
    (['--pixels_per_degree=0'], 'expected a positive number'),
  ],
)
def test_what_cannot_be_is_refused_at_the_start(
  checkpoint, clip, tmp_path, capsys, arguments, message
):
  assert _predict(checkpoint, tmp_path, clip, *arguments) == 1
  assert message in capsys.readouterr().err
