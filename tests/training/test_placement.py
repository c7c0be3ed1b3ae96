"""Steps on meshes of several devices: what they learn, what they send."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tests.runs import ROOT
from tests.training.on_meshes import BATCH_SIZE, MESHES

ROUTES = ('audio_visual', 'visual')
_SENDS = re.compile(
  r' = (?P<shapes>.*?) (?P<kind>all-gather|all-reduce|all-to-all|'
  r'collective-broadcast|collective-permute|ragged-all-to-all|reduce-scatter)'
  r'(-start)?\('
)


@pytest.fixture(scope='module')
def folder(environment, tmp_path_factory):
  """What `on_meshes` writes."""
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
  """Returns {kind: [shape]} of what devices of a program send each other."""
  found = {}
  for line in (folder / f'{name}.{route}.txt').read_text().splitlines():
    if match := _SENDS.search(line):
      shapes = re.findall(r'\w+\[([\d,]*)\]', match['shapes'])
      found.setdefault(match['kind'], []).extend(
        tuple(int(n) for n in shape.split(',') if n) for shape in shapes
      )
  return found


def _sums(state, data):
  """Returns the sizes of gradients, statistics and losses.

  Statistics are of as many channels as batch norm has biases. Losses are of all
  examples, or of each that a device has. So is the gradient of what was heard,
  a number a channel, which counts in every row of a map. The stem hears one
  channel, under the sum of its kernel's three.
  """
  sizes = {v.size for path, v in state.items() if path.startswith('.params')}
  heard = state[".params['combined_embedding']['bias']"].size
  stem = state[".params['audio_encoder']['stem']['kernel']"].size
  examples = BATCH_SIZE // data
  return sizes | {1, examples, examples * heard, stem // 3}


@pytest.mark.parametrize('name', [name for name in MESHES if name != 'one'])
def test_all_devices_learn_what_one_does(name, folder, one_device):
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
def test_one_device_sends_nothing(route, folder):
  assert _sent(folder, 'one', route) == {}


@pytest.mark.parametrize('route', ROUTES)
def test_data_sums_gradients_and_statistics_alone(route, folder, one_device):
  sent = _sent(folder, 'data', route)
  assert sent.keys() == {'all-reduce'}
  assert {np.prod(s) for s in sent['all-reduce']} <= _sums(one_device, data=8)


@pytest.mark.parametrize('route', ROUTES)
@pytest.mark.parametrize('name', ['space', 'both'])
def test_space_exchanges_rows_beside_its_own(name, route, folder, one_device):
  (data, _), shard_optimizer = MESHES[name]
  sent = _sent(folder, name, route)
  # By hand, of [..., h, w, c]: 7 rows of kernel reach over 3. The gradient of
  # max pooling, 130 rows with their padding, goes back to where 128 lie: of 17
  # rows on a device in place of 16, the eighth's begin 6 rows off.
  rows = {shape[-3] for shape in sent.pop('collective-permute')}
  assert rows and max(rows) <= 6
  sums = _sums(one_device, data)
  if shard_optimizer:
    sums |= {size // data for size in sums}
  assert {np.prod(s) for s in sent.pop('all-reduce')} <= sums
  gathered = sent.pop('all-gather', [])
  assert not sent
  if not shard_optimizer:
    assert not gathered
  # Else parameters, in the parts that the optimiser made of them.
  assert {np.prod(s) for s in gathered} <= _sums(one_device, data)
