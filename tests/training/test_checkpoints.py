"""Checkpoints and exported weights."""

import json
import shutil
import threading

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from dave_jax.training.checkpoints import Checkpoints, ExportedWeights
from dave_jax.training.task import TrainState
from tests.training.test_optimizer import PARAMS, make_adam


def _state(step, fill=None):
  params = jax.tree.map(lambda x: x * (step if fill is None else fill), PARAMS)
  return TrainState(
    step=jnp.int32(step),
    params=params,
    batch_stats={'a': {'mean': jnp.arange(3.0) + step}},
    opt_state=make_adam().init(params),
  )


def _save(workdir, *steps, keep=3):
  checkpoints = Checkpoints(workdir, keep=keep)
  for step in steps:
    checkpoints.save(step, _state(step), {'batch': step})
  checkpoints.close()


def _abstract(state):
  return jax.tree.map(ocp.utils.to_shape_dtype_struct, state)


def _restored(workdir):
  checkpoints = Checkpoints(workdir, keep=3)
  try:
    return *checkpoints.restore(_abstract(_state(0))), checkpoints.problems
  finally:
    checkpoints.close()


def test_state_and_position_are_restored(tmp_path):
  _save(tmp_path, 1, 2)
  state, position, problems = _restored(tmp_path)
  assert jax.tree.structure(state) == jax.tree.structure(_state(2))
  for found, expected in zip(
    jax.tree.leaves(state), jax.tree.leaves(_state(2)), strict=True
  ):
    np.testing.assert_array_equal(found, expected)
  assert position == {'batch': 2}
  assert problems == []


def test_saved_state_may_be_donated_at_once(tmp_path):
  """The next step reuses the buffers while they are still being written."""
  overwrite = jax.jit(
    lambda s: jax.tree.map(lambda x: x * 0 - 1, s), donate_argnums=0
  )
  checkpoints = Checkpoints(tmp_path, keep=3)
  large = _state(1).replace(batch_stats={'a': jnp.arange(4_000_000.0)})
  abstract = _abstract(large)
  checkpoints.save(1, large, {})
  jax.block_until_ready(overwrite(large))
  checkpoints.wait()
  state, _ = checkpoints.restore(abstract)
  checkpoints.close()
  np.testing.assert_array_equal(state.batch_stats['a'], np.arange(4_000_000.0))


def test_the_newest_are_kept(tmp_path):
  _save(tmp_path, 1, 2, 3, keep=2)
  folders = {path.name for path in (tmp_path / 'checkpoints').iterdir()}
  sums = {path.name for path in (tmp_path / 'checksums').iterdir()}
  assert folders == {'2', '3'}
  assert sums == {'2.json', '3.json'}


def test_the_manager_is_used_by_one_thread(tmp_path, monkeypatch):
  """Orbax's CheckpointManager is not thread-safe."""
  threads = set()

  class Recorded:
    def __init__(self, *args, **kwargs):
      threads.add(threading.get_ident())
      self._manager = ocp.CheckpointManager(*args, **kwargs)

    def __getattr__(self, name):
      method = getattr(self._manager, name)

      def call(*args, **kwargs):
        threads.add(threading.get_ident())
        return method(*args, **kwargs)

      return call

  manager = type('ocp', (), {**vars(ocp), 'CheckpointManager': Recorded})
  monkeypatch.setattr('dave_jax.training.checkpoints.ocp', manager)
  _save(tmp_path, 1, 2)
  _restored(tmp_path)
  # Each of the two Checkpoints has a thread; none is the main one.
  assert len(threads) <= 2
  assert threading.get_ident() not in threads


def _largest_file(folder):
  files = [path for path in folder.rglob('*') if path.is_file()]
  return max(files, key=lambda path: path.stat().st_size)


def _flip_a_bit(folder, sums):
  path = _largest_file(folder)
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def _truncate(folder, sums):
  path = _largest_file(folder)
  path.write_bytes(path.read_bytes()[:-1])


def _empty(folder, sums):
  shutil.rmtree(folder)
  folder.mkdir()


def _replace_by_a_file(folder, sums):
  shutil.rmtree(folder)
  folder.touch()


def _remove_checksums(folder, sums):
  sums.unlink()


def _make_checksums_a_folder(folder, sums):
  sums.unlink()
  sums.mkdir()
  (sums / 'file').touch()


def _write_checksums(text):
  def damage(folder, sums):
    sums.write_bytes(text)

  damage.__name__ = f'checksums_{text!r}'
  return damage


@pytest.mark.parametrize(
  'damage',
  [
    _flip_a_bit,
    _truncate,
    _empty,
    _replace_by_a_file,
    _remove_checksums,
    _make_checksums_a_folder,
    *map(_write_checksums, (b'{"half', b'null', b'[]', b'3', b'\xff\xfe')),
  ],
  ids=lambda damage: damage.__name__,
)
def test_damaged_checkpoint_is_moved_and_the_one_before_taken(tmp_path, damage):
  _save(tmp_path, 1, 2)
  damage(tmp_path / 'checkpoints' / '2', tmp_path / 'checksums' / '2.json')
  state, position, problems = _restored(tmp_path)
  assert int(state.step) == 1 and position == {'batch': 1}
  (problem,) = problems
  assert 'the checkpoint of step 2 is damaged' in problem
  assert 'moved to damaged/2 in the workdir' in problem
  assert (tmp_path / 'damaged' / '2').exists()
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
  with pytest.raises(ValueError, match='a different network') as error:
    checkpoints.restore(_abstract(other))
  said = str(error.value)
  assert 'batch_stats/b/mean: expected [3], got no such array' in said
  assert 'batch_stats/a/mean: expected no such array, got [3]' in said
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


def test_keeping_no_checkpoint_is_refused(tmp_path):
  with pytest.raises(ValueError, match='of 1 or more, got 0'):
    Checkpoints(tmp_path, keep=0)


class _Task:
  """Exports a folder with what `model.json` has of a run."""

  best = 'set/NSS'

  def export(self, folder, state, origin):
    folder.mkdir()
    (folder / 'model.json').write_text(json.dumps({'origin': origin}))


def _exported(workdir, name):
  return json.loads((workdir / name / 'model.json').read_text())['origin']


def test_weights_with_the_highest_score_are_best(tmp_path):
  weights = ExportedWeights(tmp_path, _Task())
  for step, score in ((1, 0.5), (2, float('nan')), (3, 0.75), (4, 0.6)):
    weights.update(step, None, {'set/NSS': score})
  assert _exported(tmp_path, 'best') == {'step': 3, 'scores': {'set/NSS': 0.75}}
  # A later start knows the score.
  weights = ExportedWeights(tmp_path, _Task())
  weights.update(5, None, {'set/NSS': 0.7})
  weights.finish(6, None)
  assert [path.name for path in tmp_path.iterdir()] == ['best']
  assert _exported(tmp_path, 'best')['step'] == 3


def test_run_without_best_weights_ends_with_last(tmp_path):
  weights = ExportedWeights(tmp_path, _Task())
  weights.update(1, None, {})
  weights.finish(2, None)
  assert [path.name for path in tmp_path.iterdir()] == ['last']
  assert _exported(tmp_path, 'last')['step'] == 2


def test_broken_best_weights_say_what_to_do(tmp_path):
  (tmp_path / 'best').mkdir()
  (tmp_path / 'best' / 'model.json').write_text('null')
  with pytest.raises(ValueError, match='delete the folder to replace it'):
    ExportedWeights(tmp_path, _Task())
