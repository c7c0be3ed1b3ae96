"""Files in buckets, on servers on this machine."""

import pathlib
import sys
import uuid

import jax
import numpy as np
import pytest

import dave_jax
from dave_jax import buckets


@pytest.fixture
def bucket(protocol):
  """An empty folder of a bucket."""
  return f'{protocol}://runs/{uuid.uuid4().hex}'


@pytest.mark.parametrize('path', ['gs://a/b', 's3://a'])
def test_paths_of_buckets(path):
  assert buckets.is_bucket(path)


@pytest.mark.parametrize('path', ['/gs://a', 'runs/demo', None])
def test_paths_of_disks(path):
  assert not buckets.is_bucket(path)


def test_model_on_a_disk_is_used_itself(tmp_path):
  assert buckets.local_model(tmp_path) == tmp_path


def test_missing_package_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, 'gcsfs', None)
  monkeypatch.setitem(sys.modules, 'fsspec', None)
  with pytest.raises(ValueError, match=r"pip install 'dave-jax\[cloud\]'"):
    dave_jax.load('gs://runs/a')


def test_files_are_copied_both_ways(bucket, tmp_path):
  (tmp_path / 'a' / 'b').mkdir(parents=True)
  (tmp_path / 'a' / 'b' / 'c').write_bytes(b'\0' * 1000)
  (tmp_path / 'a' / 'empty').touch()
  names = ['b/c', 'empty']
  assert buckets.files_in(bucket) == {}
  buckets.upload(tmp_path / 'a', names, bucket)
  assert buckets.files_in(bucket) == {'b/c': 1000, 'empty': 0}
  buckets.download(bucket, names, tmp_path / 'copy')
  assert (tmp_path / 'copy' / 'b' / 'c').read_bytes() == b'\0' * 1000
  assert (tmp_path / 'copy' / 'empty').read_bytes() == b''
  buckets.remove(bucket, ['b/c', 'absent'])
  assert buckets.files_in(bucket) == {'empty': 0}


def test_files_that_match_a_pattern(bucket, tmp_path):
  names = ['a.mp4', 'b.mp4', 'c.txt', 'more/d.mp4']
  for name in names:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(name)
  buckets.upload(tmp_path, names, bucket)
  assert buckets.matches(f'{bucket}/*.mp4') == [
    f'{bucket}/a.mp4',
    f'{bucket}/b.mp4',
  ]
  with buckets.local_file(f'{bucket}/more/d.mp4') as copy:
    assert pathlib.Path(copy).read_text() == 'more/d.mp4'
    assert copy.endswith('/d.mp4')
  assert not pathlib.Path(copy).exists()


def test_errors_name_the_path(protocol):
  path = f'{protocol}://absent-{uuid.uuid4().hex}/a'
  with pytest.raises(OSError, match=path):
    buckets.read_text(path)


def test_a_model_of_a_run_is_loaded(bucket, checkpoint, model):
  names = [
    path.relative_to(checkpoint).as_posix()
    for path in checkpoint.rglob('*')
    if path.is_file()
  ]
  buckets.upload(checkpoint, names, f'{bucket}/best')
  for folder in (bucket, f'{bucket}/best/'):
    loaded = dave_jax.load(folder)
    assert loaded.fingerprint == model.fingerprint
    jax.tree.map(
      np.testing.assert_array_equal, loaded.variables, model.variables
    )
  with pytest.raises(FileNotFoundError, match='expected a model'):
    dave_jax.load(f'{bucket}/absent')


def test_copies_that_killed_programs_left_are_removed(tmp_path, monkeypatch):
  monkeypatch.setattr(buckets.tempfile, 'tempdir', str(tmp_path))
  monkeypatch.setattr(buckets, '_YOUNG', -1)
  left = tmp_path / 'dave_jax_copy_left'
  left.mkdir()
  (left / 'in_use').touch()
  with buckets.private_folder() as first, buckets.private_folder() as second:
    assert not left.exists()
    assert first.is_dir() and second.is_dir() and first != second
  assert list(tmp_path.iterdir()) == []
