"""Decoded sound as one unbroken mono recording, and its resampling."""

from collections.abc import Iterator

import av
import numpy as np
import soxr

from dave_jax.media.container import StreamFrames, end_time

_BLOCK = 30  # Seconds of sound that are worked on at a time.
# Seconds either side of a block that are resampled with it and thrown away;
# the filter of soxr_hq rings for far less.
_MARGIN = 1
# Seconds that a time stamp may stray from the samples counted so far. What is
# less is a coarse clock (1 ms in WebM and FLV); more is a hole in the sound.
# Below half a frame at 30 a second.
_STRAY = 0.015
# Seconds that the end of the sound may fall short of what the file promises:
# encoders pad and round.
_PADDING = 0.1
# Seconds: a clock that goes back by more, or forward past the end of the file
# or by more than an hour, was set anew.
_JUMP = 1.0
_LONGEST_HOLE = 3600.0


class Recording:
  """Mono sound of a stream at its own sample rate, without holes.

  Time stamps decide where samples are: holes are filled with silence, overlaps
  dropped. Attributes and reports are complete once `blocks` is at its end.

  Attributes:
    rate: Samples per second; 0 before the first block.
    start_time: Seconds of the first sample on the clock of the file.
    samples: How many samples came so far.
  """

  def __init__(self, media: av.container.InputContainer, stream):
    self.rate = 0
    self.start_time = 0.0
    self.samples = 0
    self._frames = StreamFrames(media, stream)
    self._last_second = end_time(media)  # No time stamp reaches past it.
    self._origin = 0.0  # Where sample 0 is on the clock, after jumps.
    self._end = 0.0
    self._silence = self._overlap = 0  # Samples.
    self._jumps = self._other_rate = 0

  def blocks(self) -> Iterator[np.ndarray]:
    """Yields the samples, float32 -1 to 1, about 30 seconds at a time."""
    block, size = [], 0
    for samples in self._pieces():
      block.append(samples)
      size += samples.size
      if size >= _BLOCK * self.rate:
        yield np.concatenate(block)
        block, size = [], 0
    if block:
      yield np.concatenate(block)

  def counts(self) -> dict[str, float]:
    """Returns what was wrong, in numbers; all zero for a sound file."""
    return {
      'sound_damaged_packets': self._frames.damaged_packets,
      'sound_skipped_frames': self._other_rate,
      'sound_clock_jumps': self._jumps,
      'sound_silence_seconds': self._silence / max(self.rate, 1),
      'sound_overlap_seconds': self._overlap / max(self.rate, 1),
      'sound_missing_seconds': self._frames.missing(self._end, _PADDING),
    }

  def problems(self) -> list[str]:
    """Returns what was wrong, in words; nothing for a sound file."""
    counts = self.counts()
    texts = {
      'sound_damaged_packets': '{} packets do not decode',
      'sound_skipped_frames': '{} pieces of another sample rate are left out',
      'sound_clock_jumps': 'the clock jumps {} times; taken as unbroken',
      'sound_silence_seconds': '{:.2f} s of holes are filled with silence',
      'sound_overlap_seconds': '{:.2f} s that overlap are dropped',
      'sound_missing_seconds': 'the last {:.2f} s are missing',
    }
    problems = [
      'sound: ' + text.format(counts[key])
      for key, text in texts.items()
      if counts[key]
    ]
    if not self.samples:
      problems.append('sound: nothing decodes')
    if self._frames.error:
      problems.append(f'sound: reading stopped ({self._frames.error})')
    return problems

  def _pieces(self):
    for frame in self._frames:
      if not self.rate:
        self.rate = frame.sample_rate
        self.start_time = self._origin = frame.time or 0.0
      if frame.sample_rate != self.rate:
        self._other_rate += 1
        continue
      samples = _mono(frame)
      stray = 0
      if frame.time is not None:
        stray = self._stray(frame.time)
        self._end = frame.time + samples.size / self.rate
      if stray < 0:
        self._overlap += min(-stray, samples.size)
        samples = samples[-stray:]
      self._silence += max(stray, 0)
      while stray > 0:
        hole = np.zeros(min(stray, _BLOCK * self.rate), np.float32)
        stray -= hole.size
        self.samples += hole.size
        yield hole
      self.samples += samples.size
      yield samples

  def _stray(self, time: float) -> int:
    """Returns how many samples are missing before `time`; below 0, too many."""
    reached = self._origin + self.samples / self.rate
    stray = time - reached
    if abs(stray) <= _STRAY:
      return 0
    past_end = self._last_second is not None and (
      time > self._last_second + _JUMP
    )
    if stray < -_JUMP or stray > _LONGEST_HOLE or past_end:
      self._jumps += 1
      self._origin += stray
      return 0
    return round(stray * self.rate)


def resampled(recording: Recording, rate: int) -> Iterator[np.ndarray]:
  """Yields the samples of a recording at `rate`, block by block.

  Blocks begin at whole seconds, where both rates have a sample, and overlap by
  more than the filter rings: joined, they are what resampling in one go gives.
  """
  pending = np.zeros(0, np.float32)
  lead = 0  # Seconds of `pending` that were given before.
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
  # What `librosa.resample` calls, which takes two seconds to import.
  found = soxr.resample(samples, source, target, quality='HQ')
  size = -(-samples.size * target // source)
  return np.pad(found[:size], (0, max(0, size - found.size)))


def _mono(frame: av.AudioFrame) -> np.ndarray:
  """Returns the mean of a frame's channels, float32 [samples]."""
  samples = frame.to_ndarray()  # [c, n], or [1, n * c] where packed.
  if frame.format.is_packed:
    samples = samples.reshape(-1, len(frame.layout.channels)).T
  mono = samples.mean(axis=0, dtype=np.float64)
  if samples.dtype == np.uint8:
    mono = (mono - 128) / 128
  elif np.issubdtype(samples.dtype, np.integer):
    mono /= -float(np.iinfo(samples.dtype).min)
  return mono.astype(np.float32)
