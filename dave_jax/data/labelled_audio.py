"""Sounds with labels, from folders of WAV files or from TFDS."""

import dataclasses
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
  """Sounds that each belong to one class.

  Attributes:
    labels: Names of the classes.
    names: What tells each sound, for people.
    classes: int32 [n], place in `labels` of each sound.
    waveform: Gives sound n, float32 [samples] at 16 kHz, -1 to 1; can be
      pickled.
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
    """Returns the same sounds, all but some labels being one, UNKNOWN.

    Raises:
      ValueError: There is no such label.
    """
    if missing := sorted(set(words) - set(self.labels)):
      raise ValueError(
        f'no sound is labelled {", ".join(missing)}; there are '
        f'{", ".join(self.labels)}'
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
  """Returns the sounds (to train on, held out) of a folder.

  Either LABEL/*.wav, as Speech Commands is unpacked (Warden, arXiv 1804.03209;
  its `_background_noise_` is left out), or LABEL_*.wav.

  Args:
    folder: Where they are.
    held_out: Which files are kept for validation: those with one of these
      between the underscores of their names. None given, it is what a
      `validation_list.txt` in the folder lists, and what a `testing_list.txt`
      lists is left out.
    held_out_field: Between which underscores, from 0.

  Raises:
    FileNotFoundError: There is no such folder, or no WAV in it.
    ValueError: Nothing is held out, or all is.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise FileNotFoundError(f'{folder}: no such folder of recordings')
  nested = sorted(folder.glob('*/*.wav'))
  validation = _listed(folder / 'validation_list.txt')
  testing = _listed(folder / 'testing_list.txt')
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
      f'{folder}: holds no recordings; wanted LABEL/*.wav or LABEL_*.wav'
    )
  if len(away) in (0, len(labelled)):
    raise ValueError(
      f'{folder}: {"all" if away else "none"} of the {len(labelled)} '
      'recordings are held out for validation; set data.held_out to some of '
      f'what stands at place data.held_out_field ({held_out_field}) of names '
      f'such as {next(iter(labelled))}'
    )
  labels = tuple(sorted(set(labelled.values())))

  def side(names):
    classes = [labels.index(labelled[name]) for name in names]
    return LabelledSounds(
      labels, names, np.array(classes, np.int32), _Files(folder, names)
    )

  return (
    side(tuple(name for name in labelled if name not in away)),
    side(tuple(name for name in labelled if name in away)),
  )


def sounds_of_tfds(
  data_dir: str | os.PathLike, name: str, split: str
) -> LabelledSounds:
  """Returns a split of a TFDS set with the features of `speech_commands`.

  'audio', 16-bit samples at 16 kHz, and 'label'; prepared as array_record. Its
  records are read without TensorFlow, which TFDS's own `Audio` asks for.

  Raises:
    FileNotFoundError: It was not prepared there, or as other files.
    ValueError: It has other features, or not all of its records are there.
  """
  import array_record.python.array_record_data_source as array_record
  import tensorflow_datasets as tfds

  base = pathlib.Path(data_dir) / name
  folders = [
    path.parent
    for pattern in ('*/dataset_info.json', '*/*/dataset_info.json')
    for path in base.glob(pattern)
    if tfds.core.Version.is_valid(path.parent.name)
  ]
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
    raise ValueError(f'{folder} has no split {split!r}, only {sorted(sizes)}')
  wanted = sum(sizes[split])
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
    raise ValueError(f'{folder}: has features {found}, wanted audio and label')
  labels = tuple(label_file.read_text().split())
  records = array_record.ArrayRecordDataSource([str(f) for f in files])
  if len(records) != wanted:
    raise ValueError(
      f'{folder}: {len(records)} records of {split} are there, wanted '
      f'{wanted}; copy or prepare it again'
    )
  read = _Records(records, labels)
  classes = [read.label(n) for n in range(wanted)]
  return LabelledSounds(
    labels,
    tuple(f'{split} {n}' for n in range(wanted)),
    np.array(classes, np.int32),
    read,
  )


class _Files:
  """Reads the files of a folder by number."""

  def __init__(self, folder, names):
    self._folder = folder
    self._names = names

  def __call__(self, number):
    path = self._folder / self._names[number]
    problems = []
    sound = load_waveform(path, problems=problems)
    if sound is None or problems:
      raise ValueError(
        f'{path}: {"; ".join(problems) or "has no sound"}; mend or remove it'
      )
    return sound[0]


class _Records:
  """Reads records of `speech_commands` by number."""

  def __init__(self, records, labels):
    self._records = records
    self._labels = labels

  def __call__(self, number):
    samples = self._example(number)['audio']
    return (samples / _FULL_SCALE).astype(np.float32)

  def label(self, number):
    return int(self._example(number)['label'])

  def _example(self, number):
    return _features(self._labels).deserialize_example_np(self._records[number])


def _features(labels):
  import tensorflow_datasets as tfds

  # What `Audio(dtype=np.int16)` writes is what this does.
  return tfds.features.FeaturesDict(
    {
      'audio': tfds.features.Tensor(shape=(None,), dtype=np.int16),
      'label': tfds.features.ClassLabel(names=list(labels)),
    }
  )


def _listed(path: pathlib.Path) -> set[str]:
  return set(path.read_text().split()) if path.exists() else set()
