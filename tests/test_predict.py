"""The command line: what it writes, resumes, refuses and reports."""

import csv
import json
import pathlib
import shutil

import av
import cv2
import numpy as np
import pytest
import scipy.io
import soundfile

from dave_jax import predict
from dave_jax.media.image_file import read_image
from dave_jax.prediction.saliency_model import SaliencyModel
from dave_jax.prediction.video_list import assign_folders
from dave_jax.weights import model_folder as store
from tests.media import clips

_NUMBERS = ('frames.csv', 'frames.md')


def _run(checkpoint, out, *arguments):
  return predict.main(
    [
      f'--checkpoint={checkpoint}',
      f'--out={out}',
      *map(str, arguments),
    ]
  )


def _manifest(folder):
  return json.loads((folder / 'manifest.json').read_text())


def test_writes_maps_overlay_and_manifest(checkpoint, clip, tmp_path, model):
  assert _run(checkpoint, tmp_path, clip, '--stride=2') == 0
  folder = tmp_path / 'noise'
  names = {p.name for p in folder.iterdir()}
  assert names == {
    *('maps', 'overlay.mp4', 'manifest.json', 'frames.csv', 'frames.md'),
    *('view.html', 'view'),
  }
  manifest = _manifest(folder)
  assert [row['frame'] for row in manifest['frames']] == list(range(1, 41, 2))
  assert manifest['source']['file'] == 'noise.mp4'
  assert manifest['settings']['alignment'] == 'exact'
  assert manifest['model']['fingerprint'] == model.fingerprint
  assert manifest['versions']['dave_jax']
  assert manifest['problems'] == []
  # The file and the manifest give back the map of the Python interface.
  maps = dict(model.predict(clip))
  row = manifest['frames'][7]
  pixels = cv2.imread(str(folder / row['file']), cv2.IMREAD_UNCHANGED)
  expected = maps[row['time']]
  assert expected.shape == (64, 96)
  assert expected.sum() == pytest.approx(1, abs=1e-5)
  np.testing.assert_allclose(
    pixels * row['scale'], expected, atol=expected.max() / 65535
  )
  with av.open(str(folder / 'overlay.mp4')) as overlay:
    assert [s.type for s in overlay.streams] == ['video', 'audio']
    assert sum(1 for _ in overlay.decode(video=0)) == 40


def test_overlay_alone_leaves_no_maps(checkpoint, clip, tmp_path):
  assert _run(checkpoint, tmp_path, clip, '--format=overlay') == 0
  names = {p.name for p in (tmp_path / 'noise').iterdir()}
  assert names == {'overlay.mp4', 'manifest.json', *_NUMBERS}


def test_maps_of_the_videos_size(checkpoint, clip, tmp_path):
  arguments = ['--format=npz', '--size=video', '--values=minmax', '--stride=8']
  assert _run(checkpoint, tmp_path, clip, *arguments) == 0
  names = {p.name for p in (tmp_path / 'noise').iterdir()}
  assert names == {'maps.npz', 'manifest.json', *_NUMBERS}
  with np.load(tmp_path / 'noise' / 'maps.npz') as arrays:
    assert arrays['saliency'].shape == (5, 64, 96)
    assert (arrays['saliency'].min(axis=(1, 2)) == 0).all()
    assert (arrays['saliency'].max(axis=(1, 2)) == 1).all()
    assert arrays['frame'].tolist() == [1, 9, 17, 25, 33]
    assert arrays['time'] == pytest.approx(np.arange(0, 40, 8) / 25)


