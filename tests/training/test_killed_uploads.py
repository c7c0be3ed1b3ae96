"""Uploads that are killed at any file."""

import contextlib
import shutil

import pytest

from dave_jax import buckets
from dave_jax.training.mirror import Mirror

BUCKET = 'memory://runs/a'
# Of two checkpoints; weights of the same names, but for one.
FIRST = {
  'train.jsonl': '1\n',
  'checkpoints/1/a': '1',
  'checkpoints/1/b1': '1',
  'checksums/1.json': '1',
  'best/model.json': '1',
  'best/a': '1',
  'best/b1': '1',
}
SECOND = {
  'train.jsonl': '1\n2\n',
  'checkpoints/2/a': '2',
  'checkpoints/2/b2': '2',
  'checksums/2.json': '2',
  'best/model.json': '2',
  'best/a': '2',
  'best/b2': '2',
}


class Killed(BaseException):
  """The process ends here."""


class Lock:
  def check(self):
    pass


@pytest.fixture(autouse=True)
def memory(monkeypatch):
  """A bucket in the memory of this process."""
  monkeypatch.setattr(buckets, 'PROTOCOLS', ('memory://',))
  fs = buckets.filesystem(BUCKET)
  yield fs
  fs.store.clear()


@pytest.fixture(params=[sorted, lambda names: sorted(names)[::-1]])
def kill_after(request, monkeypatch):
  """Returns a function: uploads and removals end after a number of files."""
  put, remove = buckets.upload, buckets.remove
  left = [0]

  def count(names):
    for name in request.param(names):
      if left[0] == 0:
        raise Killed
      left[0] -= 1
      yield name

  def upload(folder, names, bucket):
    for name in count(names):
      put(folder, [name], bucket)

  def remove_files(bucket, names):
    for name in count(names):
      remove(bucket, [name])

  monkeypatch.setattr(buckets, 'upload', upload)
  monkeypatch.setattr(buckets, 'remove', remove_files)

  def call(files):
    left[0] = files

  return call


def _write(folder, files):
  """Replaces the files of a folder."""
  for path in folder.iterdir():
    shutil.rmtree(path) if path.is_dir() else path.unlink()
  for name, text in files.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def _files(folder):
  return {
    path.relative_to(folder).as_posix(): path.read_text()
    for path in folder.rglob('*')
    if path.is_file()
  }


def _with(files, *tops):
  return {n: text for n, text in files.items() if n.split('/')[0] in tops}


def test_an_upload_that_failed_leaves_nothing_behind(kill_after, tmp_path):
  third = {
    name.replace('2', '3'): text.replace('2', '3')
    for name, text in SECOND.items()
  }
  for count in range(len(SECOND)):
    bucket, folder = f'{BUCKET}{count}', tmp_path / f'{count}'
    mirror = Mirror(bucket, folder, Lock())
    for files, left in ((FIRST, 100), (SECOND, count), (third, 100)):
      _write(folder, files)
      kill_after(left)
      with contextlib.suppress(Killed):
        mirror.upload()
    assert buckets.files_in(bucket).keys() == third.keys()
    Mirror(bucket, tmp_path / f'{count}_again', Lock())
    assert _files(tmp_path / f'{count}_again') == third


def test_what_a_killed_upload_leaves_can_be_resumed(kill_after, tmp_path):
  finished = False
  for count in range(100):
    first = Mirror(f'{BUCKET}{count}', tmp_path / f'{count}', Lock())
    kill_after(100)
    _write(tmp_path / f'{count}', FIRST)
    first.upload()
    _write(tmp_path / f'{count}', SECOND)
    kill_after(count)
    try:
      first.upload()
      finished = True
    except Killed:
      pass
    again = tmp_path / f'{count}_again'
    second = Mirror(f'{BUCKET}{count}', again, Lock())
    found = _files(again)
    step = max(int(n[10]) for n in found if n.startswith('checksums/'))
    expected = SECOND if step == 2 else FIRST
    rows = found['train.jsonl'].split()
    assert rows[:step] == ['1', '2'][:step]
    # The checkpoint and the weights are whole, and of one upload.
    checkpoint = f'checkpoints/{step}/'
    for name in [*found, *expected]:
      if name.startswith(checkpoint):
        assert found.get(name) == expected.get(name)
    weights = _with(found, 'best')
    assert weights in ({}, _with(FIRST, 'best'), _with(SECOND, 'best'))
    if step == 2:
      assert weights == _with(SECOND, 'best')
    # The next upload removes what is left of the killed one.
    kill_after(100)
    _write(again, SECOND)
    second.upload()
    assert buckets.files_in(f'{BUCKET}{count}').keys() == SECOND.keys()
    if finished:
      break
  assert finished and count > len(SECOND)
