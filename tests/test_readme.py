"""Every command and program of the README is run."""

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import random_variables
from tests.media import clips

README = pathlib.Path(__file__).resolve().parents[1] / 'README.md'


def _blocks(language):
  text = README.read_text()
  return re.findall(rf'```{language}\n(.*?)```', text, flags=re.DOTALL)


def _commands():
  """Returns each `python -m dave_jax...` of the bash blocks."""
  lines = '\n'.join(_blocks('bash')).splitlines()
  return [
    part.strip()
    for line in lines
    for part in line.split('&&')
    if part.strip().startswith('python -m dave_jax')
  ]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Folder with the files that the README's commands name."""
  torch = pytest.importorskip('torch', reason='needs PyTorch to convert')
  from dave_jax.models.dave import DAVE
  from dave_jax.weights.conversion import dave_to_torch

  folder = tmp_path_factory.mktemp('readme')
  clips.write_clip(
    folder / 'clip.mp4', frames=range(11), sound=clips.tone(0.44)
  )
  (folder / 'configs').symlink_to(README.parent / 'configs')
  (folder / 'my_clips').mkdir()
  # Two, each with 20 fixated frames: shuffled AUC takes the fixations of 10
  # frames of other videos.
  for name in ('one', 'two'):
    clips.write_clip(
      folder / 'my_clips' / f'{name}.mp4',
      frames=range(20),
      sound=clips.tone(0.8),
    )
  rows = [
    f'{name},{frame / 25},{viewer},{40 + 3 * n},{30 - n}\n'
    for name in ('one', 'two')
    for frame in range(20)
    for n, viewer in enumerate(('anna', 'ben', 'eve'))
  ]
  (folder / 'my_clips' / 'fixations.csv').write_text(
    ''.join(['name,time,viewer,x,y\n', *rows])
  )
  state_dict, _ = dave_to_torch(DAVE(), random_variables(DAVE()), {})
  tensors = {k: torch.from_numpy(np.array(v)) for k, v in state_dict.items()}
  torch.save({'state_dict': tensors}, folder / 'model.pth.tar')
  return folder


@pytest.mark.slow
def test_every_command_works(folder, environment):
  for command in _commands():
    _run(shlex.split(command)[1:], folder, environment)
  assert (folder / 'predictions' / 'clip' / 'overlay.mp4').exists()
  assert (folder / 'predictions' / 'dave' / 'clip' / 'manifest.json').exists()
  assert (folder / 'back.pth').exists()
  assert (folder / 'sheets' / 'README.md').exists()
  assert (folder / 'report' / 'report.md').exists()
  assert (folder / 'runs' / 'try' / 'train.jsonl').exists()
  (block,) = _blocks('python')
  assert _run(['-c', block], folder, environment).startswith('0.00 s (64, 96)')


def _run(arguments, folder, environment):
  """Runs Python in a folder; returns what it prints."""
  done = subprocess.run(
    [sys.executable, *arguments],
    cwd=folder,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, f'{arguments}\n{done.stderr}'
  return done.stdout


def test_every_program_is_shown():
  """Commands that `skip` excludes from the test above do not count."""
  programs = {shlex.split(command)[2] for command in _commands()}
  assert programs == {
    f'dave_jax.{name}'
    for name in (
      *('predict', 'convert', 'evaluate', 'report', 'main'),
      *('datasets.prepare', 'datasets.show'),
    )
  }