def test_interrupted_prediction_resumes(
  checkpoint, clip, tmp_path, monkeypatch, capsys
):
  whole, broken = tmp_path / 'whole', tmp_path / 'broken'
  assert _run(checkpoint, whole, clip) == 0
  predict_frames = SaliencyModel.predict_frames

  def interrupted(self, *args, **kwargs):
    for i, prediction in enumerate(predict_frames(self, *args, **kwargs)):
      if i == 13:
        raise KeyboardInterrupt
      yield prediction

  with monkeypatch.context() as patch:
    patch.setattr(SaliencyModel, 'predict_frames', interrupted)
    assert _run(checkpoint, broken, clip) == predict.INTERRUPTED
  assert '--resume to continue' in capsys.readouterr().err
  assert not (broken / 'noise' / 'manifest.json').exists()
  assert _run(checkpoint, broken, clip) == 1
  assert 'holds an unfinished prediction' in capsys.readouterr().err
  computed = []

  def counted(self, *args, **kwargs):
    for prediction in predict_frames(self, *args, **kwargs):
      computed.append(prediction.frame.index)
      yield prediction

  with monkeypatch.context() as patch:
    patch.setattr(SaliencyModel, 'predict_frames', counted)
    assert _run(checkpoint, broken, clip, '--resume') == 0
  assert computed == list(range(13, 40))
  assert _manifest(broken / 'noise') == _manifest(whole / 'noise')
  for path in (whole / 'noise' / 'maps').iterdir():
    one, other = (
      cv2.imread(str(p), cv2.IMREAD_UNCHANGED).astype(int)
      for p in (path, broken / 'noise' / 'maps' / path.name)
    )
    # Other batches: 1e-5 of the range is under one of 65535 levels.
    assert np.abs(one - other).max() <= 1


def test_finished_prediction_is_neither_overwritten_nor_repeated(
  checkpoint, clip, tmp_path, capsys
):
  arguments = [clip, '--format=png', '--stride=20']
  assert _run(checkpoint, tmp_path, *arguments) == 0
  assert _run(checkpoint, tmp_path, *arguments) == 1
  assert 'holds a finished prediction' in capsys.readouterr().err
  assert _run(checkpoint, tmp_path, *arguments, '--resume') == 0
  assert _run(checkpoint, tmp_path, clip, '--stride=5', '--resume') == 1
  assert 'stride was 20, is 5' in capsys.readouterr().err
  assert _run(checkpoint, tmp_path, *arguments, '--overwrite') == 0


def test_one_bad_file_does_not_stop_the_others(
  checkpoint, clip, tmp_path, capsys
):
  text = tmp_path / 'notes.mp4'
  text.write_text('not a video')
  arguments = [text, tmp_path / 'absent.mp4', clip, '--format=png']
  assert _run(checkpoint, tmp_path / 'out', *arguments, '--stride=20') == 1
  printed = capsys.readouterr().err
  assert 'notes.mp4: FFmpeg cannot read it' in printed
  assert 'absent.mp4: no such file' in printed
  assert '2 of 3 videos failed' in printed
  with (tmp_path / 'out' / 'failures.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['video'] for row in rows] == [str(a) for a in arguments[:2]]
  assert 'no such file' in rows[1]['error']
  assert len(_manifest(tmp_path / 'out' / 'noise')['frames']) == 2


def test_a_truncated_file_gives_what_decodes(checkpoint, tmp_path, capsys):
  # Motion JPEG, whose frames are about equally large.
  path = clips.write_clip(
    tmp_path / 'cut.avi',
    frames=range(60),
    codec='mjpeg',
    pixel_format='yuvj420p',
  )
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) // 2])
  assert _run(checkpoint, tmp_path / 'out', path, '--format=png') == 0
  manifest = _manifest(tmp_path / 'out' / 'cut')
  frames = len(manifest['frames'])
  assert 25 < frames < 32
  assert manifest['counts']['missing_frames'] == pytest.approx(
    60 - frames, abs=2
  )
  assert any('are missing' in problem for problem in manifest['problems'])
  assert 'are missing' in capsys.readouterr().err


