"""The copy of a run in a bucket, and the lock of the bucket."""

import json
import os
import socket
import uuid

import pytest

from dave_jax import buckets
from dave_jax.training import bucket_lock, mirror
from dave_jax.training.bucket_lock import lock_bucket
from dave_jax.training.mirror import mirrored


@pytest.fixture
def bucket(protocol):
  """A folder of a bucket with a run."""
  path = f'{protocol}://runs/{uuid.uuid4().hex}'
  _write(path, 'train.jsonl', b'1\n')
  _write(path, 'checkpoints/5/state/d', b'large')
  _write(path, 'checksums/5.json', b'{}')
  _write(path, 'tensorboard/events', b'curves')
  return path


def _write(bucket, name, content):
  buckets.filesystem(bucket).pipe_file(f'{bucket}/{name}', content)


def _read(bucket, name):
  return buckets.filesystem(bucket).cat_file(f'{bucket}/{name}')


def _lines(folder):
  return (folder / 'train.jsonl').read_text().split()


def test_folder_on_a_disk_is_used_itself(tmp_path):
  with mirrored(tmp_path) as (folder, upload):
    assert folder == tmp_path
    assert upload is None


def test_what_changes_is_copied_back(bucket):
  with mirrored(bucket) as (folder, upload):
    assert folder.name == bucket.split('/')[-1]
    assert _lines(folder) == ['1']
    # No start reads the curves of those before.
    assert not (folder / 'tensorboard').exists()
    (folder / 'train.jsonl').write_text('1\n2\n')
    (folder / 'tensorboard').mkdir()
    (folder / 'tensorboard' / 'more').write_text('curves')
    (folder / '.train.0.partial.jsonl').touch()
    upload()
    assert _read(bucket, 'train.jsonl') == b'1\n2\n'
    (folder / 'checkpoints' / '5' / 'state' / 'd').unlink()
    (folder / 'checksums' / '5.json').unlink()
    (folder / 'train.jsonl').write_text('1\n2\n3\n')
  assert not folder.exists()
  assert buckets.files_in(bucket).keys() == {
    'train.jsonl',
    'tensorboard/events',
    'tensorboard/more',
  }
  assert _read(bucket, 'train.jsonl') == b'1\n2\n3\n'


def test_what_an_evaluation_does_not_need_stays_in_the_bucket(bucket):
  with mirrored(bucket, without=mirror.CHECKPOINTS) as (folder, _):
    assert [path.name for path in folder.iterdir()] == ['train.jsonl']
  assert 'checkpoints/5/state/d' in buckets.files_in(bucket)


def test_an_upload_that_fails_is_made_up_for(bucket, monkeypatch, caplog):
  def fail(*_):
    raise OSError('no network')

  with mirrored(bucket) as (folder, upload):
    (folder / 'a').write_text('a')
    with monkeypatch.context() as patch:
      patch.setattr(buckets, 'upload', fail)
      upload()
    assert 'the next checkpoint tries again: no network' in caplog.text
    upload()
    assert _read(bucket, 'a') == b'a'


def test_what_could_not_be_copied_is_kept(bucket, monkeypatch, tmp_path):
  monkeypatch.setattr(buckets.tempfile, 'tempdir', str(tmp_path))

  def fail(*_):
    raise OSError('no network')

  monkeypatch.setattr(buckets, 'upload', fail)
  with (
    pytest.raises(OSError, match='no network; the run is kept in') as error,
    mirrored(bucket) as (folder, _),
  ):
    (folder / 'a').write_text('a')
  (kept,) = tmp_path.iterdir()
  assert str(kept) in str(error.value)
  assert (kept / 'a').read_text() == 'a'


def test_errors_name_the_bucket(bucket):
  with (
    pytest.raises(ValueError, match=f'^{bucket}/a: wrong$'),
    mirrored(bucket) as (folder, _),
  ):
    raise ValueError(f'{folder}/a: wrong')
  assert not folder.exists()


def test_second_run_is_refused(bucket, monkeypatch):
  monkeypatch.setattr(bucket_lock, '_REFRESH_SECONDS', 0.2)
  with (
    lock_bucket(bucket),
    pytest.raises(OSError, match=f'is in use by process {os.getpid()} on'),
    mirrored(bucket),
  ):
    pass
  with mirrored(bucket):
    pass  # Free again.
  assert 'lock' not in buckets.files_in(bucket)


@pytest.mark.parametrize(
  'fields',
  [
    # No process has this number.
    bucket_lock._machine() | {'process': 2**22 + 1},
    {'host': 'gone', 'address': 1, 'process': os.getpid()},
  ],
  ids=['process', 'host'],
)
def test_lock_of_a_killed_run_is_replaced(bucket, fields, monkeypatch):
  seconds = 0.3 if fields['host'] == 'gone' else 100
  monkeypatch.setattr(bucket_lock, '_STALE_SECONDS', seconds)
  monkeypatch.setattr(bucket_lock, '_REFRESH_SECONDS', 0.5)
  left = {'token': 'a', 'time': '2000-01-01'} | fields
  _write(bucket, 'lock', json.dumps(left).encode())
  with lock_bucket(bucket):
    holder = json.loads(_read(bucket, 'lock'))
    assert holder['process'] == os.getpid()
    assert holder['host'] == socket.gethostname()


def test_run_that_has_lost_its_lock_writes_nothing(bucket):
  """As one on a machine that was suspended while another took over."""
  with (
    pytest.raises(BlockingIOError, match='on host other continues it'),
    mirrored(bucket) as (folder, upload),
  ):
    holder = json.loads(_read(bucket, 'lock'))
    holder |= {'token': 'other', 'host': 'other'}
    _write(bucket, 'lock', json.dumps(holder).encode())
    (folder / 'train.jsonl').write_text('spoilt')
    upload()
  assert _read(bucket, 'train.jsonl') == b'1\n'
  assert json.loads(_read(bucket, 'lock'))['token'] == 'other'


def test_file_that_is_no_lock_is_named(bucket):
  _write(bucket, 'lock', b'3')
  with (
    pytest.raises(OSError, match=f'{bucket}/lock: expected the lock of a run'),
    lock_bucket(bucket),
  ):
    pass
