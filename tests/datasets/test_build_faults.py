"""Tests of broken sources, full disks and interrupted builds."""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from dave_jax.datasets import build as build_lib
from dave_jax.datasets import shards, store
from dave_jax.datasets.build import IncompleteError, build
from dave_jax.datasets.prepare import make_builder
from tests.datasets.building import DEGREE, VIDEOS, assert_same, build_into
from tests.media import clips


def test_unreadable_image_stops_the_build_or_is_left_out(tmp_path, photographs):
  broken = photographs / 'ALLSTIMULI' / 'i07.jpeg'
  whole = broken.read_bytes()
  broken.write_bytes(whole[:-30])
  with pytest.raises(IncompleteError, match='1 clip cannot be used') as error:
    build_into('mit1003', photographs, tmp_path)
  assert error.value.problems[0].startswith('i07: ')
  assert 'cut off' in error.value.problems[0]
  with pytest.raises(FileNotFoundError, match='is incomplete'):
    store.open_dataset(tmp_path, 'mit1003')
  report = build_into('mit1003', photographs, tmp_path, partial=True)
  assert [clip['name'] for clip in report['skipped']] == ['i07']
  assert len(report['clips']) == 49
  dataset = store.open_dataset(tmp_path, 'mit1003')
  for split in dataset.splits:
    records = dataset.records(split)
    for clip in dataset.clips(split):
      assert records[clip.first_record]['clip'].decode() == clip.name


def test_repaired_image_is_read_again(tmp_path, photographs):
  broken = photographs / 'ALLSTIMULI' / 'i07.jpeg'
  whole = broken.read_bytes()
  broken.write_bytes(whole[:-30])
  with pytest.raises(IncompleteError):
    build_into('mit1003', photographs, tmp_path)
  broken.write_bytes(whole)
  report = build_into('mit1003', photographs, tmp_path)
  assert len(report['clips']) == 50


def test_set_without_a_readable_clip_is_not_built(tmp_path, photographs):
  for path in (photographs / 'ALLSTIMULI').iterdir():
    path.write_bytes(b'no image')
  with pytest.raises(IncompleteError, match='no clip can be used'):
    build_into('mit1003', photographs, tmp_path, partial=True)


def test_missing_source_is_an_error(tmp_path):
  with pytest.raises(FileNotFoundError, match='give --source'):
    build_into('mit1003', tmp_path / 'nowhere', tmp_path)


def test_opening_a_set_that_is_not_built_names_the_command(tmp_path):
  with pytest.raises(FileNotFoundError, match='prepare osie --source'):
    store.open_dataset(tmp_path, 'osie')


def test_tfds_refuses_an_incomplete_source(tmp_path):
  builder = make_builder('folder', tmp_path)
  with pytest.raises(ValueError, match=r'fixations\.csv is missing'):
    builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(manual_dir=tmp_path)
    )


def test_changed_file_is_read_again(tmp_path, videos):
  (videos / 'c.mp4').write_bytes(b'no video')
  with pytest.raises(IncompleteError):
    build_into('folder', videos, tmp_path, **DEGREE)
  clips.write_clip(videos / 'a.mp4', frames=range(7))
  clips.write_clip(videos / 'c.mp4', frames=range(20))
  report = build_into('folder', videos, tmp_path, **DEGREE)
  frames = {clip['name']: clip['frames'] for clip in report['clips']}
  assert frames == {'a': 7, 'b': 20, 'c': 20, 'd': 20}


@pytest.mark.parametrize('harm', ['cut', 'remove'])
def test_damaged_shards_are_refused(tmp_path, photographs, harm):
  build_into('mit1003', photographs, tmp_path)
  folder = store.open_dataset(tmp_path, 'mit1003').folder
  shard = next(folder.glob('*train.array_record*'))
  if harm == 'cut':
    shard.write_bytes(shard.read_bytes()[:-1000])
  else:
    shard.unlink()
  with pytest.raises(ValueError, match=r'train\.array_record-.*copy the data'):
    store.open_dataset(tmp_path, 'mit1003')