def test_a_folder_of_frames_and_a_wav(checkpoint, tmp_path, capsys):
  folder = tmp_path / 'ball_25'
  folder.mkdir()
  for i in range(20):
    cv2.imwrite(str(folder / f'{i + 1:07d}.png'), clips.picture(i))
  soundfile.write(folder / 'ball.wav', clips.tone(0.8), 16000)
  assert _run(checkpoint, tmp_path / 'out', folder) == 0
  manifest = _manifest(tmp_path / 'out' / 'ball_25')
  times = [row['time'] for row in manifest['frames']]
  assert times == pytest.approx(np.arange(20) / 25)


def test_a_network_that_learnt_no_sound_says_so(model, clip, tmp_path, capsys):
  deaf = tmp_path / 'deaf'
  origin = {'made': 'at random', 'sound': 'none'}
  store.save(deaf, model.module, model.variables, origin=origin)
  assert _run(deaf, tmp_path / 'maps', clip, '--stride=20') == 0
  assert "trained with data.sound='none'" in capsys.readouterr().err


def test_silent_video_is_reported(checkpoint, tmp_path, capsys):
  path = clips.write_clip(tmp_path / 'mute.mp4', frames=range(20))
  assert _run(checkpoint, tmp_path / 'out', path, '--format=png') == 0
  assert 'No audio track: using silence.' in capsys.readouterr().err


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--format=png,npz'], 'at most one of png, npz, mat'),
    (['--format=avi'], 'format: expected one of png, npz'),
    (['--stride=0'], 'stride of 1 or more'),
    (['--start=3', '--end=2'], '0 <= start < end'),
    (['--stride=2', '--fps=5'], 'give one'),
    (['--opacity=2'], 'opacity: expected 0 to 1'),
    (['--gaze=absent.csv'], 'absent.csv'),
    (['--batch_size=0'], 'batch_size: expected 1 or more'),
    (['--start=100'], 'no frame between --start=100 and --end=None'),
  ],
)
def test_invalid_settings_are_refused(
  checkpoint, clip, tmp_path, capsys, arguments, message
):
  assert _run(checkpoint, tmp_path / 'out', clip, *arguments) == 1
  assert message in capsys.readouterr().err


def test_missing_and_incomplete_checkpoints_are_refused(
  checkpoint, clip, tmp_path, capsys
):
  assert _run(tmp_path / 'nowhere', tmp_path / 'out', clip) == 1
  assert 'no such folder' in capsys.readouterr().err
  half = shutil.copytree(checkpoint, tmp_path / 'half')
  shutil.rmtree(half / 'variables')
  assert _run(half, tmp_path / 'out', clip) == 1
  assert 'damaged or incomplete' in capsys.readouterr().err


def test_two_videos_of_one_name_are_refused(checkpoint, clip, tmp_path, capsys):
  other = shutil.copy(clip, tmp_path / pathlib.Path(clip).name)
  assert _run(checkpoint, tmp_path / 'out', clip, other) == 1
  assert 'would both be written to' in capsys.readouterr().err


def test_a_wrong_start_leaves_nothing_behind(checkpoint, clip, tmp_path):
  assert _run(checkpoint, tmp_path / 'out', clip, '--start=100') == 1
  assert not (tmp_path / 'out' / 'noise').exists()
  assert _run(checkpoint, tmp_path / 'out', clip, '--start=1', '--fps=5') == 0
  frames = _manifest(tmp_path / 'out' / 'noise')['frames']
  assert [row['time'] for row in frames] == pytest.approx([1, 1.2, 1.4])


def test_a_folder_of_videos_with_two_of_one_name(checkpoint, clip, tmp_path):
  videos = tmp_path / 'videos'
  videos.mkdir()
  for name in ('a.mp4', 'a.mkv', 'B.MP4', '._a.mp4', 'notes.txt'):
    shutil.copy(clip, videos / name)
  assert _run(checkpoint, tmp_path / 'out', videos, '--stride=40') == 0
  names = {p.name for p in (tmp_path / 'out').iterdir()}
  assert names == {'a.mp4', 'a.mkv', 'B', 'index.html'}


