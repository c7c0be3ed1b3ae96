"""The voices of the kinds of things: a timbre and a rhythm each.

Each repeats itself within 0.4 s, so that any 0.64 s of it, what the network
hears with a frame, tells which one it is.
"""

import numpy as np
from scipy import signal

from dave_jax.media.audio import SAMPLE_RATE

VOICES = ('hum', 'bell', 'knock', 'whistle', 'rattle', 'chirp')
LEVEL = 0.1  # Root mean square of a voice; full scale is 1.
_FADE = 0.02  # Seconds that a turn fades in and out.


def voice(name: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
  """Returns one turn of a voice, float32 [samples] at 16 kHz.

  Pitch varies by 4 percent, tempo by 8 percent and level by 2 dB.

  Args:
    name: One of `VOICES`: a low hum that swells, a bell that is struck, knocks
      on wood, a whistle with vibrato, bursts of hiss, or chirps that rise.
    seconds: How long the turn is.
    rng: Of what varies.

  Raises:
    ValueError: There is no such voice.
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
    raise ValueError(f"got voice '{name}', wanted one of {', '.join(VOICES)}")
  sound *= LEVEL / max(1e-6, np.sqrt(np.mean(sound**2)))
  sound *= 10 ** (rng.uniform(-2, 2) / 20)
  edge = np.minimum(time, time[::-1]) / _FADE
  return (sound * np.clip(edge, 0, 1)).astype(np.float32)


def ambience(samples: int, rng: np.random.Generator) -> np.ndarray:
  """Returns soft noise, float32 [samples], about 35 dB below a voice."""
  noise = signal.lfilter([0.1], [1, -0.9], rng.standard_normal(samples))
  level = LEVEL * 10 ** (rng.uniform(-40, -30) / 20)
  return (noise * level / max(1e-6, noise.std())).astype(np.float32)


_HIGH_PASS = signal.butter(4, 3200, 'high', fs=SAMPLE_RATE)


def _harmonics(time, hertz, count):
  """Returns a sawtooth of few harmonics."""
  return sum(
    np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, count + 1)
  )
