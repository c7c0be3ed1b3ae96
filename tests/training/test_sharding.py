"""Meshes, shardings, and steps on several devices."""

import re
import subprocess
import sys
import types

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from dave_jax.training.sharding import (
  check_batch_size,
  make_mesh,
  state_shardings,
)
from dave_jax.training.task import TrainState
from tests.runs import ROOT
from tests.training.on_meshes import MESHES


def _mesh(data):
  """Returns a mesh without devices."""
  return AbstractMesh((data,), ('data',))


def test_mesh_has_all_devices_or_the_number_asked_for():
  assert dict(make_mesh(-1).shape) == {'data': jax.device_count()}
  assert dict(make_mesh(1).shape) == {'data': 1}


@pytest.mark.parametrize('data', [0, -2, 9])
def test_unavailable_number_of_devices_is_refused(data):
  eight = jax.devices()[:1] * 8
  with pytest.raises(
    ValueError, match=f'of 1 to 8 for 8 devices of 1 processes, got {data}'
  ):
    make_mesh(data, eight)


def test_several_processes_use_all_devices():
  eight = [types.SimpleNamespace(process_index=n // 4) for n in range(8)]
  with pytest.raises(ValueError, match='of 8 for 8 devices of 2 processes'):
    make_mesh(4, eight)


def test_indivisible_batch_is_refused_with_sizes_that_fit():
  """10 is not a multiple of 4; its largest divisor below 4 is 2."""
  check_batch_size(_mesh(4), 'train.batch_size', 12)
  with pytest.raises(
    ValueError,
    match=r'size 10 is not divisible by 4 devices; use 8 or 12 or mesh.data=2',
  ):
    check_batch_size(_mesh(4), 'train.batch_size', 10)


def test_optimizer_state_is_split_along_the_largest_divisible_axis():
  kernel, odd = np.zeros((3, 3, 8, 16)), np.zeros((3, 6))
  state = TrainState(
    step=np.int32(0),
    params={'kernel': kernel},
    batch_stats={'mean': np.zeros(16)},
    opt_state={'mu': kernel, 'odd': odd, 'vector': np.zeros(16)},
  )
  replicated = state_shardings(_mesh(4), state, shard_optimizer=False)
  assert {s.spec for s in jax.tree.leaves(replicated)} == {PartitionSpec()}
  sharded = state_shardings(_mesh(4), state, shard_optimizer=True)
  assert sharded.opt_state['mu'].spec == PartitionSpec(None, None, None, 'data')
  for leaf in ('odd', 'vector'):
    assert sharded.opt_state[leaf].spec == PartitionSpec()
  assert sharded.params['kernel'].spec == PartitionSpec()
  assert sharded.batch_stats['mean'].spec == PartitionSpec()


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


@pytest.mark.slow
@pytest.mark.parametrize('name', [name for name in MESHES if name != 'one'])
def test_eight_devices_train_like_one(name, folder, one_device):
  assert int(one_device['.step']) == 5
  assert any('batch_stats' in path for path in one_device)
  with np.load(folder / f'{name}.npz') as found:
    assert found.keys() == one_device.keys()
    for path, expected in one_device.items():
      # In float32, gradients that cancel out are noise, which Adam scales up.
      np.testing.assert_allclose(
        found[path], expected, rtol=1e-3, atol=2e-5, err_msg=path
      )


@pytest.mark.slow
@pytest.mark.parametrize('route', ROUTES)
def test_one_device_has_no_collectives(route, folder):
  assert _sent(folder, 'one', route) == {}


@pytest.mark.slow
@pytest.mark.parametrize('route', ROUTES)
def test_only_gradients_and_statistics_are_summed(route, folder, one_device):
  sent = _sent(folder, 'eight', route)
  assert sent.keys() == {'all-reduce'}
  assert {np.prod(s) for s in sent['all-reduce']} <= _sums(one_device)


@pytest.mark.slow
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
