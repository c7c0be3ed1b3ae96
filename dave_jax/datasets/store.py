"""Opening a built data set: its clips and its records."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence

import tensorflow_datasets as tfds

from dave_jax.datasets.schema import Clip


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A built data set.

  Attributes:
    folder: Where it is.
    name: Such as 'davos/raw'.
    settings: What it was built with, such as its 'frame_size'.
    fingerprint: Hexadecimal digest of settings, clips, their fixations' number
      and the records' size: sets that differ do not share it.
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
      split: A split, or several with `+` between them, as 'fold2+fold3';
        `first_record` counts through them all.

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
    """Returns the records of a split, for reading by number.

    A sequence of dictionaries as `schema.features` says; it can be pickled.

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
    data_dir: The folder that data sets are in.
    name: Such as 'stavis/diem', or 'davos' for the one configuration of it
      that was built.

  Raises:
    FileNotFoundError: It was not built, or not to its end.
    ValueError: Several configurations were built, or files are damaged.
  """
  folder = _version_folder(pathlib.Path(data_dir), name)
  builder = tfds.builder_from_directory(folder)
  metadata = builder.info.metadata
  for file, size in metadata.get('files', {}).items():
    path = folder / file
    found = path.stat().st_size if path.exists() else None
    if found != size:
      state = 'is missing' if found is None else f'has {found} bytes'
      raise ValueError(
        f'{path} {state}, wanted {size} bytes; copy the data set again, or '
        f'delete {folder} and build it again'
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


def _version_folder(data_dir, name):
  """Returns the folder of the newest version of a data set."""
  base = data_dir / name
  found = [
    path.parent
    for pattern in ('*/dataset_info.json', '*/*/dataset_info.json')
    for path in base.glob(pattern)
    if tfds.core.Version.is_valid(path.parent.name)
  ]
  if not found:
    begun = [*base.glob('*.building'), *base.glob('*/*.building')]
    state = 'is not built to its end' if begun else 'is not there'
    raise FileNotFoundError(
      f'{base}: data set {name} {state}; run python -m dave_jax.datasets.'
      f'prepare {name} --source=... --data_dir={data_dir}'
    )
  parents = sorted({path.parent for path in found})
  if len(parents) > 1:
    names = ', '.join(p.relative_to(data_dir).as_posix() for p in parents)
    raise ValueError(f'{base}: holds {names}; name one of them')
  return max(found, key=lambda path: tfds.core.Version(path.name))
