"""The command that scores maps."""

import json

import cv2
import numpy as np
import pytest

import dave_jax
from dave_jax import evaluate
from dave_jax.data.transforms import WindowReader
from dave_jax.datasets.boxes import COLUMNS
from dave_jax.evaluation.baselines import centre_gaussian
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer, resized
from dave_jax.media import clock
from dave_jax.report import __main__ as report
from tests.data import sets
from tests.evaluation.gaze_clips import crowd, watched_clip
from tests.evaluation.map_videos import write_map_video, write_png_frames

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp('data')
  clips = [
    watched_clip(
      name,
      crowd(frames, 4, seed=seed),
      frames=20,
      rate=25.0,
      category=category,
      split=split,
      waveform=sets.noise(1.0),
    )
    for seed, (name, frames, category, split) in enumerate(
      [
        ('bear', 5, 'Nature', 'test'),
        ('bird', 4, 'Nature', 'test'),
        ('talk', 6, 'Social', 'test'),
        ('walk', 6, 'Social', 'train'),
      ]
    )
  ]
  sets.write_set(folder, 'videos', clips)
  stills = [watched_clip(f'{n}', crowd(1, 3, seed=n)) for n in range(4)]
  sets.write_set(folder, 'images', stills)
  return folder


def _run(data_dir, out, *arguments, dataset='made/videos'):
  return evaluate.main(
    [
      f'--dataset={dataset}',
      '--split=test',
      f'--data_dir={data_dir}',
      f'--out={out}',
      '--size=40x60',
      '--negatives=2',
      '--splits=5',
      *arguments,
    ]
  )


def _metrics(out):
  return json.loads((out / 'metrics.json').read_text())


def _write_maps(folder, seed=0):
  rng = np.random.default_rng(seed)
  for name, frames in (('bear', 5), ('bird', 4), ('talk', 6)):
    (folder / name).mkdir(parents=True)
    for number in range(1, frames + 1):
      saliency = rng.integers(0, 256, (12, 16), np.uint8)
      cv2.imwrite(str(folder / name / f'{number:04d}.png'), saliency)
  return folder


def test_folder_of_maps(data_dir, tmp_path, capsys):
  folder = _write_maps(tmp_path / 'maps')
  assert _run(data_dir, tmp_path / 'run', f'--predictions={folder}') == 0
  assert (
    'maps: 3 videos, 15 frames scored, 45 without' in capsys.readouterr().out
  )
  found = _metrics(tmp_path / 'run')
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


def test_missing_maps_are_listed(data_dir, tmp_path, capsys):
  folder = _write_maps(tmp_path / 'maps')
  (folder / 'bird' / '0002.png').unlink()
  (folder / 'talk' / '0021.png').write_bytes(
    (folder / 'talk' / '0001.png').read_bytes()
  )
  arguments = f'--predictions={folder}'
  assert _run(data_dir, tmp_path / 'run', arguments) == evaluate.FAILED
  error = capsys.readouterr().err
  assert '1 of 15 frames have no map: bird: 2' in error
  assert not (tmp_path / 'run').exists()
  assert _run(data_dir, tmp_path / 'run', arguments, '--partial') == 0
  error = capsys.readouterr().err
  assert '1 maps lie past the end' in error
  found = _metrics(tmp_path / 'run')
  assert found['missing'] == {'bird': [1]}
  assert found['counts']['missing'] == 1
  assert found['run']['maps']['extra'] == {'talk': 1}


