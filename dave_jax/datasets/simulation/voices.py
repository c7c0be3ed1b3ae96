"""The voices of simulated objects: a timbre and a rhythm each.

Each repeats within 0.4 s, so that any 0.64 s of it identifies it: as much as
one log-mel example of the network spans.
"""

import pathlib
import zlib

import numpy as np
import scipy.io.wavfile
from scipy import signal

from dave_jax.media.audio import SAMPLE_RATE

VOICES = ('hum', 'bell', 'knock', 'whistle', 'rattle', 'chirp')
NOBODY = 'nobody'  # Label of sound without a voice.
LEVEL = 0.1  # Root mean square of a voice, where full scale is 1.
_FADE = 0.02  # Seconds of fade-in and fade-out.


def voice(name: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
  """Returns one turn of a voice, float32 [samples] at 16 kHz.

  Pitch varies by 4 percent, tempo by 8 percent and level by 2 dB.

  Args:
    name: One of `VOICES`: a low hum that swells, strokes of a bell, knocks on
      wood, a whistle with vibrato, bursts of hiss, or rising chirps.
    seconds: Duration of the turn.
    rng: Random numbers of the variation.

  Raises:
    ValueError: The name is unknown.
  """
  samples = round(seconds * SAMPLE_RATE)
  time = np.arange(samples) / SAMPLE_RATE
  pitch = rng.uniform(0.96, 1.04)
  beat = time * rng.uniform(0.92, 1.08) + rng.uniform()
  if name == 'hum':
    swell = 0.55 - 0.45 * np.cos(2 * np.pi * 3 * beat)
    sound = swell * _harmonics(time, 110 * pitch, 14)
  elif name == 'bell':
    since = (3 * beat) % 1 / 3
    partials = ((1.0, 1.0), (2.76, 0.6), (4.07, 0.3))
    sound = sum(
      level * np.sin(2 * np.pi * 1250 * pitch * ratio * time)
      for ratio, level in partials
    ) * np.exp(-since / 0.12)
  elif name == 'knock':
    since = (6 * beat) % 1 / 6
    sound = np.sin(2 * np.pi * 480 * pitch * since) * np.exp(-since / 0.025)
  elif name == 'whistle':
    vibrato = 0.012 * np.sin(2 * np.pi * 5 * beat)
    sound = np.sin(2 * np.pi * 2500 * pitch * (time + vibrato / 5))
  elif name == 'rattle':
    hiss = signal.lfilter(*_HIGH_PASS, rng.standard_normal(samples))
    sound = hiss * ((9 * beat) % 1 < 0.45)
  elif name == 'chirp':
    since = (4 * beat) % 1 / 4
    rising = 600 * pitch * since + 0.5 * 5200 * since**2
    sound = np.sin(2 * np.pi * rising) * (since < 0.18)
  else:
    raise ValueError(f'expected a voice of {VOICES}, got {name!r}')
  sound *= LEVEL / max(1e-6, np.sqrt(np.mean(sound**2)))
  sound *= 10 ** (rng.uniform(-2, 2) / 20)
  edge = np.minimum(time, time[::-1]) / _FADE
  return (sound * np.clip(edge, 0, 1)).astype(np.float32)


def ambience(samples: int, rng: np.random.Generator) -> np.ndarray:
  """Returns low-passed noise, float32 [samples], 35 dB below a voice."""
  noise = signal.lfilter([0.1], [1, -0.9], rng.standard_normal(samples))
  level = LEVEL * 10 ** (rng.uniform(-40, -30) / 20)
  return (noise * level / max(1e-6, noise.std())).astype(np.float32)


def write_voices(out: pathlib.Path, each: int, seed: int) -> None:
  """Writes labelled sound files, to pre-train an audio encoder on.

  OUT/LABEL/NNNN.wav of one second each, where LABEL is one of `VOICES`, or
  NOBODY for ambience alone; and OUT/validation_list.txt. An encoder that tells
  voices apart learns much sooner which look belongs to which voice.

  Args:
    out: Folder to write.
    each: Number of files of each label.
    seed: The same seed gives the same bytes.

  Raises:
    ValueError: `each` is below 1.
    OSError: A file cannot be written.
  """
  if each < 1:
    raise ValueError(f'expected 1 or more files of each voice, got {each}')
  held_out = []
  for label in (*VOICES, NOBODY):
    folder = out / label
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    for number in range(each):
      sound = ambience(SAMPLE_RATE, rng)
      if label != NOBODY:
        sound += voice(label, 1.0, rng)
      samples = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)
      path = folder / f'{number:04d}.wav'
      scipy.io.wavfile.write(path, SAMPLE_RATE, samples)
      if number % 10 == 0:
        held_out.append(path.relative_to(out).as_posix())
  (out / 'validation_list.txt').write_text('\n'.join(held_out) + '\n')


_HIGH_PASS = signal.butter(4, 3200, 'high', fs=SAMPLE_RATE)


def _harmonics(time, hertz, count):
  """Returns a sawtooth of `count` harmonics."""
  return sum(
    np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, count + 1)
  )
