"""Sounds that say nothing about a picture: silence, noise, chords, speech."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from dave_jax.media import audio, clock

KINDS = ('silence', 'noise', 'chords', 'speech')
_RATE = 25.0  # Frames a second of the windows made.
# Each worker process of the data pipeline has a copy of the recordings.
_MOST_RECORDINGS = 300


def read_speech(folder: str | os.PathLike) -> list[np.ndarray]:
  """Returns the WAV recordings in a folder, at any depth.

  Each is float32 [samples] at 16 kHz. At most 300, evenly over their names.

  Raises:
    ValueError: There is no WAV file with sound.
    OSError: A file cannot be read.
  """
  files = sorted(pathlib.Path(folder).rglob('*.wav'))
  files = files[:: -(-len(files) // _MOST_RECORDINGS) or 1]
  waveforms = [audio.load_waveform(file) for file in files]
  speech = [found[0] for found in waveforms if found and found[0].size]
  if not speech:
    raise ValueError(
      f'{folder} (data.speech): expected WAV recordings of speech, got none; '
      "give another folder, or '' for unrelated sounds without speech"
    )
  return speech


@dataclasses.dataclass(frozen=True)
class UnrelatedSound:
  """Adds the sound of one of KINDS, drawn at random, to a window of frames.

  Attributes:
    speech: Recordings [samples] at 16 kHz, of which some are joined; empty for
      no speech.
  """

  speech: Sequence[np.ndarray]

  def __call__(self, example, rng):
    kinds = KINDS if len(self.speech) else KINDS[:-1]
    kind = kinds[rng.integers(len(kinds))]
    times = np.arange(clock.WINDOW_FRAMES) / _RATE
    starts = clock.example_starts(times, alignment='exact')
    starts = starts - starts.min()
    length = (int(starts.max()) + clock.EXAMPLE_FRAMES) * 160 + 400
    waveform = self._waveform(kind, length, rng)
    log_mel = audio.log_mel(waveform)
    chunk, offsets = clock.log_mel_chunk(log_mel, starts)
    return example | {'log_mel': chunk, 'offsets': offsets}

  def _waveform(self, kind, length, rng):
    time = np.arange(length) / audio.SAMPLE_RATE
    if kind == 'silence':
      return np.zeros(length, np.float32)
    if kind == 'noise':
      # From white to brown: amplitude falls with frequency to a power.
      spectrum = np.fft.rfft(rng.normal(size=length))
      slope = rng.uniform(0, 1)
      spectrum /= np.maximum(np.arange(spectrum.size), 1) ** slope
      wave = np.fft.irfft(spectrum, length)
    elif kind == 'chords':
      wave = np.zeros(length)
      onsets = np.sort(rng.uniform(-0.5, time[-1], 6))
      for onset in onsets:
        root = 110 * 2 ** (rng.integers(36) / 12)
        for step in (0, 4, 7):
          pitch = root * 2 ** (step / 12)
          decay = np.exp(-3 * np.maximum(time - onset, 0)) * (time >= onset)
          for harmonic in (1, 2, 3):
            wave += decay * np.sin(2 * np.pi * pitch * harmonic * time)
    else:
      pieces, size = [], 0
      while size < 2 * length:
        pieces.append(self.speech[rng.integers(len(self.speech))])
        size += pieces[-1].size
      wave = np.concatenate(pieces)
      first = rng.integers(size - length)
      wave = wave[first : first + length]
    level = np.exp(rng.uniform(np.log(0.01), np.log(0.3)))
    deviation = wave.std()
    if deviation > 0:
      wave = wave * level / deviation
    return np.clip(wave, -1, 1).astype(np.float32)
