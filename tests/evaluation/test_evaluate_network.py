"""`evaluate` of a network: its maps, its sound, its batches."""

import re

import jax
import numpy as np
import pytest

import dave_jax
from dave_jax import evaluate
from dave_jax.data.transforms import Reading, WindowReader
from dave_jax.datasets.store import open_dataset
from dave_jax.evaluation import network_maps
from dave_jax.evaluation.network_maps import NetworkMaps
from dave_jax.media import clock
from dave_jax.weights import model_folder as store
from tests.data import sets
from tests.evaluation.command import read_metrics, run_evaluate


def test_network_scores_as_its_maps_do(watched_dir, checkpoint, tmp_path):
  """What `--checkpoint` predicts, saved as files, scores the same."""
  arguments = ('--scores=NSS,CC,IG', '--stride=2')
  out = tmp_path / 'network'
  assert (
    run_evaluate(watched_dir, out, f'--checkpoint={checkpoint}', *arguments)
    == 0
  )
  dataset = open_dataset(watched_dir, 'made/videos')
  model = dave_jax.load(checkpoint)
  maps = NetworkMaps(
    model,
    dataset,
    'test',
    batch_size=4,
    alignment='exact',
    sound='own',
    sound_shift=0.0,
  )
  reading = Reading(model.frame_size, 'exact', None, fixation_map=False)
  reader = WindowReader(dataset, 'test', reading)
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
  assert run_evaluate(watched_dir, out, predictions, *arguments) == 0
  network, files = read_metrics(tmp_path / 'network'), read_metrics(out)
  assert network['run']['maps']['fingerprint'] == model.fingerprint
  for name in ('NSS', 'CC', 'IG'):
    assert files['overall'][name] == pytest.approx(
      network['overall'][name], abs=1e-5
    )


def test_network_gets_the_sound_of_another_clip_or_silence(
  watched_dir, checkpoint
):
  """Expected: the network itself, given that sound with those frames.

  Three clips sound, so the clip one (half of three) further on is heard. At 25
  frames per second, 0.2 s after the last of 20 frames is frame 4.
  """
  dataset = open_dataset(watched_dir, 'made/videos')
  model = dave_jax.load(checkpoint)
  options = {'alignment': 'exact', 'batch_size': 1}
  reading = Reading(model.frame_size, 'exact', None, fixation_map=False)
  reader = WindowReader(dataset, 'test', reading)
  first, second, *_ = dataset.clips('test')
  window, heard = reader(first, 19), reader(second, 19)
  silence = np.full_like(window['log_mel'], clock.SILENCE)
  wanted = {
    'own': window,
    'other': heard,
    'none': window | {'log_mel': silence},
    'shifted': reader(first, 4),
  }
  shown = {}
  for sound, hears in wanted.items():
    shift = 0.2 if sound == 'shifted' else 0.0
    maps = NetworkMaps(
      model, dataset, 'test', sound=sound, sound_shift=shift, **options
    )
    (shown[sound],) = maps([(first, np.array([19]))])
    (expected,) = model.maps(
      [window['frames']], hears['log_mel'], hears['offsets'][None]
    )
    np.testing.assert_allclose(shown[sound], expected, rtol=1e-3, atol=1e-4)
  assert not np.allclose(shown['own'], shown['none'], rtol=1e-2)


def test_network_gets_the_sound_that_it_was_trained_with(
  watched_dir, checkpoint, tmp_path
):
  """By its own record; expected: the scores of the same sound, asked for."""
  stored = store.load(checkpoint)
  deaf = tmp_path / 'deaf'
  variables = jax.tree.map(np.asarray, stored.variables)
  store.save(deaf, stored.module, variables, origin={'sound': 'none'})
  found = {}
  for name, arguments in {
    'recorded': [f'--checkpoint={deaf}'],
    'none': [f'--checkpoint={checkpoint}', '--sound=none'],
    'own': [f'--checkpoint={deaf}', '--sound=own'],
  }.items():
    out = tmp_path / name
    arguments += ['--scores=NSS', '--stride=2']
    assert run_evaluate(watched_dir, out, *arguments) == 0
    found[name] = read_metrics(out)
  sounds = [metrics['run']['maps']['sound'] for metrics in found.values()]
  assert sounds == ['none', 'none', 'own']
  recorded, none, own = (x['overall']['NSS'] for x in found.values())
  assert recorded == none != own


