"""Labelled sounds: which there are, and batches of them.

A batch is a dictionary of NumPy arrays; b counts the examples of one process.

| key | shape | type | |
| --- | --- | --- | --- |
| log_mel | [b, 124, 64] | float32 | strip of a window at 25 frames a second |
| offsets | [b, 16] | int32 | where in it the example of each frame starts |
| label | [b] | int32 | place in the labels |
| recording | [b] | int32 | place in the recordings of the split |
| mask | [b] | bool | evaluation: whether the row counts, or fills up |
"""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

import grain
import numpy as np

from dave_jax.data.batches import (
  EPOCHS,
  Batches,
  batches_of_process,
  check_processes,
)
from dave_jax.media import audio, clock

_HOP = audio.SAMPLE_RATE // clock.LOG_MEL_RATE
_STARTS = 4 * np.arange(clock.WINDOW_FRAMES, dtype=np.int32)  # 25 a second.
STRIP_FRAMES = clock.strip_length(_STARTS)
# What those log-mel frames are computed from, 1.255 s.
SAMPLES = (STRIP_FRAMES - 1) * _HOP + 400

TRAIN, HELD_OUT = 'train', 'held_out'
UNKNOWN = '_unknown_'
_LISTS = ('validation_list.txt', 'testing_list.txt')


@dataclasses.dataclass(frozen=True)
class Recording:
  """A file of sound and what is said in it."""

  path: str
  label: str
  split: str


