"""Meshes: which sizes fit, and which part of a batch a process reads."""

import types

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, PartitionSpec

from dave_jax.training.mesh import (
  Share,
  check_batch_size,
  check_height,
  check_no_space,
  make_mesh,
  share_of_process,
)
from dave_jax.training.placement import batch_sharding, state_shardings
from dave_jax.training.state import TrainState


def _shape(data, space):
  """Returns a mesh that no device is needed for."""
  return AbstractMesh((data, space), ('data', 'space'))


def test_mesh_of_what_is_left_has_all_devices():
  count = jax.device_count()
  assert dict(make_mesh(-1, 1).shape) == {'data': count, 'space': 1}
  assert dict(make_mesh(1, -1).shape) == {'data': 1, 'space': count}


@pytest.mark.parametrize(
  ('data', 'space', 'fitting'),
  [
    # Products of two numbers that are 8, by hand.
    (
      -1,
      3,
      'data=8, space=1 or data=4, space=2 or data=2, space=4 or data=1, ',
    ),
    (
      3,
      -1,
      'data=8, space=1 or data=4, space=2 or data=2, space=4 or data=1, ',
    ),
    (4, 1, 'use data=8, space=1 or data=4, space=2'),
    (3, 2, 'use data=4, space=2'),
    (-1, -1, 'use data=8, space=1 or'),
    (0, 5, 'use data=-1, space=1 or data=-1, space=2'),
  ],
)
def test_sizes_that_do_not_make_up_the_devices(data, space, fitting):
  eight = jax.devices() * 8
  with pytest.raises(ValueError, match=f'data={data}, space={space} does not'):
    make_mesh(data, space, eight)
  with pytest.raises(ValueError, match=fitting):
    make_mesh(data, space, eight)


def test_batch_need_only_split_along_data():
  check_batch_size(_shape(4, 2), 'train.batch_size', 12)
  with pytest.raises(
    ValueError, match='size 10 is not divisible by 4 devices; use 8 or'
  ):
    check_batch_size(_shape(4, 2), 'train.batch_size', 10)


def test_rows_that_do_not_split_are_refused_with_what_does():
  for space in (1, 2, 4, 8, 16, 32):
    check_height(_shape(1, space), 256, 8)
  # 256 rows are 32 of a map. 288 is the next that both 32, which the network
  # takes, and 3 * 8 divide.
  with pytest.raises(ValueError, match='use one of 1, 2, 4, 8, 16, 32, or fr'):
    check_height(_shape(1, 3), 256, 8)
  with pytest.raises(ValueError, match='or frames of 288 rows'):
    check_height(_shape(1, 3), 256, 8)


def test_what_sees_no_frames_is_not_split_by_rows():
  check_no_space(_shape(8, 1), 'a thing')
  with pytest.raises(ValueError, match='a thing sees none; use mesh'):
    check_no_space(_shape(4, 2), 'a thing')


def _share(processes, me, monkeypatch):
  """Returns the share of a process of devices [data][space] of processes."""
  processes = np.array(processes)
  devices = np.empty(processes.shape, object)
  for place, process in np.ndenumerate(processes):
    devices[place] = types.SimpleNamespace(process_index=process)
  mesh = types.SimpleNamespace(
    devices=devices,
    shape=dict(zip(('data', 'space'), devices.shape, strict=True)),
  )
  monkeypatch.setattr(jax, 'process_index', lambda: me)
  return share_of_process.__wrapped__(mesh)


def test_processes_of_whole_examples_read_a_part_each(monkeypatch):
  two_of_four_devices = [[0, 0], [0, 0], [1, 1], [1, 1]]
  for me in (0, 1):
    found = _share(two_of_four_devices, me, monkeypatch)
    assert found == Share(index=me, count=2, leads=True)


def test_processes_that_share_examples_read_the_same_part(monkeypatch):
  four_of_one_device = [[0, 1], [2, 3]]
  found = [_share(four_of_one_device, me, monkeypatch) for me in range(4)]
  assert [share.index for share in found] == [0, 0, 1, 1]
  assert {share.count for share in found} == {2}
  assert [share.leads for share in found] == [True, False, True, False]


def test_processes_that_share_some_examples_alone_are_refused(monkeypatch):
  two_of_three_devices = [[0, 0], [0, 1], [1, 1]]
  with pytest.raises(ValueError, match='a number that divides 3, or that 3'):
    _share(two_of_three_devices, 0, monkeypatch)


def test_frames_and_maps_lie_by_row_and_sound_does_not():
  mesh = _shape(4, 2)
  spec = {
    key: batch_sharding(mesh, key).spec
    for key in ('frames', 'density', 'fixations', 'log_mel', 'clip')
  }
  assert spec == {
    'frames': PartitionSpec('data', None, 'space'),
    'density': PartitionSpec('data', 'space'),
    'fixations': PartitionSpec('data', 'space'),
    'log_mel': PartitionSpec('data'),
    'clip': PartitionSpec('data'),
  }


def test_optimiser_splits_along_the_largest_axis_that_data_divides():
  kernel, odd = np.zeros((3, 3, 8, 16)), np.zeros((3, 6))
  state = TrainState(
    step=np.int32(0),
    params={'kernel': kernel},
    batch_stats={'mean': np.zeros(16)},
    opt_state={'mu': kernel, 'odd': odd, 'vector': np.zeros(16)},
  )
  whole = state_shardings(_shape(4, 2), state, shard_optimizer=False)
  assert {s.spec for s in jax.tree.leaves(whole)} == {PartitionSpec()}
  shared = state_shardings(_shape(4, 2), state, shard_optimizer=True)
  assert shared.opt_state['mu'].spec == PartitionSpec(None, None, None, 'data')
  for leaf in ('odd', 'vector'):
    assert shared.opt_state[leaf].spec == PartitionSpec()
  assert shared.params['kernel'].spec == PartitionSpec()
  assert shared.batch_stats['mean'].spec == PartitionSpec()