@contextlib.contextmanager
def _small_disk(room):
  """Limits the size of each file to `room` bytes."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
  resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_build_resumes_after_a_full_disk(tmp_path, videos):
  with (
    _small_disk(20_000),
    pytest.raises(OSError, match='free disk space and run'),
  ):
    build_into('folder', videos, tmp_path, **DEGREE)
  [staging] = (tmp_path / VIDEOS).iterdir()
  assert staging.name == '1.0.0.building'
  assert not list(staging.glob('[!.]*.array_record'))
  with pytest.raises(FileNotFoundError, match='is incomplete'):
    store.open_dataset(tmp_path, 'folder')
  build_into('folder', videos, tmp_path, **DEGREE)
  assert len(store.open_dataset(tmp_path, 'folder').clips('train')) == 3


def test_disk_that_fills_while_shards_are_merged_leaves_no_set(
  tmp_path, videos
):
  builder = make_builder('folder', tmp_path, **DEGREE)
  room = 0
  with pytest.MonkeyPatch.context() as patch:
    join = shards._join

    def fill(parts, path):
      nonlocal room
      room = max(part.stat().st_size for part in parts) + 1000
      with _small_disk(room):
        join(parts, path)

    patch.setattr(shards, '_join', fill)
    with pytest.raises(OSError, match='free disk space'):
      build(builder, videos)
  with pytest.raises(FileNotFoundError, match='is incomplete'):
    store.open_dataset(tmp_path, 'folder')
  build_into('folder', videos, tmp_path, **DEGREE)
  assert len(store.open_dataset(tmp_path, 'folder').records('train')) == 6


def test_full_disk_in_a_worker_stops_the_build(tmp_path, videos):
  with (
    _small_disk(20_000),  # Processes inherit the limit.
    pytest.raises(OSError, match='free disk space and run'),
  ):
    build_into('folder', videos, tmp_path, processes=2, **DEGREE)
  with pytest.raises(FileNotFoundError, match='is incomplete'):
    store.open_dataset(tmp_path, 'folder')


@pytest.mark.slow
@pytest.mark.parametrize('processes', [1, 2])
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_interrupted_build_resumes(tmp_path, videos, how, processes):
  """Interrupted after the first clip, the build ends in the same set."""
  command = [
    *(sys.executable, '-m', 'dave_jax.datasets.prepare', 'folder'),
    *(f'--source={videos}', f'--data_dir={tmp_path / "data"}'),
    *('--set=pixels_per_degree=9', f'--processes={processes}'),
  ]
  staging = tmp_path / 'data' / VIDEOS / '1.0.0.building'
  # Larger than the others, so that there is something to interrupt.
  noise = np.random.default_rng(0).integers(0, 255, (150, 64, 96, 3), np.uint8)
  clips.write_clip(videos / 'd.mp4', frames=noise)
  with subprocess.Popen(
    command,
    cwd=pathlib.Path(__file__).parents[2],
    stderr=subprocess.PIPE,
    start_new_session=True,
  ) as process:
    deadline = time.monotonic() + 240
    while not list(staging.glob('[!.]*.json')) and time.monotonic() < deadline:
      time.sleep(0.002)
    os.killpg(process.pid, how)
    error = process.stderr.read().decode()
    process.wait()
  if how == signal.SIGINT:
    assert process.returncode == 130
    assert 'run the same command to resume' in error
    assert 'Traceback' not in error
  done = {path: path.stat().st_mtime_ns for path in staging.glob('[!.]*.json')}
  assert 1 <= len(done) < 4
  with pytest.raises(FileNotFoundError, match='is incomplete'):
    store.open_dataset(tmp_path / 'data', 'folder')
  built = []
  with pytest.MonkeyPatch.context() as patch:
    original = build_lib.build_unit

    def counted(key, unit, **options):
      built.append(key)
      original(key, unit, **options)

    patch.setattr(build_lib, 'build_unit', counted)
    build_into('folder', videos, tmp_path / 'data', **DEGREE)
  assert len(built) == 4 - len(done)
  build_into('folder', videos, tmp_path / 'again', **DEGREE)
  assert_same(
    store.open_dataset(tmp_path / 'data', 'folder'),
    store.open_dataset(tmp_path / 'again', 'folder'),
  )


def test_second_build_of_a_set_at_a_time_is_refused(
  tmp_path, videos, monkeypatch
):
  original = build_lib.build_unit

  def nested(key, unit, **options):
    with pytest.raises(OSError, match='another process is building this set'):
      build_into('folder', videos, tmp_path, **DEGREE)
    original(key, unit, **options)

  monkeypatch.setattr(build_lib, 'build_unit', nested)
  report = build_into('folder', videos, tmp_path, **DEGREE)
  assert len(report['clips']) == 4


def _die(*unused, **also_unused):
  os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_build_resumes_after_a_worker_was_killed(tmp_path, videos, monkeypatch):
  with monkeypatch.context() as patch:
    patch.setattr(build_lib, 'build_unit', _die)
    with pytest.raises(OSError, match='fewer --processes'):
      build_into('folder', videos, tmp_path, processes=2, **DEGREE)
  build_into('folder', videos, tmp_path, processes=2, **DEGREE)
  assert len(store.open_dataset(tmp_path, 'folder').clips('train')) == 3
