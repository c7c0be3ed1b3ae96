"""Training of a tiny network: results, resumption and messages."""

import functools
import json
import random
import shutil
import signal
import subprocess
import time

import jax
import numpy as np
import pytest

from dave_jax.train import compile_steps, train
from dave_jax.training.metrics import NonFiniteError
from dave_jax.weights import model_folder as store
from tests.data import sets
from tests.media.clips import picture
from tests.runs import (
  ROOT,
  final_leaves,
  main_command,
  rows_of,
  step_of,
  tiny_config,
)

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.fixture(scope='module')
def whole(quick_to_compile, tmp_path_factory):
  """Folder of a run of 8 steps that was not stopped."""
  workdir = tmp_path_factory.mktemp('whole')
  assert train(
    tiny_config(**{'train.steps': 8, 'checkpoint.every': 2}), workdir
  )
  return workdir


def test_streams_alternate_and_each_step_has_a_row(whole):
  rows = rows_of(whole)
  assert [row['step'] for row in rows] == list(range(1, 9))
  assert [row['stream'] for row in rows] == ['audio_visual', 'images'] * 4
  assert all(np.isfinite(row['loss']) for row in rows)


def test_run_records_its_config_and_versions(whole):
  (line,) = (whole / 'runs.jsonl').read_text().splitlines()
  row = json.loads(line)
  assert row['config']['model']['width'] == 2
  assert row['versions']['jax'] == jax.__version__
  assert row['processes'] == 1


def test_run_without_validation_leaves_its_last_weights(whole):
  assert store.load(whole / 'last').origin['step'] == 8
  assert not (whole / 'best').exists()