def test_sound_of_another_clip_takes_two_clips(
  watched_dir, checkpoint, tmp_path, capsys
):
  arguments = (
    f'--checkpoint={checkpoint}',
    '--split=train',
    '--scores=NSS',
    '--mean_eye_position=none',
    '--sound=other',
  )
  assert (
    run_evaluate(watched_dir, tmp_path / 'run', *arguments) == evaluate.FAILED
  )
  assert '2 or more clips with sound, got 1' in capsys.readouterr().err


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--sound=shifted'], '--sound=shifted --sound_shift=1.0'),
    (['--sound_shift=1'], '--sound=shifted --sound_shift=1.0'),
    (['--sound=shifted', '--sound_shift=nan'], 'got .shifted. with nan'),
    (['--sound=shifted', '--sound_shift=0.01'], 'sound_shift of a frame'),
    (['--sound=shifted', '--sound_shift=-1.6'], 'not the length of a clip'),
  ],
)
def test_impossible_shifts_are_refused(
  arguments, message, watched_dir, checkpoint, tmp_path, capsys
):
  arguments += [f'--checkpoint={checkpoint}', '--scores=NSS']
  out = tmp_path / 'run'
  assert run_evaluate(watched_dir, out, *arguments) == evaluate.FAILED
  assert re.search(message, capsys.readouterr().err)


def test_shift_is_recorded(watched_dir, checkpoint, tmp_path):
  arguments = ['--sound=shifted', '--sound_shift=0.2', '--scores=NSS']
  arguments += [f'--checkpoint={checkpoint}', '--stride=9']
  assert run_evaluate(watched_dir, tmp_path / 'run', *arguments) == 0
  maps = read_metrics(tmp_path / 'run')['run']['maps']
  assert (maps['sound'], maps['sound_shift']) == ('shifted', 0.2)


def test_baselines_have_no_sound(watched_dir, tmp_path, capsys):
  arguments = ('--baseline=chance', '--sound=none')
  assert run_evaluate(watched_dir, tmp_path / 'run', *arguments) == (
    evaluate.FAILED
  )
  assert "a network with sound 'none'" in capsys.readouterr().err


def test_still_images_take_the_visual_route(
  watched_dir, checkpoint, tmp_path, monkeypatch
):
  batches, predict = [], network_maps._predict

  def counted(module, variables, batch, *, visual_only):
    batches.append((len(batch['frames']), visual_only))
    return predict(module, variables, batch, visual_only=visual_only)

  monkeypatch.setattr(network_maps, '_predict', counted)
  out = tmp_path / 'run'
  arguments = ('--mean_eye_position=none', '--scores=NSS,IG')
  assert (
    run_evaluate(
      watched_dir,
      out,
      f'--checkpoint={checkpoint}',
      *arguments,
      dataset='made/images',
    )
    == 0
  )
  found = read_metrics(out)
  assert found['counts']['videos'] == 4
  assert found['scores'] == ['NSS']
  # Four images make one batch of the default size.
  assert batches == [(4, True)]
  assert list(found['categories']) == ['uncategorised']


@pytest.mark.parametrize('name', ['best', 'last'])
def test_checkpoint_may_be_the_folder_of_a_training_run(
  name, watched_dir, checkpoint, tmp_path
):
  run = tmp_path / 'my_network'
  run.mkdir()
  (run / name).symlink_to(checkpoint, target_is_directory=True)
  out = tmp_path / 'run'
  assert (
    run_evaluate(watched_dir, out, f'--checkpoint={run}', '--scores=NSS') == 0
  )
  assert read_metrics(out)['run']['name'] == 'my_network'


def test_stored_frames_of_another_size_are_resized(
  checkpoint, tmp_path, capsys
):
  size = (32, 48)
  images = [
    sets.make_clip(f'image{i}', rate=0.0, split='test', frame_size=size)
    for i in range(2)
  ]
  sets.write_set(tmp_path / 'data', 'small', images, frame_size=size)
  arguments = ('--mean_eye_position=none', '--scores=NSS')
  assert (
    run_evaluate(
      tmp_path / 'data',
      tmp_path / 'run',
      f'--checkpoint={checkpoint}',
      *arguments,
      dataset='made/small',
    )
    == 0
  )
  said = capsys.readouterr().err
  assert (
    'are stored at 32x48; resized to 64x96, the size of the network' in said
  )
  found = read_metrics(tmp_path / 'run')
  assert found['run']['maps']['stored_frames'] == list(size)
  assert np.isfinite(found['overall']['NSS'])
