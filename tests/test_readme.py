"""The README's commands, run as they stand."""

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
  """The `python -m dave_jax...` of every bash block, installation apart."""
  lines = '\n'.join(_blocks('bash')).splitlines()
  return [
    part.strip()
    for line in lines
    for part in line.split('&&')
    if part.strip().startswith('python -m dave_jax')
  ]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A working folder with the files that the README names."""
  torch = pytest.importorskip('torch', reason='needs PyTorch to convert')
  from dave_jax.models.dave import DAVE
  from dave_jax.weights.conversion import dave_to_torch

  folder = tmp_path_factory.mktemp('readme')
  clips.write_clip(
    folder / 'clip.mp4', frames=range(11), sound=clips.tone(0.44)
  )
  (folder / 'configs').symlink_to(README.parent / 'configs')
  (folder / 'my_clips').mkdir()
  clips.write_clip(
    folder / 'my_clips' / 'own.mp4', frames=range(20), sound=clips.tone(0.8)
  )
  (folder / 'my_clips' / 'fixations.csv').write_text(
    'name,time,viewer,x,y\nown,0.2,anna,40,30\nown,0.4,ben,50,20\n'
  )
  state_dict, _ = dave_to_torch(DAVE(), random_variables(DAVE()), {})
  tensors = {k: torch.from_numpy(np.array(v)) for k, v in state_dict.items()}
  torch.save({'state_dict': tensors}, folder / 'model.pth.tar')
  return folder


@pytest.mark.slow
def test_every_command_works(folder, environment):
  commands = _commands()
  assert len(commands) == 7
  for command in commands:
    _run(shlex.split(command)[1:], folder, environment)
  assert (folder / 'predictions' / 'clip' / 'overlay.mp4').exists()
  assert (folder / 'predictions' / 'dave' / 'clip' / 'manifest.json').exists()
  assert (folder / 'back.pth').exists()
  assert (folder / 'sheets' / 'README.md').exists()
  assert (folder / 'runs' / 'try' / 'train.jsonl').exists()
  (block,) = _blocks('python')
  assert _run(['-c', block], folder, environment).startswith('0.00 s (32, 40)')


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


def test_named_files_exist():
  text = README.read_text()
  (layout,) = re.findall(r'## Layout\n\n```\n(.*?)```', text, re.DOTALL)
  for name in re.findall(r'(\w+)/ ', layout):
    assert any(README.parent.rglob(name)), name
  for name in re.findall(r'\w+\.py', layout):
    assert any((README.parent / 'dave_jax').rglob(name)), name
