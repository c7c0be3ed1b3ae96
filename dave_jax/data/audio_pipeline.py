"""Makes batches of labelled recordings.

A batch is a dict of NumPy arrays; b is the batch size of one process.

| key | shape | type | |
| --- | --- | --- | --- |
| log_mel | [b, 124, 64] | float32 | sound of a window at 25 frames a second |
| offsets | [b, 16] | int32 | where in it the example of each frame starts |
| label | [b] | int32 | index into the labels |
| recording | [b] | int32 | index of the recording |
| mask | [b] | bool | validation only: False for padding |
"""

import dataclasses

import grain
import numpy as np

from dave_jax.data.batches import EPOCHS, Batches, Loading
from dave_jax.data.fake import fake_batches
from dave_jax.data.labelled_audio import LabelledSounds
from dave_jax.media import audio, clock

_HOP = audio.SAMPLE_RATE // clock.LOG_MEL_RATE
_STARTS = 4 * np.arange(clock.WINDOW_FRAMES, dtype=np.int32)  # 25 a second.
CHUNK_FRAMES = clock.chunk_length(_STARTS)
# Samples that these log-mel frames are computed from, 1.255 s.
SAMPLES = (CHUNK_FRAMES - 1) * _HOP + 400


def train_sounds(
  sounds: LabelledSounds,
  loading: Loading,
  *,
  seed: int,
  speed: float,
  gain: float,
  noise: float,
) -> Batches:
  """Returns endless shuffled batches, each recording at a random time.

  Args:
    sounds: The recordings.
    loading: How batches are read.
    seed: Seed of the order, the times and the augmentation.
    speed: Recordings are played faster or slower, with their pitch, by a factor
      of up to 1 + speed.
    gain: Largest change of loudness, up or down, in decibels.
    noise: Largest standard deviation of the white noise that is added; samples
      are -1 to 1.
  """
  augmentation = {'speed': speed, 'gain': gain, 'noise': noise}
  load = LoadRecording(sounds, **augmentation, random_time=True)
  numbers = grain.MapDataset.range(len(sounds))
  return Batches(
    numbers.shuffle(seed=seed).repeat(EPOCHS).random_map(load, seed=seed + 1),
    loading,
    examples=len(sounds),
    still=False,
    settings={'data': sounds.fingerprint, 'seed': seed, **augmentation},
  )


def fake_sounds(loading: Loading, *, seed: int) -> Batches:
  """Returns endless batches of noise, ten batches per epoch."""
  size = loading.batch_size
  shapes = {
    'log_mel': ((size, CHUNK_FRAMES, clock.MEL_BANDS), np.dtype(np.float32)),
    'offsets': ((size, clock.WINDOW_FRAMES), np.dtype(np.int32)),
    'label': ((size,), np.dtype(np.int32)),
    'recording': ((size,), np.dtype(np.int32)),
  }
  return fake_batches(shapes, loading, examples=10 * size, seed=seed)


def held_out_sounds(sounds: LabelledSounds, loading: Loading) -> Batches:
  """Returns batches of each recording once, in order, centred in silence.

  The last batch is padded with rows whose `mask` is False.
  """
  padded = -(-len(sounds) // loading.batch_size) * loading.batch_size
  load = LoadRecording(sounds, with_mask=True)
  return Batches(
    grain.MapDataset.range(padded).random_map(load, seed=0),
    loading,
    examples=len(sounds),
    still=False,
    settings={'data': sounds.fingerprint},
  )


@dataclasses.dataclass(frozen=True)
class LoadRecording(grain.transforms.RandomMap):
  """Reads and augments the recording of an index."""

  sounds: LabelledSounds
  speed: float = 0.0
  gain: float = 0.0
  noise: float = 0.0
  random_time: bool = False
  with_mask: bool = False

  def random_map(self, number, rng):
    mask = number < len(self.sounds)
    number = min(number, len(self.sounds) - 1)
    waveform = self.sounds.waveform(number)
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
      'label': self.sounds.classes[number],
      'recording': np.int32(number),
    }
    return example | ({'mask': np.bool_(mask)} if self.with_mask else {})

  def _placed(self, waveform, rng):
    """Returns a waveform padded with silence, or cut, to SAMPLES."""
    spare = SAMPLES - waveform.size
    low, high = min(spare, 0), max(spare, 0)
    at = rng.integers(low, high + 1) if self.random_time else spare // 2
    placed = np.zeros(SAMPLES, np.float32)
    piece = waveform[max(0, -at) :][: SAMPLES - max(0, at)]
    placed[max(0, at) :][: piece.size] = piece
    return placed
