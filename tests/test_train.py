"""The loop: what it learns, where it goes on, what it says."""

import functools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from configs import davos
from dave_jax.train import train
from dave_jax.training.ledger import NotFinite
from dave_jax.weights import store
from tests.data import sets
from tests.media.clips import picture

ROOT = pathlib.Path(__file__).resolve().parents[1]
# As much of configs/davos.py as a test has time for.
TINY = {
  'fake_data': True,
  'model.depth': 10,
  'model.width': 2,
  'model.frame_size': (64, 64),
  'train.batch_size': 2,
  'train.turns': 'steps',
  'log.every': 1,
  'optimizer.warmup': 0.2,
  # Biases in front of batch norm have gradients of rounding alone, which Adam
  # makes steps of: no two ways to compute would agree on them.
  'model.decoder_batch_norm': False,
}


def _config(**overrides):
  config = davos.get_config()
  config.update_from_flattened_dict(TINY | overrides)
  return config


def _command(workdir, *flags, **overrides):
  values = [f'--config.{k}={v}' for k, v in (TINY | overrides).items()]
  return [
    *(sys.executable, '-m', 'dave_jax.main', '--config=configs/davos.py'),
    *(f'--workdir={workdir}', *values, *flags),
  ]


@pytest.fixture(scope='module')
def environment(tmp_path_factory):
  """Programs compile in half the time, and once for all processes."""
  return os.environ | {
    'JAX_COMPILATION_CACHE_DIR': str(tmp_path_factory.mktemp('compiled')),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.1',
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    'JAX_PLATFORMS': 'cpu',
  }


