"""Decoded sound as one continuous mono recording, and its resampling."""

from collections.abc import Iterator

import av
import numpy as np
import soxr

from dave_jax.media.container import StreamFrames

_BLOCK = 30  # Seconds of sound that are processed at a time.
# Seconds on either side of a block that are resampled with it and discarded;
# the filter of soxr's HQ rings for far less.
_MARGIN = 1
# Seconds by which a time stamp may differ from the samples counted so far.
# Less is a coarse clock (1 ms in WebM and FLV), more is a hole in the sound.
# Below half a frame at 30 per second.
_STRAY = 0.015
# Seconds by which the end may fall short of what the file claims: encoders pad
# and round.
_PADDING = 0.1
# Channels cancel if their mean has less than this share of the power that it
# has where only the loudest channel is heard.
_CANCELLED = 0.1


class Recording:
  """Mono sound of a stream at its own sample rate, without holes.

  Time stamps decide where samples are: holes are filled with silence, overlaps
  dropped. Mono is the mean of the channels, or the loudest channel for each
  second in which they cancel each other. Attributes, counts and problems are
  final once `blocks` is exhausted.

  Attributes:
    rate: Samples per second; 0 before the first block.
    start_time: Second of the first sample on the clock of the file.
    samples: How many samples came so far.
  """

  def __init__(self, media: av.container.InputContainer, stream):
    self.rate = 0
    self.start_time = 0.0
    self.samples = 0
    self._frames = StreamFrames(media, stream)
    self._channels = 1
    self._end = 0.0
    self._silence = self._overlap = 0  # Samples.
    self._cancelled = 0  # Seconds.
    self._other_rate = 0

  def blocks(self) -> Iterator[np.ndarray]:
    """Yields the samples, float32 -1 to 1, about 30 seconds at a time."""
    block, size = [], 0
    for samples in self._pieces():
      block.append(samples)
      size += samples.shape[1]
      if size >= _BLOCK * self.rate:
        yield self._mono(np.concatenate(block, axis=1))
        block, size = [], 0
    if block:
      yield self._mono(np.concatenate(block, axis=1))

  def counts(self) -> dict[str, float]:
    """Returns the problems as numbers; all are zero for a sound file."""
    return {
      'sound_damaged_packets': self._frames.damaged_packets,
      'sound_skipped_frames': self._other_rate,
      'sound_clock_jumps': self._frames.jumps,
      'sound_silence_seconds': self._silence / max(self.rate, 1),
      'sound_overlap_seconds': self._overlap / max(self.rate, 1),
      'sound_cancelled_seconds': self._cancelled,
      'sound_missing_seconds': self._frames.missing(self._end, _PADDING),
    }

  def problems(self) -> list[str]:
    """Returns the problems as text; empty for a sound file."""
    counts = self.counts()
    texts = {
      'sound_damaged_packets': '{} packets cannot be decoded',
      'sound_skipped_frames': '{} pieces of another sample rate are left out',
      'sound_clock_jumps': 'the clock jumps {} times; taken as unbroken',
      'sound_silence_seconds': '{:.2f} s of holes are filled with silence',
      'sound_overlap_seconds': '{:.2f} s that overlap are dropped',
      'sound_cancelled_seconds': 'the channels cancel each other for {} s; '
      'the loudest is used there',
      'sound_missing_seconds': 'the last {:.2f} s are missing',
    }
    problems = [
      'sound: ' + text.format(counts[key])
      for key, text in texts.items()
      if counts[key]
    ]
    if not self.samples:
      problems.append('sound: nothing could be decoded; using silence')
    if self._frames.error:
      problems.append(f'sound: reading stopped ({self._frames.error})')
    return problems

  def _pieces(self):
    """Yields [channels, samples], without holes and overlaps."""
    for frame in self._frames:
      samples = _samples(frame)
      if not self.rate:
        self.rate, self._channels = frame.sample_rate, len(samples)
        self.start_time = frame.time or 0.0
      if frame.sample_rate != self.rate:
        self._other_rate += 1
        continue
      if len(samples) != self._channels:
        samples = np.repeat(samples.mean(axis=0)[None], self._channels, axis=0)
      stray = 0
      if frame.time is not None:
        stray = self._stray(frame.time)
        self._end = frame.time + samples.shape[1] / self.rate
      if stray < 0:
        self._overlap += min(-stray, samples.shape[1])
        samples = samples[:, -stray:]
      self._silence += max(stray, 0)
      while stray > 0:
        hole = min(stray, _BLOCK * self.rate)
        stray -= hole
        self.samples += hole
        yield np.zeros((self._channels, hole), np.float32)
      self.samples += samples.shape[1]
      yield samples

  def _stray(self, time: float) -> int:
    """Returns how many samples are missing before `time`; below 0, too many."""
    stray = time - (self.start_time + self.samples / self.rate)
    return 0 if abs(stray) <= _STRAY else round(stray * self.rate)

  def _mono(self, samples):
    """Returns the mean of the channels [c, n], [n]."""
    mono = samples.mean(axis=0, dtype=np.float64).astype(np.float32)
    if len(samples) == 1:
      return mono
    for begin in range(0, mono.size, self.rate):
      second = slice(begin, begin + self.rate)
      power = np.square(samples[:, second]).mean(axis=1)
      loudest = power.argmax()
      alone = power[loudest] / len(samples) ** 2
      if np.square(mono[second]).mean() < _CANCELLED * alone:
        mono[second] = samples[loudest, second]
        self._cancelled += 1
    return mono


def resampled(recording: Recording, rate: int) -> Iterator[np.ndarray]:
  """Yields the samples of a recording at `rate`, block by block.

  Blocks begin at whole seconds, where both rates have a sample, and overlap by
  more than the filter rings: joined, they equal resampling all at once.
  """
  pending = np.zeros(0, np.float32)
  lead = 0  # Seconds of `pending` that were yielded before.
  for block in recording.blocks():
    source = recording.rate
    pending = np.concatenate([pending, block])
    while pending.size >= (lead + _BLOCK + _MARGIN) * source:
      piece = pending[: (lead + _BLOCK + _MARGIN) * source]
      piece = _resample(piece, source, rate)
      yield piece[lead * rate : (lead + _BLOCK) * rate]
      pending = pending[(lead + _BLOCK - _MARGIN) * source :]
      lead = _MARGIN
  if pending.size:
    yield _resample(pending, recording.rate, rate)[lead * rate :]


def _resample(samples, source, target):
  if source == target:
    return samples
  # `librosa.resample` calls this too, but takes 5.6 s of CPU time to import.
  resampled = soxr.resample(samples, source, target, quality='HQ')
  size = -(-samples.size * target // source)
  return np.pad(resampled[:size], (0, max(0, size - resampled.size)))


def _samples(frame: av.AudioFrame) -> np.ndarray:
  """Returns the samples of a frame, float32 [channels, n], -1 to 1."""
  samples = frame.to_ndarray()  # [c, n], or [1, n * c] if packed.
  if frame.format.is_packed:
    samples = samples.reshape(-1, len(frame.layout.channels)).T
  if samples.dtype == np.uint8:
    return (samples.astype(np.float32) - 128) / 128
  if np.issubdtype(samples.dtype, np.integer):
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
  return samples.astype(np.float32)