def find_recordings(
  folder: str | pathlib.Path,
  *,
  words: Sequence[str],
  held_out: Sequence[str],
  held_out_field: int,
) -> list[Recording]:
  """Returns the recordings of a folder.

  Either LABEL/*.wav, as Speech Commands is unpacked (Warden, arXiv 1804.03209;
  its `_background_noise_` is left out), or LABEL_*.wav.

  Args:
    folder: Where they are.
    words: Labels that count; all others are one more, UNKNOWN. None given,
      each is a label of its own.
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
  paths = nested or sorted(folder.glob('*.wav'))
  listed = {name: _listed(folder / name) for name in _LISTS}
  found = []
  for path in paths:
    label = path.parent.name if nested else path.stem.partition('_')[0]
    if label.startswith('_background'):
      continue
    name = path.relative_to(folder).as_posix()
    if held_out:
      fields = path.stem.split('_')
      apart = fields[held_out_field : held_out_field + 1]
      split = HELD_OUT if apart and apart[0] in held_out else TRAIN
    elif name in listed['testing_list.txt']:
      continue
    else:
      split = HELD_OUT if name in listed['validation_list.txt'] else TRAIN
    if words and label not in words:
      label = UNKNOWN
    found.append(Recording(str(path), label, split))
  if not found:
    raise FileNotFoundError(
      f'{folder}: holds no recordings; wanted LABEL/*.wav or LABEL_*.wav'
    )
  splits = {recording.split for recording in found}
  if splits != {TRAIN, HELD_OUT}:
    state = 'all' if splits == {HELD_OUT} else 'none'
    raise ValueError(
      f'{folder}: {state} of the {len(found)} recordings are held out for '
      'validation; set data.held_out to some of what stands at place '
      f'data.held_out_field ({held_out_field}) of names such as '
      f'{pathlib.Path(found[0].path).name}'
    )
  return found


def labels_of(recordings: Sequence[Recording]) -> list[str]:
  """Returns the labels in the order of their numbers."""
  return sorted({recording.label for recording in recordings})


def train_sounds(
  recordings: Sequence[Recording],
  *,
  batch_size: int,
  seed: int,
  speed: float,
  gain: float,
  noise: float,
  process_index: int,
  process_count: int,
  prefetch: int,
) -> Batches:
  """Returns endless shuffled batches, each sound somewhere in silence.

  Args:
    recordings: Of all splits; those of TRAIN are taken.
    batch_size: Examples of all processes together.
    seed: Of order, places and augmentation.
    speed: Sounds are played faster or slower by a factor of up to 1 + speed,
      and their pitch goes with it.
    gain: Loudness changes by up to this many decibels, up and down.
    noise: White noise of up to this standard deviation is added; the range of
      samples is -1 to 1.
    process_index, process_count: Which process this is, of how many.
    prefetch: Batches that are ready; 0 reads when asked.
  """
  own, read = _split(recordings, TRAIN)
  numbers = grain.MapDataset.range(len(own)).shuffle(seed=seed).repeat(EPOCHS)
  examples = numbers.random_map(
    dataclasses.replace(
      read, speed=speed, gain=gain, noise=noise, somewhere=True
    ),
    seed=seed + 1,
  )
  return _batches(
    examples,
    own,
    batch_size,
    {'seed': seed, 'speed': speed, 'gain': gain, 'noise': noise},
    process_index,
    process_count,
    prefetch,
  )


def fake_sounds(
  *,
  labels: int,
  batch_size: int,
  seed: int,
  process_index: int,
  process_count: int,
) -> Batches:
  """Returns endless batches of noise, ten of them an epoch.

  Args:
    labels: How many there are.
    batch_size, seed, process_index, process_count: As for `train_sounds`.
  """
  check_processes(batch_size, process_index, process_count)
  noise = grain.MapDataset.range(10 * batch_size).repeat(EPOCHS)
  return Batches(
    batches_of_process(
      noise.random_map(_Noise(labels), seed=seed),
      batch_size,
      process_index,
      process_count,
    ),
    examples=10 * batch_size,
    still=False,
    settings={'fake': True, 'seed': seed, 'batch_size': batch_size},
    workers=0,
    prefetch=0,
    start_batch=0,
  )


def held_out_sounds(
  recordings: Sequence[Recording],
  *,
  batch_size: int,
  process_index: int,
  process_count: int,
  prefetch: int,
) -> Batches:
  """Returns the sounds of HELD_OUT once and in order, each in the middle.

  The last batch is filled up with rows for which `mask` is False.

  Args:
    recordings: Of all splits.
    batch_size, process_index, process_count, prefetch: As for `train_sounds`.
  """
  own, read = _split(recordings, HELD_OUT)
  padded = -(-len(own) // batch_size) * batch_size
  examples = grain.MapDataset.range(padded).random_map(
    dataclasses.replace(read, masked=True), seed=0
  )
  return _batches(
    examples, own, batch_size, {}, process_index, process_count, prefetch
  )


@dataclasses.dataclass(frozen=True)
class _Read(grain.transforms.RandomMap):
  """From the number of a recording to an example."""

  paths: tuple[str, ...]
  labels: tuple[int, ...]
  speed: float = 0.0
  gain: float = 0.0
  noise: float = 0.0
  somewhere: bool = False
  masked: bool = False

  def random_map(self, number, rng):
    counts = number < len(self.paths)
    number = min(number, len(self.paths) - 1)
    waveform = _waveform(self.paths[number])
    if self.speed and waveform.size > 1:
      most = np.log1p(self.speed)
      factor = np.exp(rng.uniform(-most, most))
      times = np.arange(0, waveform.size - 1, factor)
      waveform = np.interp(times, np.arange(waveform.size), waveform)
    waveform = self._placed(waveform, rng)
    if self.gain:
      waveform *= 10 ** (rng.uniform(-self.gain, self.gain) / 20)
    if self.noise:
      level = rng.uniform(0, self.noise)
      waveform += rng.normal(0, level, waveform.size).astype(np.float32)
    example = {
      'log_mel': audio.log_mel(waveform),
      'offsets': _STARTS,
      'label': np.int32(self.labels[number]),
      'recording': np.int32(number),
    }
    return example | ({'mask': np.bool_(counts)} if self.masked else {})

  def _placed(self, waveform, rng):
    """Puts a sound into silence, or takes a part of it, SAMPLES long."""
    spare = SAMPLES - waveform.size
    low, high = min(spare, 0), max(spare, 0)
    at = rng.integers(low, high + 1) if self.somewhere else spare // 2
    placed = np.zeros(SAMPLES, np.float32)
    piece = waveform[max(0, -at) :][: SAMPLES - max(0, at)]
    placed[max(0, at) :][: piece.size] = piece
    return placed


@dataclasses.dataclass(frozen=True)
class _Noise(grain.transforms.RandomMap):
  """Made-up examples."""

  labels: int

  def random_map(self, number, rng):
    size = (STRIP_FRAMES, clock.MEL_BANDS)
    return {
      'log_mel': rng.uniform(clock.SILENCE, 2, size).astype(np.float32),
      'offsets': _STARTS,
      'label': np.int32(rng.integers(self.labels)),
      'recording': np.int32(number),
    }


def _waveform(path: str) -> np.ndarray:
  loaded = audio.load_waveform(path)
  if loaded is None:
    raise ValueError(f'{path}: holds no sound')
  return loaded[0]


def _split(recordings, split):
  own = [recording for recording in recordings if recording.split == split]
  number = {label: n for n, label in enumerate(labels_of(recordings))}
  paths = tuple(recording.path for recording in own)
  return own, _Read(paths, tuple(number[r.label] for r in own))


def _batches(
  examples, own, batch_size, settings, process_index, process_count, prefetch
):
  check_processes(batch_size, process_index, process_count)
  names = '\n'.join(f'{pathlib.Path(r.path).name} {r.label}' for r in own)
  digest = hashlib.sha256(names.encode()).hexdigest()[:16]
  return Batches(
    batches_of_process(examples, batch_size, process_index, process_count),
    examples=len(own),
    still=False,
    settings={'data': digest, 'batch_size': batch_size, **settings},
    workers=0,
    prefetch=prefetch,
    start_batch=0,
  )


def _listed(path: pathlib.Path) -> set[str]:
  return set(path.read_text().split()) if path.exists() else set()
