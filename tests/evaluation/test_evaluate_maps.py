"""`evaluate` of maps that are images or videos in a folder."""

import cv2
import numpy as np
import pytest

from dave_jax import evaluate
from tests.evaluation.command import read_metrics, run_evaluate
from tests.media.map_videos import write_map_video, write_png_frames


def _write_maps(folder, seed=0):
  rng = np.random.default_rng(seed)
  for name, frames in (('bear', 5), ('bird', 4), ('talk', 6)):
    (folder / name).mkdir(parents=True)
    for number in range(1, frames + 1):
      saliency = rng.integers(0, 256, (12, 16), np.uint8)
      cv2.imwrite(str(folder / name / f'{number:04d}.png'), saliency)
  return folder


def test_folder_of_maps(watched_dir, tmp_path, capsys):
  folder = _write_maps(tmp_path / 'maps')
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', f'--predictions={folder}') == 0
  )
  assert (
    'maps: 3 videos, 15 frames scored, 45 without' in capsys.readouterr().out
  )
  found = read_metrics(tmp_path / 'run')
  assert found['format'] == 'dave-jax metrics 1'
  assert list(found['videos']) == ['bear', 'bird', 'talk']
  assert found['categories']['Nature']['frames'] == 9
  names = ['NSS', 'AUC_Judd', 'sAUC', 'CC', 'SIM', 'KLD', 'IG', 'AUC_Borji']
  assert found['scores'] == names
  for name in names:
    videos = [found['videos'][v][name] for v in ('bear', 'bird', 'talk')]
    assert found['overall'][name] == pytest.approx(np.mean(videos))
  run = found['run']
  assert run['settings']['seed'] == 0
  assert run['settings']['protocol'] == 'videosal'
  assert run['mean_eye_position']['split'] == 'made/videos:train'
  assert 'numpy' in found['versions']


def test_missing_maps_are_listed(watched_dir, tmp_path, capsys):
  folder = _write_maps(tmp_path / 'maps')
  (folder / 'bird' / '0002.png').unlink()
  (folder / 'talk' / '0021.png').write_bytes(
    (folder / 'talk' / '0001.png').read_bytes()
  )
  arguments = f'--predictions={folder}'
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', arguments) == evaluate.FAILED
  )
  error = capsys.readouterr().err
  assert '1 of 15 frames have no map: bird: 2' in error
  assert not (tmp_path / 'run').exists()
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', arguments, '--partial') == 0
  )
  error = capsys.readouterr().err
  assert '1 maps lie past the end' in error
  found = read_metrics(tmp_path / 'run')
  assert found['missing'] == {'bird': [1]}
  assert found['counts']['missing'] == 1
  assert found['run']['maps']['extra'] == {'talk': 1}


def test_wrong_folder_is_reported(watched_dir, tmp_path, capsys):
  arguments = (f'--predictions={tmp_path}', '--partial')
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  )
  assert '15 of 15 frames have no map' in capsys.readouterr().err


@pytest.mark.parametrize('pixels', ['yuv420p', 'yuv420p10le'])
def test_videos_of_maps_score_as_their_png_frames(
  watched_dir, tmp_path, pixels
):
  rng = np.random.default_rng(0)
  for name in ('bear', 'bird', 'talk'):
    video = tmp_path / 'videos' / f'{name}.mp4'
    video.parent.mkdir(exist_ok=True)
    maps = rng.integers(0, 256, (20, 5, 6), np.uint8).repeat(4, 1).repeat(4, 2)
    write_map_video(video, maps, pixels)
    write_png_frames(video, tmp_path / 'frames' / name, pixels)
  found = []
  for name in ('videos', 'frames'):
    out = tmp_path / f'run_{name}'
    arguments = (f'--predictions={tmp_path / name}', '--protocol=msu')
    assert run_evaluate(watched_dir, out, *arguments, '--size=original') == 0
    found.append(read_metrics(out))
  assert found[0]['scores'] == ['NSS', 'AUC_Judd', 'CC', 'SIM']
  assert found[0]['overall'] == found[1]['overall']
  assert 'NTIRE 2026' in found[0]['rules']['NSS']


def test_shorter_video_of_maps_is_refused(watched_dir, tmp_path, capsys):
  for name in ('bear', 'bird', 'talk'):
    count = 3 if name == 'talk' else 20
    maps = np.zeros((count, 16, 24), np.uint8)
    maps[:, 4, 4] = 255
    write_map_video(tmp_path / f'{name}.mp4', maps, 'yuv420p')
  arguments = (f'--predictions={tmp_path}', '--protocol=msu', '--size=original')
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  )
  error = capsys.readouterr().err
  assert '3 of 15 frames have no map: talk: 4, 5, 6' in error
