"""Labelled recordings, from folders of WAV files or from TFDS."""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from dave_jax.media.audio import load_waveform

UNKNOWN = '_unknown_'
_FULL_SCALE = 2.0**15  # Of 16-bit samples.


@dataclasses.dataclass(frozen=True)
class LabelledSounds:
  """Recordings, each of one class.

  Attributes:
    labels: Names of the classes.
    names: Name of each recording, for messages.
    classes: int32 [n], index into `labels` of each recording.
    waveform: Function that returns recording n, float32 [samples] at 16 kHz,
      -1 to 1; can be pickled.
  """

  labels: tuple[str, ...]
  names: tuple[str, ...]
  classes: np.ndarray
  waveform: Callable[[int], np.ndarray]

  def __len__(self) -> int:
    return len(self.names)

  @property
  def fingerprint(self) -> str:
    """Hexadecimal digest of labels, names and classes."""
    content = [self.labels, self.names, self.classes.tolist()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

  def of_words(self, words: Sequence[str]) -> 'LabelledSounds':
    """Returns the same recordings, with labels other than `words` UNKNOWN.

    Raises:
      ValueError: There is no such label.
    """
    if missing := sorted(set(words) - set(self.labels)):
      raise ValueError(
        f'expected words of {", ".join(self.labels)}, got {", ".join(missing)}'
      )
    labels = tuple(sorted(words))
    if len(labels) < len(self.labels):
      labels = (*labels, UNKNOWN)
    places = {label: n for n, label in enumerate(labels)}
    number = [places.get(label, len(labels) - 1) for label in self.labels]
    classes = np.array(number, np.int32)[self.classes]
    return dataclasses.replace(self, labels=labels, classes=classes)


def sounds_of_folder(
  folder: str | os.PathLike, *, held_out: Sequence[str], held_out_field: int
) -> tuple[LabelledSounds, LabelledSounds]:
  """Returns the recordings of a folder, (for training, for validation).

  The folder holds LABEL/*.wav, as Speech Commands does (Warden, arXiv
  1804.03209; its `_background_noise_` is left out), or LABEL_*.wav.

  Args:
    folder: The folder.
    held_out: Values of a field of the file name, such as speakers; files that
      have one of them are for validation. If empty, those listed in the
      folder's `validation_list.txt` are, and those in `testing_list.txt` are
      left out.
    held_out_field: Index, from 0, of that field among those that underscores
      separate.

  Raises:
    FileNotFoundError: There is no such folder, or no WAV in it.
    ValueError: No recording, or every one, is for validation.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise FileNotFoundError(f'{folder}: no such folder')
  nested = sorted(folder.glob('*/*.wav'))
  validation = set(_lines(folder / 'validation_list.txt'))
  testing = set(_lines(folder / 'testing_list.txt'))
  labelled, away = {}, set()
  for path in nested or sorted(folder.glob('*.wav')):
    label = path.parent.name if nested else path.stem.partition('_')[0]
    name = path.relative_to(folder).as_posix()
    if label.startswith('_background') or (not held_out and name in testing):
      continue
    labelled[name] = label
    field = path.stem.split('_')[held_out_field : held_out_field + 1]
    if set(field) & set(held_out) if held_out else name in validation:
      away.add(name)
  if not labelled:
    raise FileNotFoundError(
      f'{folder}: expected LABEL/*.wav or LABEL_*.wav, got no recordings'
    )
  if len(away) in (0, len(labelled)):
    raise ValueError(
      f'{folder}: {"all" if away else "none"} of the {len(labelled)} '
      'recordings are held out for validation; set data.held_out to values of '
      f'field {held_out_field} (data.held_out_field) of names such as '
      f'{next(iter(labelled))}'
    )
  labels = tuple(sorted(set(labelled.values())))

  def side(names):
    classes = [labels.index(labelled[name]) for name in names]
    read = functools.partial(_read_file, folder, names)
    return LabelledSounds(labels, names, np.array(classes, np.int32), read)

  return (
    side(tuple(name for name in labelled if name not in away)),
    side(tuple(name for name in labelled if name in away)),
  )


def sounds_of_tfds(
  data_dir: str | os.PathLike, name: str, split: str
) -> LabelledSounds:
  """Returns a split of a TFDS data set like `speech_commands`.

  Its features are 'audio' (16-bit samples at 16 kHz) and 'label', its files
  array_record. Does not need TensorFlow, which TFDS's `Audio` feature does.

  Raises:
    FileNotFoundError: It is not prepared there, or not as array_record.
    ValueError: It has other features, or lacks records.
  """
  import array_record.python.array_record_data_source as array_record
  import tensorflow_datasets as tfds

  from dave_jax.datasets.store import version_folders

  base = pathlib.Path(data_dir) / name
  folders = version_folders(base)
  if not folders:
    raise FileNotFoundError(
      f'{base}: not prepared; on a machine with TensorFlow and pydub run '
      f"tfds.builder('{name}', data_dir='{data_dir}', "
      "file_format='array_record').download_and_prepare()"
    )
  folder = max(folders, key=lambda path: tfds.core.Version(path.name))
  info = json.loads((folder / 'dataset_info.json').read_text())
  sizes = {s['name']: map(int, s['shardLengths']) for s in info['splits']}
  if split not in sizes:
    raise ValueError(
      f'{folder}: expected a split of {sorted(sizes)}, got {split!r}'
    )
  count = sum(sizes[split])
  files = sorted(folder.glob(f'*-{split}.array_record-*'))
  if not files:
    raise FileNotFoundError(
      f'{folder}: has no array_record files of {split}; prepare it with '
      "file_format='array_record', or convert it with python -m "
      'tensorflow_datasets.scripts.convert_format'
    )
  label_file = folder / 'label.labels.txt'
  features = json.loads((folder / 'features.json').read_text())
  found = set(features.get('featuresDict', {}).get('features', {}))
  if found != {'audio', 'label'} or not label_file.exists():
    raise ValueError(
      f'{folder}: expected the features audio and label, got {sorted(found)}'
    )
  labels = tuple(_lines(label_file))
  records = array_record.ArrayRecordDataSource([str(f) for f in files])
  if len(records) != count:
    raise ValueError(
      f'{folder}: expected {count} records of {split}, got {len(records)}; '
      'copy or prepare it again'
    )
  classes = [_example(records, labels, n)['label'] for n in range(count)]
  return LabelledSounds(
    labels,
    tuple(f'{split} {n}' for n in range(count)),
    np.array(classes, np.int32),
    functools.partial(_read_record, records, labels),
  )


def _read_file(folder, names, number):
  path = folder / names[number]
  problems = []
  sound = load_waveform(path, problems=problems)
  if sound is None or problems:
    raise ValueError(
      f'{path}: {"; ".join(problems) or "has no sound"}; fix or delete the file'
    )
  return sound[0]


def _read_record(records, labels, number):
  samples = _example(records, labels, number)['audio']
  return (samples / _FULL_SCALE).astype(np.float32)


def _example(records, labels, number):
  return _features(labels).deserialize_example_np(records[number])


@functools.cache
def _features(labels):
  import tensorflow_datasets as tfds

  # Reads what `tfds.features.Audio(dtype=np.int16)` writes.
  return tfds.features.FeaturesDict(
    {
      'audio': tfds.features.Tensor(shape=(None,), dtype=np.int16),
      'label': tfds.features.ClassLabel(names=list(labels)),
    }
  )


def _lines(path: pathlib.Path) -> list[str]:
  """Returns the lines of a file that are not empty; none if it is missing."""
  text = path.read_text('utf-8') if path.exists() else ''
  return [line for line in map(str.strip, text.splitlines()) if line]
