"""Steps on meshes of several devices: results and communication."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tests.runs import ROOT
from tests.training.on_meshes import MESHES

ROUTES = ('audio_visual', 'visual')
_SENDS = re.compile(
  r' = (?P<shapes>.*?) (?P<kind>all-gather|all-reduce|all-to-all|'
  r'collective-broadcast|collective-permute|ragged-all-to-all|reduce-scatter)'
  r'(-start)?\('
)


@pytest.fixture(scope='module')
def folder(environment, tmp_path_factory):
  """Folder that `on_meshes` writes to."""
  folder = tmp_path_factory.mktemp('meshes')
  done = subprocess.run(
    [sys.executable, '-m', 'tests.training.on_meshes', folder],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return folder


@pytest.fixture(scope='module')
def one_device(folder):
  with np.load(folder / 'one.npz') as state:
    return dict(state)


def _sent(folder, name, route):
  """Returns {collective: [shape]} of a compiled program."""
  found = {}
  for line in (folder / f'{name}.{route}.txt').read_text().splitlines():
    if match := _SENDS.search(line):
      shapes = re.findall(r'\w+\[([\d,]*)\]', match['shapes'])
      found.setdefault(match['kind'], []).extend(
        tuple(int(n) for n in shape.split(',') if n) for shape in shapes
      )
  return found


def _sums(state):
  """Returns the sizes of gradients, batch statistics and scalar metrics.

  Batch statistics have the size of batch norm's biases. The audio stem has one
  input channel, so its gradient has a third of the kernel's size.
  """
  sizes = {v.size for path, v in state.items() if path.startswith('.params')}
  stem = state[".params['audio_encoder']['stem']['kernel']"].size
  return sizes | {1, stem // 3}


@pytest.mark.parametrize('name', [name for name in MESHES if name != 'one'])
def test_eight_devices_learn_what_one_does(name, folder, one_device):
  assert int(one_device['.step']) == 5
  assert any('batch_stats' in path for path in one_device)
  with np.load(folder / f'{name}.npz') as found:
    assert found.keys() == one_device.keys()
    for path, wanted in one_device.items():
      # Float32: of gradients that cancel out, Adam makes steps all the same.
      np.testing.assert_allclose(
        found[path], wanted, rtol=1e-3, atol=2e-5, err_msg=path
      )


@pytest.mark.parametrize('route', ROUTES)
def test_one_device_has_no_collectives(route, folder):
  assert _sent(folder, 'one', route) == {}


@pytest.mark.parametrize('route', ROUTES)
def test_only_gradients_and_statistics_are_summed(route, folder, one_device):
  sent = _sent(folder, 'eight', route)
  assert sent.keys() == {'all-reduce'}
  assert {np.prod(s) for s in sent['all-reduce']} <= _sums(one_device)


@pytest.mark.parametrize('route', ROUTES)
def test_sharded_optimizer_gathers_only_parameters(route, folder, one_device):
  sent = _sent(folder, 'sharded', route)
  sums = _sums(one_device)
  parts = {size // 8 for size in sums}
  for shapes in (sent.pop('all-reduce'), sent.pop('reduce-scatter', [])):
    assert {np.prod(s) for s in shapes} <= sums | parts
  gathered = {np.prod(s) for s in sent.pop('all-gather')}
  assert gathered and gathered <= sums
  assert not sent
