"""The image of the launchers: its steps, in a new virtual environment."""

import configparser
import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.runs import ROOT

DOCKERFILE = (ROOT / 'launch/Dockerfile').read_text()


def _context(folder):
  """Copies what `docker build` sees, as launch/Dockerfile.dockerignore says."""
  ignore = ROOT / 'launch/Dockerfile.dockerignore'
  lines = ignore.read_text().splitlines()
  assert '*' in lines
  for name in (line[1:] for line in lines if line.startswith('!')):
    source = ROOT / name
    if source.is_dir():
      pycache = shutil.ignore_patterns('__pycache__')
      shutil.copytree(source, folder / name, symlinks=True, ignore=pycache)
    else:
      shutil.copy(source, folder)


def test_extras_of_the_image_exist():
  setup = configparser.ConfigParser()
  setup.read(ROOT / 'setup.cfg')
  extras = setup['options.extras_require']
  named = re.findall(r'EXTRA=(\w+)', DOCKERFILE)
  assert named == ['tpu', 'cuda12']
  assert set(named) <= set(extras)
  assert ' -e ".[${EXTRA},cloud]"' in DOCKERFILE
  assert 'cloud' in extras


@pytest.mark.slow
def test_the_package_installs_from_the_context_and_the_command_runs(tmp_path):
  context = tmp_path / 'context'
  context.mkdir()
  _context(context)
  venv = tmp_path / 'venv'
  subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
  python = venv / 'bin/python'
  # The dependencies are those of the environment of the tests.
  site = next(path for path in sys.path if path.endswith('site-packages'))
  environment = {'PYTHONPATH': site, 'PATH': '/usr/bin:/bin'}
  offline = ['--no-deps', '--no-build-isolation', '--quiet']
  subprocess.run(
    [python, '-m', 'pip', 'install', *offline, '-e', '.'],
    cwd=context,
    env=environment,
    check=True,
  )
  (command,) = re.findall(r'^CMD (.*)$', DOCKERFILE, re.MULTILINE)
  program, *arguments = json.loads(command)
  assert program == 'python'
  run = subprocess.run(
    [python, *arguments],
    cwd=context,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert run.returncode == 0, run.stderr
  assert '--config' in run.stdout