def test_folders_of_frames_keep_the_whole_rate_in_their_name(tmp_path):
  folder = tmp_path / 'clip_29.97'
  folder.mkdir()
  other = tmp_path / 'a_29.5.mp4'
  folders = assign_folders([str(folder), str(other)], tmp_path)
  assert [path.name for path in folders.values()] == ['clip_29.97', 'a_29.5']


def test_drawings_gaze_and_maps_in_one_file(checkpoint, clip, tmp_path):
  (tmp_path / 'gaze.csv').write_text(
    'name,frame,viewer,x,y\n'
    + ''.join(f'noise.mp4,{frame},v,48,32\n' for frame in range(40))
  )
  plain, drawn = tmp_path / 'plain', tmp_path / 'drawn'
  formats = '--format=mat,overlay,gif,stills'
  for out, more in ((plain, []), (drawn, [f'--gaze={tmp_path}/gaze.csv'])):
    style = ['--style=side_by_side', '--stride=10', '--sound=none', *more]
    assert _run(checkpoint, out, clip, formats, *style) == 0
  names = {p.name for p in (drawn / 'noise').iterdir()}
  assert names == {
    *('maps.mat', 'overlay.mp4', 'overlay.gif', 'stills', 'manifest.json'),
    *_NUMBERS,
  }
  maps = scipy.io.loadmat(drawn / 'noise' / 'maps.mat')['saliency']
  assert maps.shape == (64, 96, 4)
  stills = [
    read_image(out / 'noise' / 'stills' / '000011.png', 'rgb').astype(int)
    for out in (plain, drawn)
  ]
  assert stills[0].shape == (64, 192, 3)
  changed = np.abs(stills[1] - stills[0]).max(axis=2) > 0
  # Rings of radius 2 around x 48, y 32, in both pictures.
  for centre in (48, 96 + 48):
    near = np.zeros_like(changed)
    near[25:40, centre - 7 : centre + 8] = True
    assert changed[near].any()
    changed[near] = False
  assert not changed.any()
  with av.open(str(drawn / 'noise' / 'overlay.mp4')) as overlay:
    assert [s.type for s in overlay.streams] == ['video']
  with av.open(str(drawn / 'noise' / 'overlay.gif')) as gif:
    assert 10 < sum(1 for _ in gif.decode(video=0)) < 18


def test_an_overlay_that_fails_never_costs_the_maps(
  checkpoint, clip, tmp_path, monkeypatch, capsys
):
  def fail(self, image, time):
    raise av.error.ArgumentError(22, 'no')

  monkeypatch.setattr('dave_jax.media.overlay.OverlayWriter.write', fail)
  assert _run(checkpoint, tmp_path, clip, '--stride=20') == 1
  assert 'the maps and manifest.json are complete' in capsys.readouterr().err
  manifest = _manifest(tmp_path / 'noise')
  assert len(manifest['frames']) == 2
  assert 'overlay: could not be written' in manifest['problems'][0]
  assert (tmp_path / 'noise' / 'maps' / '000021.png').exists()


def test_a_training_run_stands_for_its_best_weights(checkpoint, clip, tmp_path):
  shutil.copytree(checkpoint, tmp_path / 'run' / 'best')
  assert _run(tmp_path / 'run', tmp_path, clip, '--stride=40') == 0


def test_sound_of_another_file(checkpoint, clip, tmp_path):
  sound = clips.write_clip(
    tmp_path / 'tone.wav', sound=clips.tone(1.6), sound_codec='pcm_s16le'
  )
  for name in ('own', 'none', sound):
    out = tmp_path / pathlib.Path(name).stem
    assert _run(checkpoint, out, clip, '--stride=39', f'--sound={name}') == 0
  maps = [
    read_image(tmp_path / name / 'noise/maps/000040.png', 'stored')
    for name in ('own', 'none', 'tone')
  ]
  assert (maps[0] != maps[1]).any() and (maps[1] != maps[2]).any()
  with av.open(str(tmp_path / 'tone/noise/overlay.mp4')) as overlay:
    assert overlay.streams.audio[0].name == 'aac'
