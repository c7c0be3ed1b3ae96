"""Meshes: which sizes fit, and how arrays are laid out."""

import types

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from dave_jax.training.mesh import check_batch_size, make_mesh
from dave_jax.training.placement import state_shardings
from dave_jax.training.state import TrainState


def _mesh(data):
  """Returns a mesh without devices."""
  return AbstractMesh((data,), ('data',))


def test_mesh_has_all_devices_or_the_number_asked_for():
  assert dict(make_mesh(-1).shape) == {'data': jax.device_count()}
  assert dict(make_mesh(1).shape) == {'data': 1}


@pytest.mark.parametrize('data', [0, -2, 9])
def test_a_number_of_devices_that_is_not_there_is_refused(data):
  eight = jax.devices()[:1] * 8
  with pytest.raises(
    ValueError, match=f'of 1 to 8 for 8 devices of 1 processes, got {data}'
  ):
    make_mesh(data, eight)


def test_several_processes_use_all_devices():
  eight = [types.SimpleNamespace(process_index=n // 4) for n in range(8)]
  with pytest.raises(ValueError, match='of 8 for 8 devices of 2 processes'):
    make_mesh(4, eight)


def test_batch_that_devices_cannot_share_is_refused_with_what_fits():
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
  whole = state_shardings(_mesh(4), state, shard_optimizer=False)
  assert {s.spec for s in jax.tree.leaves(whole)} == {PartitionSpec()}
  shared = state_shardings(_mesh(4), state, shard_optimizer=True)
  assert shared.opt_state['mu'].spec == PartitionSpec(None, None, None, 'data')
  for leaf in ('odd', 'vector'):
    assert shared.opt_state[leaf].spec == PartitionSpec()
  assert shared.params['kernel'].spec == PartitionSpec()
  assert shared.batch_stats['mean'].spec == PartitionSpec()
