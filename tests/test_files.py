"""Files that are written whole or not at all."""

import json

import numpy as np
import pytest

from dave_jax import files


def test_a_file_appears_when_the_block_ends(tmp_path):
  path = tmp_path / 'new' / 'a.npz'
  with files.write_atomically(path) as partial:
    np.savez(partial, x=np.arange(3))  # Adds no suffix of its own.
    assert not path.exists()
  with np.load(path) as arrays:
    np.testing.assert_array_equal(arrays['x'], [0, 1, 2])
  assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_file(tmp_path):
  path = tmp_path / 'a.txt'
  files.write_text(path, 'old')
  with (
    pytest.raises(OSError, match='disk full'),
    files.write_atomically(path) as partial,
  ):
    partial.write_text('half')
    raise OSError('disk full')
  assert path.read_text() == 'old'
  assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
  path = tmp_path / 'a.txt'
  with files.write_atomically(path) as one, files.write_atomically(path) as two:
    assert one != two
    one.write_text('one')
    two.write_text('two')
  assert path.read_text() == 'one'  # Whose block ends last.


def test_json_without_nan(tmp_path):
  path = tmp_path / 'a.json'
  files.write_json(path, {'x': [1, None]})
  assert json.loads(path.read_text()) == {'x': [1, None]}
  with pytest.raises(ValueError, match='not JSON compliant'):
    files.write_json(path, {'x': float('nan')})
  assert json.loads(path.read_text()) == {'x': [1, None]}


def test_leftovers_of_killed_writers_are_removed(tmp_path):
  """And nothing else, hidden or not."""
  for name in ('kept.json', '.hidden', 'a.partial.json', '.partial'):
    (tmp_path / name).touch()
  files.write_atomically(tmp_path / 'maps' / 'a.png').__enter__().touch()
  (left,) = (tmp_path / 'maps').iterdir()
  assert files.is_partial(left)
  files.remove_partial_files(tmp_path)
  assert sorted(p.name for p in tmp_path.rglob('*')) == [
    '.hidden',
    '.partial',
    'a.partial.json',
    'kept.json',
    'maps',
  ]
