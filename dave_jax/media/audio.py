"""The log-mel spectrogram that the audio encoder takes; sound from files."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator

import numpy as np
from absl import logging

from dave_jax.media import clock, container
from dave_jax.media.recording import Recording, resampled

SAMPLE_RATE = 16_000
LOG_OFFSET = 0.01  # Added before the logarithm; gives `clock.SILENCE`.

_HOP = SAMPLE_RATE // clock.LOG_MEL_RATE
_WINDOW = 400  # 25 ms.
_FFT = 512
_LOWEST, _HIGHEST = 125.0, 7500.0  # Hertz.
_BLOCK = 3000  # Log-mel frames that are computed at once.


@dataclasses.dataclass(frozen=True)
class Sound:
  """The sound of a video, as the audio encoder takes it.

  Attributes:
    log_mel: [frames, 64] float32; frame n begins at start_time + n / 100.
    power: [steps] float32, mean square of each 10 ms of the waveform.
    start_time: Second of its first sample on the clock of the file.
    duration: Seconds.
    problems: What was wrong with the file, as text.
    counts: The same as numbers.
  """

  log_mel: np.ndarray
  power: np.ndarray
  start_time: float
  duration: float
  problems: tuple[str, ...]
  counts: dict[str, float]


def sound_frames(samples: int) -> int:
  """Returns how many log-mel frames `samples` at 16 kHz give."""
  return max(0, 1 + (samples - _WINDOW) // _HOP)


@functools.cache
def mel_matrix() -> np.ndarray:
  """Returns the matrix [257, 64] from FFT magnitudes to mel bands.

  Triangular filters that are linear in HTK mel, over 125 to 7500 Hz, without
  the DC bin, as in VGGish (arXiv 1609.09430); those of librosa are linear in
  Hertz.
  """

  def mel(hertz):
    return 1127 * np.log1p(hertz / 700)

  edges = np.linspace(mel(_LOWEST), mel(_HIGHEST), clock.MEL_BANDS + 2)
  lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
  bins = mel(np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1))[:, None]
  rising = (bins - lower) / (centre - lower)
  falling = (upper - bins) / (upper - centre)
  matrix = np.maximum(0, np.minimum(rising, falling))
  matrix[0] = 0
  matrix.flags.writeable = False
  return matrix


def log_mel(waveform: np.ndarray) -> np.ndarray:
  """Returns the log-mel spectrogram [frames, 64] of a waveform, float32.

  The features of VGGish: frames of 25 ms every 10 ms from the first sample on
  (not centred), a periodic Hann window, zero padding at its end to 512 samples,
  magnitudes, `mel_matrix`, and the natural logarithm of that + 0.01.

  Args:
    waveform: [samples] at 16 kHz, -1 to 1.
  """
  return np.concatenate(list(_log_mel_blocks([np.asarray(waveform)])))


def _log_mel_blocks(waveforms: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Yields the log-mel frames of a waveform given in pieces."""
  hann = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * np.arange(_WINDOW))
  rest = np.zeros(0, np.float32)
  yield np.zeros((0, clock.MEL_BANDS), np.float32)
  for piece in waveforms:
    waveform = np.concatenate([rest, piece])
    frames = sound_frames(waveform.size)
    rest = waveform[frames * _HOP :]
    if not frames:
      continue
    windows = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)
    for begin in range(0, frames, _BLOCK):
      end = min(begin + _BLOCK, frames)
      windowed = windows[begin * _HOP : (end - 1) * _HOP + 1 : _HOP] * hann
      magnitudes = np.abs(np.fft.rfft(windowed, _FFT))
      energy = magnitudes @ mel_matrix()
      yield np.log(energy + LOG_OFFSET).astype(np.float32)


def load_log_mel(
  path: str | os.PathLike, stream: int | None = None
) -> Sound | None:
  """Reads the log-mel sound of a media file; returns None if it has no sound.

  Only log-mel frames and powers are kept, 26 kB per second.

  Args:
    path: Any file that FFmpeg reads.
    stream: Index of the audio stream; None is the one of the best video stream,
      or the best that has a decoder.

  Raises:
    ValueError: There is no such stream, or this is not a media file.
    OSError: The file does not exist.
  """
  with container.open_media(path) as media:
    audio = _audio_stream(media, stream)
    if audio is None:
      return None
    recording = Recording(media, audio)
    samples = 0
    powers = [np.zeros(0, np.float32)]

    def counted():
      nonlocal samples
      rest = np.zeros(0, np.float32)
      for waveform in resampled(recording, SAMPLE_RATE):
        samples += waveform.size
        rest = np.concatenate([rest, waveform])
        whole = rest.size // _HOP * _HOP
        powers.append(np.square(rest[:whole].reshape(-1, _HOP)).mean(axis=1))
        rest = rest[whole:]
        yield waveform

    frames = np.concatenate(list(_log_mel_blocks(counted())))
    return Sound(
      log_mel=frames,
      power=np.concatenate(powers),
      start_time=recording.start_time,
      duration=samples / SAMPLE_RATE,
      problems=tuple(recording.problems()),
      counts=recording.counts(),
    )


def load_waveform(
  path: str | os.PathLike,
  stream: int | None = None,
  problems: list[str] | None = None,
) -> tuple[np.ndarray, float] | None:
  """Reads the sound of a media file as (waveform, start time).

  Args:
    path, stream: As in `load_log_mel`.
    problems: A list that problems with the file are appended to; None logs
      them.

  Returns:
    float32 [samples] at 16 kHz, mono (see `recording`), -1 to 1, and the second
    of the first sample on the clock of the file: sample n is heard at start
    time + n / 16000. None if the file has no sound.

  Raises:
    ValueError, OSError: As in `load_log_mel`.
  """
  with container.open_media(path) as media:
    audio = _audio_stream(media, stream)
    if audio is None:
      return None
    recording = Recording(media, audio)
    blocks = [np.zeros(0, np.float32), *resampled(recording, SAMPLE_RATE)]
    if problems is not None:
      problems.extend(recording.problems())
    else:
      for problem in recording.problems():
        logging.warning('%s: %s', path, problem)
    return np.concatenate(blocks), recording.start_time


def _audio_stream(media, index):
  try:
    video = container.video_stream(media, None)
  except ValueError:
    video = None
  return container.audio_stream(media, index, video)
