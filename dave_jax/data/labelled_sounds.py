"""Sounds with labels, from folders of WAV files or from TFDS."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable

import numpy as np

from dave_jax.media.audio import SAMPLE_RATE, load_waveform

_FULL_SCALE = 2.0**15  # Of 16-bit samples.


@dataclasses.dataclass(frozen=True)
class LabelledSounds:
  """Sounds that each belong to one class.

  Attributes:
    labels: Names of the classes, sorted or in the order of the source.
    names: What tells each sound, for people.
    classes: int32 [n], place in `labels` of each sound.
    waveform: Gives sound n, float32 [samples] at 16 kHz, -1 to 1; can be
      pickled.
    problems: What was left out, for a person to read.
  """

  labels: tuple[str, ...]
  names: tuple[str, ...]
  classes: np.ndarray
  waveform: Callable[[int], np.ndarray]
  problems: tuple[str, ...] = ()

  def __len__(self) -> int:
    return len(self.names)

  @property
  def fingerprint(self) -> str:
    """Hexadecimal digest of labels, names and classes."""
    content = [self.labels, self.names, self.classes.tolist()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def sounds_of_folder(
  folder: str | os.PathLike,
  pattern: str,
  *,
  held_out_by: str,
  held_out: tuple[str, ...],
  held_out_share: float,
) -> tuple[LabelledSounds, LabelledSounds]:
  """Returns the sounds (for training, held out) of a folder.

  Args:
    folder: Where the files are.
    pattern: Path of a file in it, with fields in braces, of which 'label' is
      one, and `*` for anything else: '{label}/*.wav',
      '{label}_{speaker}_{take}.wav' or '{label}/{speaker}_nohash_{take}.wav'.
    held_out_by: Field whose value decides which side a sound is on, so that no
      value is on both; '' is the file's own path.
    held_out: The values that are held out; none: a share of them.
    held_out_share: That share; a value is held out where its hash is below it,
      as Speech Commands divides its speakers (arXiv 1804.03209, section 5.3):
      new files never move old ones to the other side.

  Raises:
    FileNotFoundError: There is no such folder, or no file of the pattern.
    ValueError: The pattern has no such fields, a value held out does not occur,
      or one side would have no sounds or lack a label.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise FileNotFoundError(f'{folder}: no such folder of sounds')
  expression = _expression(pattern)
  for field in ('label', held_out_by):
    if field and field not in expression.groupindex:
      raise ValueError(f'pattern {pattern!r} has no field {{{field}}}')
  found, strays = [], []
  suffix = pathlib.PurePath(pattern).suffix
  for path in sorted(folder.rglob(f'*{suffix}')):
    name = path.relative_to(folder).as_posix()
    match = expression.fullmatch(name)
    if match is None:
      strays.append(name)
    else:
      value = match[held_out_by] if held_out_by else name
      found.append((name, match['label'], value))
  if not found:
    raise FileNotFoundError(
      f'{folder}: none of {len(strays)} *{suffix} files is named as {pattern!r}'
    )
  values = {value for _, _, value in found}
  if unknown := set(held_out) - values:
    raise ValueError(
      f'{folder}: no file has the {held_out_by} {", ".join(sorted(unknown))}; '
      f'there are {", ".join(sorted(values)[:20])}'
    )
  away = set(held_out) or {v for v in values if _hash(v) < held_out_share}
  labels = tuple(sorted({label for _, label, _ in found}))
  problems = ()
  if strays:
    problems = (
      f'{len(strays)} of {len(found) + len(strays)} files left out, not named '
      f'as {pattern!r}, such as {strays[0]}',
    )
  sides = []
  for side in (False, True):
    rows = [row for row in found if (row[2] in away) == side]
    missing = set(labels) - {label for _, label, _ in rows}
    if missing:
      which = 'held out' if side else 'left to train on'
      raise ValueError(
        f'{folder}: no sound of {", ".join(sorted(missing))} is {which}; hold '
        f'out other values of {held_out_by or "the path"}, or another share'
      )
    names = tuple(name for name, _, _ in rows)
    classes = [labels.index(label) for _, label, _ in rows]
    sides.append(
      LabelledSounds(
        labels,
        names,
        np.array(classes, np.int32),
        _Files(folder, names),
        problems,
      )
    )
  return sides[0], sides[1]


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


def made_up_sounds(count: int) -> LabelledSounds:
  """Returns tones of half a second, one pitch for each of four classes."""
  labels = ('low', 'middle', 'high', 'highest')
  return LabelledSounds(
    labels,
    tuple(f'made-up sound {n}' for n in range(count)),
    np.arange(count, dtype=np.int32) % len(labels),
    _tone,
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


def _tone(number):
  time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
  hertz = 300 * 2 ** (number % 4)
  return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def _expression(pattern):
  parts = re.split(r'(\{\w+\}|\*)', pattern)
  text = ''
  for part in parts:
    if part == '*':
      text += '[^/]*'
    elif part.startswith('{'):
      text += f'(?P<{part[1:-1]}>[^/]+?)'
    else:
      text += re.escape(part)
  return re.compile(text)


def _hash(value):
  digest = hashlib.sha1(value.encode()).digest()
  return int.from_bytes(digest[:8], 'big') / 2**64
