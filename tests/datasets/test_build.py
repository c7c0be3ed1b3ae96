"""Tests of complete builds, by one process and by several."""

import json
import sys

import pytest
import tensorflow_datasets as tfds

from dave_jax.datasets import shards, store
from dave_jax.datasets.prepare import make_builder
from dave_jax.datasets.sets import BUILDERS
from tests.datasets.building import DEGREE, VIDEOS, assert_same, build_into


def test_several_processes_build_the_same_set_as_one(tmp_path, videos):
  build_into('folder', videos, tmp_path / 'one', **DEGREE)
  build_into('folder', videos, tmp_path / 'two', processes=2, **DEGREE)
  assert_same(
    store.open_dataset(tmp_path / 'one', 'folder'),
    store.open_dataset(tmp_path / 'two', 'folder'),
  )


def test_download_and_prepare_builds_the_same_set(tmp_path, photographs):
  build_into('mit1003', photographs, tmp_path / 'one')
  builder = make_builder('mit1003', tmp_path / 'two')
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=photographs)
  )
  assert_same(
    store.open_dataset(tmp_path / 'one', 'mit1003'),
    store.open_dataset(tmp_path / 'two', 'mit1003'),
  )
  assert len(builder.as_data_source(split='val')) == 5


def test_tfds_finds_the_builders_of_davos_and_of_photographs(tmp_path):
  for name, config in {
    'davos': 'raw',
    'davos/stavis': 'stavis',
    'osie': 'default',
  }.items():
    builder = tfds.builder(name, data_dir=tmp_path)
    assert isinstance(builder, BUILDERS[name.partition('/')[0]])
    assert builder.builder_config.name == config


def test_built_set_is_readable_with_tfds_alone(tmp_path, photographs):
  build_into('mit1003', photographs, tmp_path)
  builder = tfds.builder('mit1003', data_dir=tmp_path, try_gcs=False)
  assert builder.info.citation.startswith('@inproceedings{judd2009')
  assert builder.info.redistribution_info.license
  source = builder.as_data_source(split='train[:10]')
  assert len(source) == 10
  assert 'tensorflow' not in sys.modules


def test_joined_splits_are_concatenated(tmp_path, photographs):
  build_into('mit1003', photographs, tmp_path)
  dataset = store.open_dataset(tmp_path, 'mit1003')
  records = dataset.records('test+train')
  assert len(records) == 45
  for clip in dataset.clips('test+train'):
    assert records[clip.first_record]['clip'].decode() == clip.name


def test_unknown_split_is_an_error(tmp_path, photographs):
  build_into('mit1003', photographs, tmp_path)
  dataset = store.open_dataset(tmp_path, 'mit1003')
  with pytest.raises(ValueError, match="no split 'dev'; it has "):
    dataset.clips('train+dev')


def test_name_of_a_set_means_its_newest_build(tmp_path, videos, caplog):
  # `prepare` silences the warnings of this logger, also for later tests.
  caplog.set_level('WARNING', logger='absl')
  for degree in ('12', '9'):
    build_into(
      'folder', videos, tmp_path, settings={'pixels_per_degree': degree}
    )
  dataset = store.open_dataset(tmp_path, 'folder')
  assert dataset.name == VIDEOS
  assert dataset.records('val')[0]['sigma'] == 9
  assert 'using the newest of 2 builds' in caplog.text
  other = VIDEOS.replace('_9', '_12')
  assert store.open_dataset(tmp_path, other).records('val')[0]['sigma'] == 12


def test_small_shards_are_merged(tmp_path, videos):
  build_into('folder', videos, tmp_path, **DEGREE)
  folder = store.open_dataset(tmp_path, 'folder').folder
  names = {path.name for path in folder.glob('*.array_record*')}
  assert names == {
    'folder-train.array_record-00000-of-00001',
    'folder-val.array_record-00000-of-00001',
  }


def test_large_shards_are_not_merged_and_stay_in_order(
  tmp_path, videos, monkeypatch
):
  monkeypatch.setattr(shards, '_SHARD_BYTES', 1)
  build_into('folder', videos, tmp_path, **DEGREE)
  dataset = store.open_dataset(tmp_path, 'folder')
  assert len(list(dataset.folder.glob('*train.array_record*'))) == 3
  records = dataset.records('train')
  assert [r['clip'] for r in records] == [b'a', b'a', b'b', b'b', b'c', b'c']


def test_report_is_stored_with_the_set(tmp_path, videos):
  report = build_into('folder', videos, tmp_path, **DEGREE)
  folder = store.open_dataset(tmp_path, 'folder').folder
  assert json.loads((folder / 'report.json').read_text()) == json.loads(
    json.dumps(report)
  )
  text = (folder / 'report.txt').read_text()
  row = next(line for line in text.splitlines() if line.startswith('train'))
  # Clips, those with sound, frames, those with fixations, fixations.
  assert row.split() == ['train', '3', '3', '60', '60', '60']
