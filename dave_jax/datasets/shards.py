"""Writes files of records and assembles them into a TFDS data set."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import tensorflow_datasets as tfds
from array_record.python import array_record_module

from dave_jax.datasets.builder import SaliencyBuilder
from dave_jax.files import write_atomically

# Files below this size are merged, or below this share of the split: reading at
# random keeps all of them open, of which systems allow about a thousand.
_SHARD_BYTES = 64 << 20
_SHARDS = 200
_ONE_RECORD_A_GROUP = 'group_size:1'  # As TFDS writes, for random access.


@contextlib.contextmanager
def write_shard(path: pathlib.Path) -> Iterator['ShardWriter']:
  """Yields a writer; the array_record appears when the block succeeds.

  Raises:
    OSError: It cannot be written.
  """
  with write_atomically(path) as partial:
    writer = ShardWriter(partial)
    yield writer
    writer.close()


class ShardWriter:
  """Writes an array_record.

  Attributes:
    records: Number of records written.
    bytes: Their size.
  """

  def __init__(self, path: pathlib.Path):
    self.records = self.bytes = 0
    self._path = path
    self._writer = self._safely(
      array_record_module.ArrayRecordWriter, str(path), _ONE_RECORD_A_GROUP
    )

  def write(self, record: bytes) -> None:
    """Adds a record."""
    self._safely(self._writer.write, record)
    self.records += 1
    self.bytes += len(record)

  def close(self) -> None:
    """Ends the file and checks that it holds every record."""
    self._safely(self._writer.close)
    held = _open_shard(self._path).num_records()
    if held != self.records:
      raise OSError(
        f'{self._path} holds {held} records after {self.records} were '
        'written; is the disk full?'
      )

  def _safely(self, function, *args):
    try:
      return function(*args)
    except RuntimeError as error:  # All that array_record raises.
      raise OSError(
        f'{self._path}: cannot be written ({error}); free disk space and run '
        'the same command to resume'
      ) from error


def _open_shard(path):
  return array_record_module.ArrayRecordReader(str(path))


def assemble(
  builder: SaliencyBuilder,
  units: dict[str, tuple[str, dict]],
  staging: pathlib.Path,
  folder: pathlib.Path,
) -> None:
  """Writes a TFDS data set from the files of all units.

  Args:
    builder: Builder of the set.
    units: {key: (split, result)} of each unit, in order; its file is
      `staging`/KEY.array_record.
    staging: Folder of those files.
    folder: An empty folder, in which the set is written.

  Raises:
    OSError: A file cannot be written.
  """
  clips, files, infos = [], {}, []
  for split in dict.fromkeys(split for split, _ in units.values()):
    results = {
      key: result
      for key, (owner, result) in units.items()
      if owner == split and result['records']
    }
    if not results:
      continue
    groups = _groups(results, staging)
    template = tfds.core.ShardedFileTemplate(
      data_dir=folder,
      dataset_name=builder.name,
      split=split,
      filetype_suffix='array_record',
    )
    lengths = []
    for number, group in enumerate(groups):
      path = pathlib.Path(
        template.sharded_filepath(shard_index=number, num_shards=len(groups))
      )
      _join([staging / f'{key}.array_record' for key in group], path)
      files[path.name] = path.stat().st_size
      lengths.append(sum(results[key]['records'] for key in group))
    first = 0
    for result in results.values():
      for clip in result['clips']:
        entry = clip['entry']
        clips.append(entry | {'first_record': first + entry['first_record']})
      first += result['records']
    infos.append(
      tfds.core.SplitInfo(
        name=split,
        shard_lengths=lengths,
        num_bytes=sum(result['bytes'] for result in results.values()),
        filename_template=template,
      )
    )
  builder.info.metadata.update(
    settings=builder.builder_config.settings(), clips=clips, files=files
  )
  builder.info.set_splits(tfds.core.splits.SplitDict(infos))
  builder.info.write_to_directory(folder)


def _groups(results, staging) -> list[list[str]]:
  """Returns the keys of adjacent units for each shard."""
  sizes = {k: (staging / f'{k}.array_record').stat().st_size for k in results}
  most = max(_SHARD_BYTES, sum(sizes.values()) // _SHARDS)
  groups, size = [], most
  for key, own in sizes.items():
    if size + own > most:
      groups.append([])
      size = 0
    groups[-1].append(key)
    size += own
  return groups


def _join(parts, path):
  if len(parts) == 1:
    try:
      os.link(parts[0], path)  # Needs no disk space.
    except OSError:  # The file system has no hard links.
      shutil.copyfile(parts[0], path)
    return
  with write_shard(path) as shard:
    for part in parts:
      reader = _open_shard(part)
      for record in reader.read_all():
        shard.write(record)
