"""Checkpoints: whole or not at all."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training.checkpoints import Checkpoints
from dave_jax.training.task import TrainState
from tests.training.test_optimizer import PARAMS, _adam


def _state(step, fill=None):
  params = jax.tree.map(lambda x: x * (step if fill is None else fill), PARAMS)
  return TrainState(
    step=jnp.int32(step),
    params=params,
    batch_stats={'a': {'mean': jnp.arange(3.0) + step}},
    opt_state=_adam().init(params),
  )


def _save(workdir, *steps, keep=3):
  checkpoints = Checkpoints(workdir, keep=keep)
  for step in steps:
    checkpoints.save(step, _state(step), {'batch': step})
  checkpoints.close()


def _restored(workdir):
  checkpoints = Checkpoints(workdir, keep=3)
  try:
    return *checkpoints.restore(_state(0)), checkpoints.problems
  finally:
    checkpoints.close()


def test_state_and_position_come_back(tmp_path):
  _save(tmp_path, 1, 2)
  state, position, problems = _restored(tmp_path)
  assert jax.tree.structure(state) == jax.tree.structure(_state(2))
  for found, wanted in zip(
    jax.tree.leaves(state), jax.tree.leaves(_state(2)), strict=True
  ):
    np.testing.assert_array_equal(found, wanted)
  assert position == {'batch': 2}
  assert problems == []


def test_saved_state_may_be_used_up_at_once(tmp_path):
  """A step that takes the state's memory while it is being written."""
  spoil = jax.jit(
    lambda s: jax.tree.map(lambda x: x * 0 - 1, s), donate_argnums=0
  )
  checkpoints = Checkpoints(tmp_path, keep=3)
  large = _state(1).replace(batch_stats={'a': jnp.arange(4_000_000.0)})
  checkpoints.save(1, large, {})
  spoiled = jax.block_until_ready(spoil(large))
  checkpoints.wait()
  state, _ = checkpoints.restore(spoiled)
  checkpoints.close()
  np.testing.assert_array_equal(state.batch_stats['a'], np.arange(4_000_000.0))


def test_the_newest_are_kept(tmp_path):
  _save(tmp_path, 1, 2, 3, keep=2)
  folders = {path.name for path in (tmp_path / 'checkpoints').iterdir()}
  sums = {path.name for path in (tmp_path / 'checksums').iterdir()}
  assert folders == {'2', '3'}
  assert sums == {'2.json', '3.json'}


def _largest_file(folder):
  files = [path for path in folder.rglob('*') if path.is_file()]
  return max(files, key=lambda path: path.stat().st_size)


def _flip_a_bit(folder):
  path = _largest_file(folder)
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def _truncate(folder):
  path = _largest_file(folder)
  path.write_bytes(path.read_bytes()[:-1])


def _empty(folder):
  shutil.rmtree(folder)
  folder.mkdir()


def _unseal(folder):
  (folder.parents[1] / 'checksums' / '2.json').unlink()


def _spoil_checksums(folder):
  (folder.parents[1] / 'checksums' / '2.json').write_text('{"half')


@pytest.mark.parametrize(
  'damage', [_flip_a_bit, _truncate, _empty, _unseal, _spoil_checksums]
)
def test_damaged_step_is_set_aside_and_the_one_before_taken(tmp_path, damage):
  _save(tmp_path, 1, 2)
  damage(tmp_path / 'checkpoints' / '2')
  state, position, problems = _restored(tmp_path)
  assert int(state.step) == 1 and position == {'batch': 1}
  (problem,) = problems
  assert 'step 2 is not whole' in problem
  assert str(tmp_path / 'damaged' / '2') in problem
  # The step can be saved again.
  _save(tmp_path, 2)
  assert int(_restored(tmp_path)[0].step) == 2


def test_unfinished_save_is_ignored(tmp_path):
  """As a process that was killed while it saved leaves it."""
  _save(tmp_path, 1)
  folder = tmp_path / 'checkpoints'
  shutil.copytree(folder / '1', folder / '2.orbax-checkpoint-tmp')
  assert int(_restored(tmp_path)[0].step) == 1


def test_another_network_is_refused_by_name(tmp_path):
  _save(tmp_path, 1)
  checkpoints = Checkpoints(tmp_path, keep=3)
  other = _state(0).replace(batch_stats={'b': {'mean': jnp.zeros(3)}})
  with pytest.raises(ValueError, match='another network') as error:
    checkpoints.restore(other)
  assert 'batch_stats/b/mean: missing, wanted [3]' in str(error.value)
  assert 'batch_stats/a/mean: [3], wanted none' in str(error.value)
  checkpoints.close()


def test_checksums_cover_every_file(tmp_path):
  _save(tmp_path, 1)
  folder = tmp_path / 'checkpoints' / '1'
  named = json.loads((tmp_path / 'checksums' / '1.json').read_text())
  found = {
    path.relative_to(folder).as_posix()
    for path in folder.rglob('*')
    if path.is_file()
  }
  assert set(named) == found


def test_none_to_keep_is_refused(tmp_path):
  with pytest.raises(ValueError, match='got 0 checkpoints to keep'):
    Checkpoints(tmp_path, keep=0)