def test_wrong_folder_is_told(data_dir, tmp_path, capsys):
  arguments = (f'--predictions={tmp_path}', '--partial')
  assert _run(data_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  assert '15 of 15 frames have no map' in capsys.readouterr().err


def test_network_scores_as_its_maps_do(data_dir, checkpoint, tmp_path):
  """What `--checkpoint` predicts, saved as files, scores the same."""
  arguments = ('--scores=NSS,CC,IG', '--stride=2')
  out = tmp_path / 'network'
  assert _run(data_dir, out, f'--checkpoint={checkpoint}', *arguments) == 0
  from dave_jax.datasets.store import open_dataset
  from dave_jax.evaluation.network_maps import NetworkMaps

  dataset = open_dataset(data_dir, 'made/videos')
  model = dave_jax.load(checkpoint)
  maps = NetworkMaps(
    model,
    dataset,
    'test',
    batch_size=3,
    alignment='exact',
    sound='own',
  )
  reader = WindowReader(
    dataset,
    'test',
    frame_size=model.frame_size,
    alignment='exact',
    sigma=None,
    fixation_map=False,
  )
  for clip in dataset.clips('test'):
    frames = clip.fixated_frames()
    frames = frames[frames % 2 == 0]
    (tmp_path / 'maps' / clip.name).mkdir(parents=True)
    for frame, saliency in zip(frames, maps([(clip, frames)]), strict=True):
      assert saliency.shape == (8, 12)
      np.save(tmp_path / 'maps' / clip.name / f'{frame + 1:05d}.npy', saliency)
      window = reader(clip, int(frame))
      (other,) = model.maps(
        [window['frames']], window['log_mel'], window['offsets'][None]
      )
      np.testing.assert_allclose(saliency, other, rtol=1e-3, atol=1e-4)
  out = tmp_path / 'files'
  predictions = f'--predictions={tmp_path / "maps"}'
  assert _run(data_dir, out, predictions, *arguments) == 0
  network, files = _metrics(tmp_path / 'network'), _metrics(out)
  assert network['run']['maps']['fingerprint'] == model.fingerprint
  for name in ('NSS', 'CC', 'IG'):
    assert files['overall'][name] == pytest.approx(
      network['overall'][name], abs=1e-5
    )


def test_network_hears_another_clip_or_nothing(data_dir, checkpoint):
  """Expected: the network itself, given that sound with those frames.

  Three clips sound, so the clip one (half of three) further on is heard.
  """
  from dave_jax.datasets.store import open_dataset
  from dave_jax.evaluation.network_maps import NetworkMaps

  dataset = open_dataset(data_dir, 'made/videos')
  model = dave_jax.load(checkpoint)
  options = {'alignment': 'exact'}
  reader = WindowReader(
    dataset,
    'test',
    frame_size=model.frame_size,
    sigma=None,
    fixation_map=False,
    **options,
  )
  first, second, *_ = dataset.clips('test')
  window, heard = reader(first, 19), reader(second, 19)
  silence = np.full_like(window['log_mel'], clock.SILENCE)
  wanted = {
    'own': window['log_mel'],
    'other': heard['log_mel'],
    'none': silence,
  }
  shown = {}
  for sound, log_mel in wanted.items():
    maps = NetworkMaps(
      model, dataset, 'test', batch_size=1, sound=sound, **options
    )
    (shown[sound],) = maps([(first, np.array([19]))])
    (expected,) = model.maps(
      [window['frames']], log_mel, window['offsets'][None]
    )
    np.testing.assert_allclose(shown[sound], expected, rtol=1e-3, atol=1e-4)
  assert not np.allclose(shown['own'], shown['none'], rtol=1e-2)


def test_sound_of_another_clip_takes_two_clips(
  data_dir, checkpoint, tmp_path, capsys
):
  arguments = (
    f'--checkpoint={checkpoint}',
    '--split=train',
    '--scores=NSS',
    '--mean_eye_position=none',
    '--sound=other',
  )
  assert _run(data_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  assert '2 or more clips with sound, got 1' in capsys.readouterr().err


def test_still_images_take_the_visual_route(
  data_dir, checkpoint, tmp_path, monkeypatch
):
  from dave_jax.evaluation import network_maps

  batches, predict = [], network_maps._predict

  def counted(module, variables, batch, *, visual_only):
    batches.append((len(batch['frames']), visual_only))
    return predict(module, variables, batch, visual_only=visual_only)

  monkeypatch.setattr(network_maps, '_predict', counted)
  out = tmp_path / 'run'
  arguments = ('--mean_eye_position=none', '--scores=NSS,IG')
  assert (
    _run(
      data_dir,
      out,
      f'--checkpoint={checkpoint}',
      *arguments,
      dataset='made/images',
    )
    == 0
  )
  found = _metrics(out)
  assert found['counts']['videos'] == 4
  assert found['scores'] == ['NSS']
  # Four images make one batch of the default size.
  assert batches == [(4, True)]
  assert list(found['categories']) == ['uncategorised']


def test_baselines_are_ranked(data_dir, tmp_path, capsys):
  nss = {}
  for name in evaluate.BASELINES:
    out = tmp_path / name
    assert _run(data_dir, out, f'--baseline={name}', '--repeats=2') == 0
    nss[name] = _metrics(out)['overall']['NSS']
  # All viewers of these clips look at one place.
  assert nss['human_infinite'] > 1 > abs(nss['chance'])
  assert nss['mean_eye_position'] > nss['centre'] > nss['chance']
  runs = [str(tmp_path / name) for name in evaluate.BASELINES]
  assert report.main([*runs, f'--out={tmp_path / "report"}']) == 0
  text = (tmp_path / 'report' / 'report.md').read_text()
  assert '| Human Infinite |' in text
  assert '(examples_4.png)' in text
  assert _run(data_dir, tmp_path / 'chance', '--baseline=centre') == 1
  assert 'holds the evaluation of another run' in capsys.readouterr().err


def test_finished_run_is_not_done_again(data_dir, tmp_path, monkeypatch):
  out = tmp_path / 'run'
  assert _run(data_dir, out, '--baseline=chance') == 0
  before = _metrics(out)

  def fail(*_):
    raise AssertionError('a finished video was scored again')

  monkeypatch.setattr(FrameScorer, '__call__', fail)
  assert _run(data_dir, out, '--baseline=chance', '--frames') == 0
  after = _metrics(out)
  assert len(after.pop('frames')['talk']['NSS']) == 6
  assert after == before


def test_processes_finish_together(data_dir, tmp_path, capsys):
  out, alone = tmp_path / 'shared', tmp_path / 'alone'
  share = ('--baseline=chance', '--process_count=2')
  assert _run(data_dir, out, *share, '--process_index=1') == 0
  assert '2 videos of other processes are unfinished' in capsys.readouterr().out
  assert not (out / 'metrics.json').exists()
  assert _run(data_dir, out, *share, '--process_index=0') == 0
  assert _run(data_dir, alone, '--baseline=chance') == 0
  assert _metrics(out) == _metrics(alone)


def test_boxes_add_contextual_scores(data_dir, tmp_path):
  boxes = tmp_path / 'boxes.csv'
  boxes.write_text(f'{",".join(COLUMNS)}\nbear,0,0,0,300,200\n')
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', f'--boxes={boxes}', '--scores=NSS')
  assert _run(data_dir, out, *arguments, '--frames') == 0
  found = _metrics(out)
  frames = found['frames']['bear']
  # The box is the whole frame.
  assert frames['NSS_source'][0] == frames['NSS'][0] == frames['NSS_whole'][0]
  assert frames['NSS_rest'][0] is None
  assert frames['NSS_source'][1:] == [None] * 4
  assert report.main([str(out), f'--out={tmp_path / "report"}']) == 0
  assert (tmp_path / 'report' / 'sound_source.png').exists()


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (('--size=big',), "got 'big'"),
    (('--scores=NSS,AUCC',), 'got AUCC'),
    (
      ('--protocol=pysaliency', '--scores=AUC_Borji'),
      'does not define AUC_Borji',
    ),
    (('--mean_eye_position=val',), "no split 'val'"),
    (('--stride=0',), 'stride of 1 or more, got 0'),
    (('--negatives=500',), 'expected 500 or more other frames'),
    (('--boxes=nowhere.csv',), 'nowhere.csv'),
    (('--process_index=3',), 'process_index from 0 to 0, got 3'),
  ],
)
def test_bad_settings_are_told(data_dir, tmp_path, capsys, arguments, message):
  status = _run(data_dir, tmp_path / 'run', '--baseline=chance', *arguments)
  assert status == evaluate.FAILED
  assert message in capsys.readouterr().err