@pytest.mark.slow
def test_killed_run_resumes_bit_for_bit(environment, whole, tmp_path):
  """SIGKILL at random moments, also during saves, until the run ends."""
  rng = random.Random(0)
  command = main_command(tmp_path, **{'train.steps': 8, 'checkpoint.every': 2})
  kills = 0
  for rows in (3, 5):
    process = subprocess.Popen(
      command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    log = tmp_path / 'train.jsonl'
    while process.poll() is None:
      if log.exists() and log.read_bytes().count(b'\n') >= rows:
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        break
      time.sleep(0.005)
    kills += process.wait() == -signal.SIGKILL
  assert kills >= 1
  subprocess.run(
    command, cwd=ROOT, env=environment, check=True, capture_output=True
  )
  found, expected = rows_of(tmp_path), rows_of(whole)
  assert found == expected
  found, expected = final_leaves(tmp_path), final_leaves(whole)
  assert found.keys() == expected.keys()
  for path, value in expected.items():
    assert value.tobytes() == found[path].tobytes(), path


@pytest.mark.slow
def test_sigterm_saves_and_exits_with_0(environment, tmp_path):
  # Images alone compile in a third of the time.
  steps = {'train.steps': 100_000, 'data.audio_visual': ''}
  command = main_command(tmp_path, **steps)
  process = subprocess.Popen(
    command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
  )
  log = tmp_path / 'train.jsonl'
  while not log.exists() or not log.read_bytes():
    assert process.poll() is None, process.stderr.read()
    time.sleep(0.05)
  process.terminate()
  _, said = process.communicate()
  assert process.returncode == 0
  last = rows_of(tmp_path)[-1]['step']
  assert f'stopped after step {last}' in said
  assert (tmp_path / 'checksums' / f'{last}.json').exists()


@pytest.fixture(scope='module')
def eight_of_each(tmp_path_factory):
  """Eight windows with sound and eight images with one fixation each."""
  folder = tmp_path_factory.mktemp('sets')
  sets.write_set(
    folder,
    'windows',
    [
      sets.make_clip(
        'clip',
        frames=144,
        waveform=sets.noise(5.8),
        fixated=range(15, 143, 16),
        sigma=40.0,
      )
    ],
  )
  sets.write_set(
    folder,
    'images',
    [
      sets.make_clip(
        f'image{n}',
        rate=0.0,
        pictures=[picture(500 + 37 * n, *sets.FRAME_SIZE)],
        xy=[sets.fixation_at(5 + 3 * n)],
        sigma=40.0,
      )
      for n in range(8)
    ],
  )
  return folder


@pytest.fixture
def real(eight_of_each):
  """Returns a config of these data sets."""
  return functools.partial(
    tiny_config,
    **{
      'fake_data': False,
      'start.video_encoder': '',
      'start.audio_encoder': '',
      'data.data_dir': str(eight_of_each),
      'data.audio_visual': 'made/windows:train',
      'data.images': 'made/images:train',
      'data.validation': '',
      'data.stride': 1,
      'data.random_frames': False,
      'data.flip': 0.0,
      'model.frame_size': sets.FRAME_SIZE,
    },
  )


@pytest.mark.slow
@pytest.mark.usefixtures('optimised')
def test_windows_and_images_are_overfitted(real, tmp_path):
  """The KL divergence of both streams falls to less than a tenth.

  That of one batch of four varies by a factor of two from step to step, so the
  last four batches of a stream are averaged and compared with its first.
  """
  config = real()
  config.update_from_flattened_dict(
    {
      'model.width': 8,
      'model.lax_kernels': False,
      'model.decoder_batch_norm': True,
      'train.batch_size': 4,
      'train.steps': 120,
      'optimizer.name': 'muon',
      'optimizer.learning_rate': 5e-3,
      'optimizer.warmup': 0.05,
    }
  )
  assert train(config, tmp_path)
  rows = rows_of(tmp_path)
  for stream in ('audio_visual', 'images'):
    first, *_, a, b, c, d = (r['kl'] for r in rows if r['stream'] == stream)
    assert np.mean([a, b, c, d]) < first / 10


@pytest.mark.slow
def test_training_loads_the_steps_that_were_compiled_ahead(
  real, tmp_path, caplog
):
  config = real()
  config.train.steps = 2
  config.optimizer.learning_rate = 1.23456e-3  # No other test's program.
  caplog.set_level('DEBUG', logger='jax._src.compiler')

  def loaded():
    """Whether each step was loaded from the cache, not compiled."""
    messages = [record.getMessage().lower() for record in caplog.records]
    caplog.clear()
    return [
      'cache hit' in message
      for message in messages
      if 'persistent compilation cache' in message
      and "'jit_sharded_step'" in message
    ]

  compile_steps(config)
  assert loaded() == [False, False]
  train(config, tmp_path)
  assert loaded() == [True, True]


def test_validation_writes_scores_pictures_and_the_best_weights(real, tmp_path):
  config = real()
  config.update_from_flattened_dict(
    {
      'model.frame_size': (32, 32),
      'data.validation': 'made/windows:train,made/images:train',
      'train.steps': 2,
      'evaluation.every': 1,
      'evaluation.batch_size': 3,
      'evaluation.stride': 1,
      'evaluation.scoring.exclude_same': 'frame',  # There is one clip.
      'evaluation.scoring.negatives': 3,
      'log.pictures': 2,
    }
  )
  train(config, tmp_path)
  lines = (tmp_path / 'validation.jsonl').read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  assert [row['step'] for row in rows] == [1, 2]
  for name in ('windows', 'images'):
    for score in ('NSS', 'AUC_Judd', 'sAUC', 'CC', 'SIM'):
      assert np.isfinite(rows[0][f'made/{name}:train/{score}'])
  assert len(list((tmp_path / 'pictures' / '00000002').iterdir())) == 4
  best = max(rows, key=lambda row: row['made/windows:train/NSS'])
  stored = store.load(tmp_path / 'best')
  assert stored.origin['step'] == best['step']


def test_nan_stops_the_run_and_names_clips(real, tmp_path):
  config = real()
  config.update_from_flattened_dict(
    {
      'model.frame_size': (32, 32),
      'data.audio_visual': '',
      'optimizer.learning_rate': 1e30,
      'optimizer.warmup': 0.0,
      'train.steps': 20,
      'checkpoint.every': 1,
    }
  )
  with pytest.raises(NonFiniteError) as error:
    train(config, tmp_path)
  assert 'made/images:train, clip image' in str(error.value)
  bad = rows_of(tmp_path)[-1]
  assert f'at step {bad["step"]}' in str(error.value)
  folders = list((tmp_path / 'checkpoints').iterdir())
  assert max(map(step_of, folders)) == bad['step'] - 1


def test_resumed_run_with_another_seed_is_refused(whole, tmp_path):
  shutil.copytree(whole, tmp_path / 'run')
  config = tiny_config(**{'train.steps': 16, 'seed': 1})
  with pytest.raises(ValueError, match='seed: was 0, is 1'):
    train(config, tmp_path / 'run')
  config.allow_changes = True
  with pytest.raises(ValueError, match='another order of examples'):
    train(config, tmp_path / 'run')


@pytest.mark.parametrize(
  ('overrides', 'message'),
  [
    ({'task': 'cooking'}, "expected task in .*, got 'cooking'"),
    ({'train.schedule': 'days'}, r"train\.schedule: expected .*, got 'days'"),
    ({'train.accumulate': 3}, 'divide the batch size 2, got 3'),
    ({'data.sound': 'loud'}, "data.sound: expected .*, got 'loud'"),
    (
      {'data.sound': 'none', 'model.modality': 'video'},
      "data.sound 'own' with a video-only network",
    ),
    ({'mesh.data': 3}, 'expected mesh.data of 1 to 1'),
    (
      {'data.audio_visual': '', 'data.images': ''},
      'expected training data as NAME:SPLIT',
    ),
    (
      {'fake_data': False, 'data.images': 'salicon'},
      "expected NAME:SPLIT, got 'salicon'",
    ),
    (
      {'fake_data': False, 'evaluation.scoring.scores': 'CC,SIM'},
      r"expected NSS in evaluation\.scoring\.scores, .*, got 'CC,SIM'",
    ),
    ({'fake_data': False}, 'data set davos is not built'),
  ],
)
def test_wrong_settings_are_refused(overrides, message, tmp_path):
  with pytest.raises((ValueError, OSError), match=message):
    train(tiny_config(**overrides), tmp_path)


def test_missing_start_weights_say_what_to_do(real, tmp_path):
  config = real()
  config.start.video_encoder = str(tmp_path / 'kinetics')
  with pytest.raises(
    FileNotFoundError, match=r'--config\.start\.video_encoder='
  ):
    train(config, tmp_path)
