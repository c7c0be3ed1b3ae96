"""Opens a built data set: its clips and its records."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence

import tensorflow_datasets as tfds
from absl import logging

from dave_jax.datasets.schema import Clip


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A built data set.

  Attributes:
    folder: Folder of the set.
    name: Name of the set, such as 'davos/raw'.
    settings: Settings that it was built with, such as 'frame_size'.
    fingerprint: Hexadecimal digest of the settings, the list of clips and the
      size of the records, to tell sets apart.
  """

  folder: pathlib.Path
  name: str
  settings: dict
  fingerprint: str
  _builder: tfds.core.DatasetBuilder
  _clips: tuple[Clip, ...]

  @property
  def splits(self) -> tuple[str, ...]:
    return tuple(self._builder.info.splits)

  def clips(self, split: str) -> tuple[Clip, ...]:
    """Returns the clips of a split in the order of their records.

    Args:
      split: A split, or several joined with `+`, such as 'fold2+fold3', over
        which `first_record` counts on.

    Raises:
      ValueError: There is no such split.
    """
    clips, offset = [], 0
    for part in self._parts(split):
      clips += [
        dataclasses.replace(clip, first_record=clip.first_record + offset)
        for clip in self._clips
        if clip.split == part
      ]
      offset += self._builder.info.splits[part].num_examples
    return tuple(clips)

  def records(self, split: str) -> Sequence[dict]:
    """Returns the records of a split as a sequence.

    Its items are dictionaries as `schema.features` defines; it can be pickled.

    Args:
      split: As for `clips`.

    Raises:
      ValueError: There is no such split.
    """
    return self._builder.as_data_source(split='+'.join(self._parts(split)))

  def _parts(self, split):
    parts = split.split('+')
    for part in parts:
      if part not in self.splits:
        raise ValueError(
          f"{self.name} has no split '{part}'; it has {', '.join(self.splits)}"
        )
    return parts


def open_dataset(data_dir: str | os.PathLike, name: str) -> Dataset:
  """Opens a data set that `datasets.prepare` built.

  Args:
    data_dir: The folder of built data sets.
    name: Name of the set, such as 'stavis/diem'; 'davos' stands for its newest
      build, whatever the configuration.

  Raises:
    FileNotFoundError: The set was not built, or its build is incomplete.
    ValueError: Files are damaged.
  """
  folder = _version_folder(pathlib.Path(data_dir), name)
  builder = tfds.builder_from_directory(folder)
  metadata = builder.info.metadata
  for file, size in metadata.get('files', {}).items():
    path = folder / file
    found = path.stat().st_size if path.exists() else None
    if found != size:
      state = 'no file' if found is None else f'{found} bytes'
      raise ValueError(
        f'{path}: expected {size} bytes, got {state}; copy the data set again, '
        f'or delete {folder} and build it again'
      )
  records = [
    (name, split.num_examples, split.num_bytes)
    for name, split in builder.info.splits.items()
  ]
  content = [metadata['settings'], metadata['clips'], records]
  digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
  return Dataset(
    folder=folder,
    name=folder.parent.relative_to(data_dir).as_posix(),
    settings=metadata['settings'],
    fingerprint=digest.hexdigest()[:16],
    _builder=builder,
    _clips=tuple(
      Clip(**clip | {'fixated': tuple(map(tuple, clip['fixated']))})
      for clip in metadata['clips']
    ),
  )


def version_folders(base: pathlib.Path) -> list[pathlib.Path]:
  """Returns the folders of the complete TFDS data sets below a folder."""
  return [
    path.parent
    for pattern in ('*/dataset_info.json', '*/*/dataset_info.json')
    for path in base.glob(pattern)
    if tfds.core.Version.is_valid(path.parent.name)
  ]


def _version_folder(data_dir, name):
  """Returns the folder of the newest build of a data set."""
  base = data_dir / name
  infos = [folder / 'dataset_info.json' for folder in version_folders(base)]
  if not infos:
    begun = [*base.glob('*.building'), *base.glob('*/*.building')]
    state = 'incomplete' if begun else 'not built'
    raise FileNotFoundError(
      f'{base}: data set {name} is {state}; run python -m dave_jax.datasets.'
      f'prepare {name} --source=FOLDER --data_dir={data_dir}'
    )
  newest = max(infos, key=lambda path: path.stat().st_mtime_ns).parent
  builds = {path.parent.parent for path in infos}
  if len(builds) > 1:
    logging.warning(
      '%s: using the newest of %d builds, %s; to use another, give its name: '
      '%s',
      base,
      len(builds),
      newest.parent.relative_to(data_dir).as_posix(),
      ', '.join(sorted(path.name for path in builds)),
    )
  return newest
