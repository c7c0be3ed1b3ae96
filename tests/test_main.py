"""The command that trains and evaluates: its command line and messages."""

import json
import re
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
from ml_collections import ConfigDict

from dave_jax import buckets, evaluate, main
from dave_jax.configs import davos, speech_commands
from dave_jax.requirements import check_requirements
from dave_jax.weights import model_folder as store
from tests.bucket_servers import serving
from tests.data import sets
from tests.evaluation.gaze_clips import crowd, watched_clip
from tests.runs import ROOT, TINY, main_command, tiny_config


def _run(command, environment, cwd=ROOT):
  return subprocess.run(
    command,
    cwd=cwd,
    env=environment | {'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )


# {wrong flags: what `main` says about them}.
WRONG = {
  '': 'main: expected --config=FILE, got none',
  '--config=nope.py': 'one of crowdsal, davos, demo, .*; got .nope.py.',
  '--config=davos --config.model.depht=1': 'no field .depht.. .*"depth"',
  '--config=davos --config.train.steps=x': 'config.train.steps=x: invalid',
  '--config=davos:smell': "main: expected .* got 'smell'",
  '--config=davos fast': 'main: expected --NAME=VALUE, got fast',
  '--config=davos --process=1': 'expected --distributed with --process',
  '--config=davos --distributed': 'cannot connect.*--coordinator',
  '--config=davos --mode=evaluate --config.data.test=': 'data.test is empty',
  '--config=configs/davos.py': '4 things are missing',
}


@pytest.fixture(scope='module')
def wrong_starts(environment, tmp_path_factory):
  """Folder of the starts with each of WRONG, see tests/forked_main.py."""
  folder = tmp_path_factory.mktemp('wrong')
  subprocess.run(
    [sys.executable, '-m', 'tests.forked_main', folder],
    input=json.dumps([flags.split() for flags in WRONG]),
    cwd=ROOT,
    env=environment,
    text=True,
    check=True,
  )
  return folder


@pytest.mark.slow
@pytest.mark.parametrize('flags', WRONG)
def test_wrong_command_line_ends_with_its_reason(flags, wrong_starts):
  folder = wrong_starts / str(list(WRONG).index(flags))
  assert json.loads((folder / 'end.json').read_text()) == 1
  said = (folder / 'log').read_text()
  assert 'Traceback' not in said
  assert re.search(f'(?s){WRONG[flags]}', said), said
  # Nothing is left that a right command would stumble over.
  left = (folder / 'workplace').iterdir()
  assert [path.name for path in left] == ['configs']


@pytest.mark.slow
def test_process_without_a_coordinator_says_so(environment, tmp_path):
  """And ends with the status that asks to be started again."""
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  done = _run(
    main_command(
      tmp_path,
      '--distributed',
      f'--coordinator=localhost:{port}',
      *('--processes=2', '--process=1', '--wait=1'),
    ),
    environment,
  )
  assert done.returncode == 75
  assert 'Traceback' not in done.stderr
  assert f'no process 0 at --coordinator=localhost:{port}' in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('module', ['main', 'plan'])
def test_help_shows_the_flags_of_the_program(module, environment):
  command = [sys.executable, '-m', f'dave_jax.{module}', '--help']
  done = _run(command, environment)
  assert done.returncode == 0
  assert f'python -m dave_jax.{module} --config=configs/davos.py' in done.stdout
  assert '--config: Config file' in done.stdout
  assert '--logtostderr' not in done.stdout


@pytest.mark.slow
def test_run_without_workdir_is_named_after_its_config(environment, tmp_path):
  """It says what it wrote; started again, that it is finished."""
  tiny = TINY | {'train.steps': 1, 'data.images': ''}
  command = [
    *(sys.executable, '-m', 'dave_jax.main', '--config=davos:audio'),
    *(f'--config.{key}={value}' for key, value in tiny.items()),
  ]
  first = _run(command, environment, cwd=tmp_path)
  assert first.returncode == 0, first.stderr
  assert (tmp_path / 'runs' / 'davos_audio' / 'train.jsonl').exists()
  last = first.stderr.splitlines()[-1]
  assert last.startswith('Done: ')
  assert 'runs/davos_audio/train.jsonl' in last
  again = _run(command, environment, cwd=tmp_path)
  assert again.returncode == 0, again.stderr
  assert 'Already finished' in again.stderr


def _config_to_evaluate(folder):
  """Writes a test set of three photographs, and returns a config with it."""
  stills = [watched_clip(f'{n}', crowd(1, 3, seed=n)) for n in range(3)]
  sets.write_set(folder, 'images', stills)
  return tiny_config(
    **{
      'data.data_dir': str(folder),
      'data.test': 'made/images:test',
      'evaluation.test.size': '40x60',
      'evaluation.test.scoring.scores': 'NSS',
      'evaluation.test.mean_eye_position': 'none',
    }
  )


@pytest.mark.parametrize('name', ['best', 'last'])
def test_evaluate_scores_the_weights_of_a_run_on_the_test_set(
  name, checkpoint, tmp_path, capsys
):
  workdir = tmp_path / 'run'
  shutil.copytree(checkpoint, workdir / name)
  main._evaluate(_config_to_evaluate(tmp_path / 'data'), workdir)
  path = workdir / 'evaluation' / 'made' / 'images-test' / 'metrics.json'
  assert str(path) in capsys.readouterr().out
  found = json.loads(path.read_text())
  assert found['counts']['videos'] == found['counts']['frames'] == 3
  assert found['scores'] == ['NSS']
  assert np.isfinite(found['overall']['NSS'])
  assert (
    found['run']['maps']['fingerprint'] == store.load(checkpoint).fingerprint
  )


def test_evaluate_scores_a_run_in_a_bucket(checkpoint, model, tmp_path, capsys):
  config = _config_to_evaluate(tmp_path / 'data')
  names = [
    path.relative_to(checkpoint).as_posix()
    for path in checkpoint.rglob('*')
    if path.is_file()
  ]
  results = 'evaluation/made/images-test'
  with serving('gs'):
    buckets.upload(checkpoint, names, 'gs://runs/one/best')
    main._evaluate(config, 'gs://runs/one')
    assert f'gs://runs/one/{results}' in capsys.readouterr().out
    path = f'gs://runs/one/{results}/metrics.json'
    found = json.loads(buckets.read_text(path))
    # The same weights for the other command.
    command = [
      '--dataset=made/images',
      '--split=test',
      '--size=40x60',
      '--scores=NSS',
    ]
    command += [f'--data_dir={tmp_path / "data"}', '--mean_eye_position=none']
    command += ['--checkpoint=gs://runs/one', f'--out={tmp_path / "other"}']
    assert evaluate.main(command) == 0
    other = json.loads((tmp_path / 'other' / 'metrics.json').read_text())
    # A flipped bit in the bucket.
    fs = buckets.filesystem('gs://')
    largest = max(names, key=lambda name: (checkpoint / name).stat().st_size)
    content = bytearray((checkpoint / largest).read_bytes())
    content[len(content) // 2] ^= 1
    fs.pipe_file(f'gs://runs/one/best/{largest}', bytes(content))
    with pytest.raises(ValueError, match=r'^gs://runs/one/best: damaged'):
      main._evaluate(config, 'gs://runs/one')
  assert found['run']['maps']['name'] == other['run']['maps']['name'] == 'one'
  assert found['run']['maps']['fingerprint'] == model.fingerprint
  assert found['overall'] == other['overall']


def _missing(config: ConfigDict, workdir) -> str:
  with pytest.raises(FileNotFoundError) as error:
    check_requirements(config, workdir)
  return str(error.value)


def test_everything_missing_is_listed_with_its_command(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  text = _missing(davos.get_config(), tmp_path)
  for part in (
    '4 things are missing',
    'data/davos (data.audio_visual, data.validation): python -m '
    'dave_jax.datasets.prepare davos',
    'data/salicon (data.images): python -m dave_jax.datasets.prepare salicon',
    '--frame_size=256x320',
    'weights/kinetics (start.video_encoder): python -m dave_jax.convert',
    'runs/speech_commands/best (start.audio_encoder): python -m dave_jax.main '
    '--config=speech_commands --config.data.folder=DOWNLOADS',
    '--config.start.audio_encoder=',
    'prepare NAME` says where to download',
  ):
    assert part in text
  text = _missing(speech_commands.get_config(), tmp_path)
  assert '2 things are missing' in text
  assert 'data.folder' in text


def test_present_or_unused_data_is_not_missing(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  config = davos.get_config('video')
  config.data.data_dir = str(tmp_path / 'data')
  stills = [watched_clip('a', crowd(1, 3, seed=0))]
  sets.write_set(tmp_path / 'data', 'images', stills)
  config.data.images = 'made/images:test'
  config.data.audio_visual = config.data.validation = ''
  # A video-only network takes no audio encoder.
  text = _missing(config, tmp_path)
  assert '1 thing is missing' in text
  assert 'weights/kinetics (start.video_encoder)' in text
  # A run that resumes needs no initial weights.
  (tmp_path / 'run' / 'checkpoints' / '10').mkdir(parents=True)
  check_requirements(config, tmp_path / 'run')
  config.fake_data = True
  check_requirements(config, tmp_path)