@pytest.fixture(scope='module')
def run(environment):
  """Runs `main` to its end; returns what it says."""

  def call(workdir, *flags, xla_flags='', **overrides):
    done = subprocess.run(
      _command(workdir, *flags, **overrides),
      cwd=ROOT,
      env=environment | {'XLA_FLAGS': xla_flags},
      capture_output=True,
      text=True,
      check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr

  return call


def _rows(workdir):
  lines = (workdir / 'train.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def _final(workdir):
  """Returns {path: array} of all leaves of the newest checkpoint."""
  folders = (workdir / 'checkpoints').iterdir()
  newest = max((p for p in folders if p.name.isdecimal()), key=_step_of)
  state = store._restore(newest / 'state')
  leaves = jax.tree_util.tree_leaves_with_path(state)
  return {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}


def _step_of(folder):
  return int(folder.name)


@pytest.fixture(scope='module')
def whole(run, tmp_path_factory):
  """A run of 8 steps that nothing happened to."""
  workdir = tmp_path_factory.mktemp('whole')
  run(workdir, **{'train.steps': 8, 'checkpoint.every': 2})
  return workdir


def test_steps_take_turns_and_leave_a_row_each(whole):
  rows = _rows(whole)
  assert [row['step'] for row in rows] == list(range(1, 9))
  assert [row['kind'] for row in rows] == ['audio_visual', 'images'] * 4
  assert all(np.isfinite(row['loss']) for row in rows)


def test_run_tells_what_it_was_started_with(whole):
  (row,) = (whole / 'runs.jsonl').read_text().splitlines()
  facts = json.loads(row)
  assert facts['config']['model']['width'] == 2
  assert facts['versions']['jax'] == jax.__version__
  assert facts['processes'] == 1


def test_killed_run_goes_on_bit_for_bit(environment, whole, tmp_path):
  """SIGKILL at random moments, saves among them, until it is through."""
  rng = random.Random(0)
  command = _command(tmp_path, **{'train.steps': 8, 'checkpoint.every': 2})
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
  found, wanted = _rows(tmp_path), _rows(whole)
  assert found == wanted
  found, wanted = _final(tmp_path), _final(whole)
  assert found.keys() == wanted.keys()
  for path, value in wanted.items():
    assert value.tobytes() == found[path].tobytes(), path


def test_sigterm_saves_and_ends_well(environment, tmp_path):
  command = _command(tmp_path, **{'train.steps': 100_000})
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
  last = _rows(tmp_path)[-1]['step']
  assert f'stopped after step {last}' in said
  assert (tmp_path / 'checksums' / f'{last}.json').exists()


def _assert_same(found, wanted):
  losses = [[row['loss'] for row in _rows(w)] for w in (found, wanted)]
  np.testing.assert_allclose(*losses, rtol=1e-5)
  found, wanted = _final(found), _final(wanted)
  assert found.keys() == wanted.keys()
  for path, value in wanted.items():
    np.testing.assert_allclose(
      found[path], value, rtol=1e-3, atol=2e-5, err_msg=path
    )


FIVE = {'train.steps': 5, 'train.batch_size': 8}


@pytest.fixture(scope='module')
def one_device(run, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('one')
  run(workdir, **FIVE)
  return workdir


def test_eight_devices_learn_what_one_does(run, one_device, tmp_path):
  run(tmp_path, xla_flags='--xla_force_host_platform_device_count=8', **FIVE)
  assert json.loads((tmp_path / 'runs.jsonl').read_text())['mesh'] == {
    'data': 8
  }
  _assert_same(tmp_path, one_device)


def test_two_processes_learn_what_one_does(environment, one_device, tmp_path):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  flags = '--xla_force_host_platform_device_count=4'
  processes = [
    subprocess.Popen(
      _command(
        tmp_path,
        '--distributed',
        f'--coordinator=localhost:{port}',
        '--processes=2',
        f'--process={number}',
        **FIVE,
      ),
      cwd=ROOT,
      env=environment | {'XLA_FLAGS': flags},
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in (0, 1)
  ]
  try:
    for process in processes:
      _, said = process.communicate(timeout=300)
      assert process.returncode == 0, said
  finally:
    for process in processes:
      process.kill()
  assert json.loads((tmp_path / 'runs.jsonl').read_text())['processes'] == 2
  _assert_same(tmp_path, one_device)


@pytest.fixture(scope='module')
def eight_of_each(tmp_path_factory):
  """Eight windows with sound and eight images, each looked at in one place."""
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
  """A config that reads those sets."""
  return functools.partial(
    _config,
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
      'train.batch_size': 8,
    },
  )


def test_windows_and_images_are_learnt_by_heart(real, tmp_path):
  """Divergence from the ground truth, its own entropy taken off, below 0.05."""
  config = real()
  config.update_from_flattened_dict(
    {
      'model.width': 8,
      'model.decoder_batch_norm': True,
      'train.steps': 100,
      'optimizer.learning_rate': 5e-3,
      'optimizer.warmup': 0.05,
    }
  )
  assert train(config, tmp_path) == 100
  last = _rows(tmp_path)[-2:]
  assert {row['kind'] for row in last} == {'audio_visual', 'images'}
  for row in last:
    assert row['kl'] < 0.05, row


@pytest.mark.usefixtures('quick_to_compile')
def test_validation_leaves_scores_pictures_and_the_best_weights(real, tmp_path):
  config = real()
  config.update_from_flattened_dict(
    {
      'data.validation': 'made/windows:train,made/images:train',
      'train.steps': 2,
      'evaluation.every': 1,
      'evaluation.batch_size': 3,
      'evaluation.stride': 1,
      'evaluation.scoring.exclude': 'frame',  # There is one clip.
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


@pytest.mark.usefixtures('quick_to_compile')
def test_loss_that_is_no_number_stops_the_run_and_names_clips(real, tmp_path):
  config = real()
  config.update_from_flattened_dict(
    {
      'optimizer.learning_rate': 1e30,
      'optimizer.warmup': 0.0,
      'train.steps': 20,
      'checkpoint.every': 1,
    }
  )
  with pytest.raises(NotFinite) as error:
    train(config, tmp_path)
  assert 'made/windows:train, clip clip, frame' in str(error.value) or (
    'made/images:train, clip image' in str(error.value)
  )
  bad = _rows(tmp_path)[-1]
  assert f'step {bad["step"]} is' in str(error.value)
  folders = list((tmp_path / 'checkpoints').iterdir())
  assert max(map(_step_of, folders)) == bad['step'] - 1


@pytest.mark.usefixtures('quick_to_compile')
def test_another_seed_is_refused_where_a_run_goes_on(tmp_path):
  config = _config(**{'train.steps': 1})
  train(config, tmp_path)
  config = _config(**{'train.steps': 2, 'seed': 1})
  with pytest.raises(ValueError, match='another order of examples'):
    train(config, tmp_path)


@pytest.mark.parametrize(
  ('overrides', 'message'),
  [
    ({'task': 'cooking'}, "task 'cooking' is none of"),
    ({'train.turns': 'days'}, "turns 'days' is none of"),
    ({'train.accumulate': 3}, 'a batch of 2 does not split into 3 parts'),
    ({'mesh.data': 3}, 'a mesh of data=3 does not fit'),
    (
      {'data.audio_visual': '', 'data.images': ''},
      'are all empty; name a set',
    ),
    (
      {'fake_data': False, 'data.images': 'salicon'},
      "'salicon' names no split",
    ),
    ({'fake_data': False}, 'data set davos is not there'),
  ],
)
def test_settings_without_sense_are_refused(overrides, message, tmp_path):
  with pytest.raises((ValueError, OSError), match=message):
    train(_config(**overrides), tmp_path)


def test_missing_start_weights_say_what_to_do(real, tmp_path):
  config = real()
  config.start.video_encoder = str(tmp_path / 'kinetics')
  with pytest.raises(
    FileNotFoundError, match=r'--config\.start\.video_encoder='
  ):
    train(config, tmp_path)