def test_pysaliency_protocol(data_dir, tmp_path):
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', '--protocol=pysaliency', '--negatives=0')
  assert (
    evaluate.main(
      [
        '--dataset=made/videos',
        '--split=test',
        f'--data_dir={data_dir}',
        f'--out={out}',
        '--size=40x60',
        *arguments,
      ]
    )
    == 0
  )
  found = _metrics(out)
  assert 'AUC_Borji' not in found['scores']
  assert found['run']['settings']['negatives'] == 0
  # The share of pairs of a fixation and one of another video in which the
  # fixation has the larger value, a tie counting half.
  from dave_jax.datasets.store import open_dataset

  truth = read_ground_truth(
    open_dataset(data_dir, 'made/videos'),
    'test',
    stride=1,
    size=(40, 60),
    sigma=None,
  )
  centre = resized(centre_gaussian((240, 320), 0.25), (40, 60)).ravel()
  values = [centre[truth.pixels(row)] for row in range(len(truth))]
  scores = []
  for row, own in enumerate(values):
    others = np.concatenate(
      [values[k] for k in np.flatnonzero(truth.clip != truth.clip[row])]
    )
    pairs = own[:, None] - others
    scores.append(np.mean((np.sign(pairs) + 1) / 2))
  of_videos = [np.mean(np.array(scores)[truth.rows(k)]) for k in range(3)]
  assert found['overall']['sAUC'] == pytest.approx(np.mean(of_videos))


