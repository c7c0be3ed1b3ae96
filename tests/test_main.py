"""The command that trains and evaluates: what it evaluates."""

import json
import shutil
import subprocess

import numpy as np

from dave_jax.weights import model_folder as store
from tests.data import sets
from tests.evaluation.gaze_clips import crowd, watched_clip
from tests.runs import ROOT, main_command


def _evaluate(workdir, environment, **overrides):
  return subprocess.run(
    main_command(workdir, '--mode=evaluate', **overrides),
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


def test_evaluate_scores_the_best_weights_on_the_test_set(
  checkpoint, environment, tmp_path
):
  stills = [watched_clip(f'{n}', crowd(1, 3, seed=n)) for n in range(3)]
  sets.write_set(tmp_path / 'data', 'images', stills)
  workdir = tmp_path / 'run'
  shutil.copytree(checkpoint, workdir / 'best')
  done = _evaluate(
    workdir,
    environment,
    **{
      'data.data_dir': tmp_path / 'data',
      'data.test': 'made/images:test',
      'evaluation.test.size': '40x60',
      'evaluation.test.scoring.scores': 'NSS',
      'evaluation.test.mean_eye_position': 'none',
    },
  )
  assert done.returncode == 0, done.stderr
  path = workdir / 'evaluation' / 'made' / 'images-test' / 'metrics.json'
  found = json.loads(path.read_text())
  assert found['counts']['videos'] == found['counts']['frames'] == 3
  assert found['scores'] == ['NSS']
  assert np.isfinite(found['overall']['NSS'])
  assert (
    found['run']['maps']['fingerprint'] == store.load(checkpoint).fingerprint
  )


def test_evaluate_wants_a_test_set(environment, tmp_path):
  done = _evaluate(tmp_path, environment, **{'data.test': ''})
  assert done.returncode == 1
  assert done.stderr.splitlines()[-1] == (
    'main: data.test is empty; set it to NAME:SPLIT'
  )
