"""The package as a wheel, in an environment without the checkout."""

import json
import os
import pathlib
import shutil
import site
import subprocess
import sys
import venv

import pytest

from tests.media import clips
from tests.runs import ROOT, TINY

pytestmark = pytest.mark.slow

_BUILT_FROM = (
  *('dave_jax', 'configs', 'setup.cfg', 'pyproject.toml'),
  *('README.md', 'LICENSE', 'NOTICE'),
)


@pytest.fixture(scope='module')
def programs(tmp_path_factory):
  """Folder of the console scripts of a new environment.

  It has the wheel, and the dependencies of the environment of the tests.
  """
  folder = tmp_path_factory.mktemp('installed')
  source = folder / 'source'
  source.mkdir()
  for name in _BUILT_FROM:
    path = ROOT / name
    if path.is_dir():
      shutil.copytree(
        path,
        source / name,
        symlinks=True,
        ignore=shutil.ignore_patterns('__pycache__'),
      )
    else:
      shutil.copy(path, source)
  pip = [sys.executable, '-m', 'pip']
  quick = ['--quiet', '--no-deps', '--disable-pip-version-check']
  _check([*pip, 'wheel', *quick, '--no-build-isolation', '-w', folder, source])
  (wheel,) = folder.glob('*.whl')
  environment = folder / 'environment'
  venv.create(environment, with_pip=False)
  python = environment / 'bin' / 'python'
  _check([*pip, '--python', python, 'install', *quick, wheel])
  (packages,) = environment.glob('lib/python3*/site-packages')
  # Folders added this way have none of their own .pth files read, so the
  # checkout that may be installed there is not found.
  (packages / 'tests.pth').write_text('\n'.join(site.getsitepackages()))
  return environment / 'bin'


@pytest.fixture
def call(programs, environment, tmp_path):
  """Runs a console script in an empty folder; returns what it prints."""
  clean = {k: v for k, v in environment.items() if k != 'PYTHONPATH'}
  return lambda name, *args: _check(
    [programs / name, *args], cwd=tmp_path, env=clean
  )


def test_wheel_holds_the_package_and_its_data(call):
  script = (
    'import dave_jax, importlib.resources as r; f = r.files("dave_jax"); '
    'print(f); '
    'print(all(f.joinpath(n).is_file() for n in '
    '("py.typed", "configs/davos.py", "datasets/davos.csv", '
    '"pages/templates/view.html", "pages/static/uplot/LICENSE")))'
  )
  found, whole = call('python', '-c', script).split()
  assert pathlib.Path(found).parent.name == 'site-packages'
  assert not pathlib.Path(found).is_relative_to(ROOT)
  assert whole == 'True'


# The tests below run the other programs.
@pytest.mark.parametrize(
  'program', ['convert', 'eye-trackers', 'show', 'train']
)
def test_program_says_its_version(program, call):
  import dave_jax

  said = call(f'dave-{program}', '--version')
  assert said.strip() == f'dave-jax {dave_jax.__version__}'


def test_installed_programs_predict_and_evaluate(call, tmp_path):
  sources = tmp_path / 'my_clips'
  sources.mkdir()
  clip = clips.write_clip(
    sources / 'own.mp4', frames=range(20), sound=clips.tone(0.8)
  )
  call('dave-predict', clip, '--out=predictions', '--stride=10')
  assert (tmp_path / 'predictions' / 'own' / 'manifest.json').exists()

  (sources / 'fixations.csv').write_text(
    'name,time,viewer,x,y\nown,0.2,anna,40,30\nown,0.4,ben,50,20\n'
  )
  (sources / 'clips.csv').write_text('name,split,category\nown,test,\n')
  call(
    *('dave-prepare', 'folder', '--source=my_clips', '--data_dir=data'),
    *('--frame_size=128x160', '--set', 'pixels_per_degree=40'),
  )
  call(
    *('dave-evaluate', '--dataset=folder', '--data_dir=data', '--split=test'),
    *('--mean_eye_position=none', '--scores=NSS,CC', '--out=runs/own'),
  )
  metrics = json.loads((tmp_path / 'runs' / 'own' / 'metrics.json').read_text())
  assert metrics['counts']['frames'] == 2
  call('dave-report', 'runs/own', '--out=report')
  assert (tmp_path / 'report' / 'report.md').exists()


def test_installed_program_trains_a_packaged_config(call, tmp_path):
  values = TINY | {'train.steps': 2, 'model.modality': 'video'}
  call(
    *('dave-train', '--config=davos', '--workdir=runs/try'),
    *(f'--config.{key}={value}' for key, value in values.items()),
  )
  rows = (tmp_path / 'runs' / 'try' / 'train.jsonl').read_text().splitlines()
  assert [json.loads(row)['step'] for row in rows] == [1, 2]


def _check(command, **options):
  done = subprocess.run(
    [os.fspath(part) for part in command],
    capture_output=True,
    text=True,
    check=False,
    **options,
  )
  assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
  return done.stdout