def test_long_names_are_scored(tmp_path):
  """40 Japanese characters are 360 when they are quoted as percent codes."""
  name = '映画' * 20
  gaze = [watched_clip(n, crowd(1, 3, seed=0)) for n in (name, name + '二')]
  sets.write_set(tmp_path, 'videos', gaze)
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', '--mean_eye_position=none', '--scores=NSS')
  assert _run(tmp_path, out, *arguments) == 0
  assert set(_metrics(out)['videos']) == {name, name + '二'}
  assert report.main([str(out), f'--out={tmp_path / "report"}']) == 0


@pytest.mark.parametrize('name', ['best', 'last'])
def test_checkpoint_may_be_the_folder_of_a_training_run(
  name, data_dir, checkpoint, tmp_path
):
  run = tmp_path / 'my_network'
  run.mkdir()
  (run / name).symlink_to(checkpoint, target_is_directory=True)
  out = tmp_path / 'run'
  assert _run(data_dir, out, f'--checkpoint={run}', '--scores=NSS') == 0
  assert _metrics(out)['run']['name'] == 'my_network'


@pytest.mark.parametrize('pixels', ['yuv420p', 'yuv420p10le'])
def test_videos_of_maps_score_as_their_png_frames(data_dir, tmp_path, pixels):
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
    assert _run(data_dir, out, *arguments, '--size=original') == 0
    found.append(_metrics(out))
  assert found[0]['scores'] == ['NSS', 'AUC_Judd', 'CC', 'SIM']
  assert found[0]['overall'] == found[1]['overall']
  assert 'NTIRE 2026' in found[0]['rules']['NSS']


def test_shorter_video_of_maps_is_refused(data_dir, tmp_path, capsys):
  for name in ('bear', 'bird', 'talk'):
    count = 3 if name == 'talk' else 20
    maps = np.zeros((count, 16, 24), np.uint8)
    maps[:, 4, 4] = 255
    write_map_video(tmp_path / f'{name}.mp4', maps, 'yuv420p')
  arguments = (f'--predictions={tmp_path}', '--protocol=msu', '--size=original')
  assert _run(data_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  error = capsys.readouterr().err
  assert '3 of 15 frames have no map: talk: 4, 5, 6' in error


def test_rules_of_each_score_are_recorded(data_dir, tmp_path):
  out = tmp_path / 'run'
  arguments = ('--scores=NSS,sAUC,AUC', '--no-jitter', '--frames')
  assert _run(data_dir, out, '--baseline=chance', *arguments) == 0
  rules = _metrics(out)['rules']
  assert list(rules) == ['NSS', 'sAUC', 'AUC']
  assert 'DHF1K' in rules['NSS']
  assert '2 other frames of all videos' in rules['sAUC']
  assert 'Tuebingen' in rules['AUC']
