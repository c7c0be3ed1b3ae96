"""Reads the window of an example: frames, log-mel spectrogram and target."""

import dataclasses
from collections.abc import Sequence

import av
import numpy as np
import simplejpeg
from google.protobuf.message import DecodeError

from dave_jax.checks import check_choice
from dave_jax.data.windows import is_still
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import (
  SAMPLES_PER_LOG_MEL_FRAME,
  Clip,
  fixation_pixels,
)
from dave_jax.datasets.store import Dataset
from dave_jax.media import audio, clock
from dave_jax.media.picture import PictureMaker

TARGET_STRIDE = 8  # Pixels of a frame per pixel of the saliency map.
ALIGNMENTS = ('exact', 'causal')  # 'reference' needs the original file.

_STEP = SAMPLES_PER_LOG_MEL_FRAME
# Samples that the 25 ms windows of a spectrogram overlap by, at a hop of 10 ms.
_OVERHANG = 400 - _STEP


class DataError(ValueError):
  """Stored data cannot be read. The message names the clip and frame."""


@dataclasses.dataclass(frozen=True)
class Reading:
  """How windows are read.

  Attributes:
    frame_size: Height and width of the frames; those stored with another size
      are resized.
    alignment: 'exact' or 'causal', see `media.clock`.
    sigma: Standard deviation, in pixels of the original, of the Gaussian that
      fixations are blurred with if there is no density map; None takes that of
      the record.
    fixation_map: Whether examples hold a map of the fixations.

  Raises:
    ValueError: There is no such alignment.
  """

  frame_size: tuple[int, int]
  alignment: str
  sigma: float | None
  fixation_map: bool

  def __post_init__(self):
    check_choice('alignment', self.alignment, ALIGNMENTS)


class WindowReader:
  """Reads windows of a split. Can be pickled, for worker processes.

  Attributes:
    clips: The clips of the split.
    reading: How windows are read.
  """

  def __init__(self, dataset: Dataset, split: str, reading: Reading):
    """Opens a split, or several joined by `+`.

    Raises:
      ValueError: There is no such split.
    """
    self.clips = dataset.clips(split)
    self.reading = reading
    self._name = f'{dataset.name}, {split}'
    self._folder = dataset.folder
    self._records = dataset.records(split)

  def __call__(self, clip: Clip, frame: int) -> dict[str, np.ndarray]:
    """Returns the window that ends at a frame.

    Returns:
      'frames', 'density' and, if present, 'log_mel', 'offsets' and 'fixations',
      as in the table of `data.batches` without the batch dimension.

    Raises:
      DataError: Stored data cannot be read.
    """
    wanted = np.array([frame]) if is_still(clip) else clock.window_frames(frame)
    records = self.records(clip, wanted)
    example = {'frames': self._frames(records, clip, wanted)}
    if not is_still(clip):
      example |= self._chunk(records, clip, wanted)
    return example | self._target(records[-1], clip, frame)

  def sound(self, clip: Clip, frame: int) -> dict[str, np.ndarray]:
    """Returns 'log_mel' and 'offsets' of a window of a video.

    Raises:
      DataError: Stored data cannot be read.
    """
    wanted = clock.window_frames(frame)
    return self._chunk(self.records(clip, wanted), clip, wanted)

  def records(self, clip: Clip, frames: np.ndarray) -> list[dict]:
    """Returns the one or two records that hold frames [n], ascending.

    Raises:
      DataError: They cannot be read.
    """
    first, _ = clip.record_of(int(frames[0]))
    last, _ = clip.record_of(int(frames[-1]))
    try:
      # Not `__getitems__`, which starts a thread pool each time (5 ms).
      records = [self._records[number] for number in range(first, last + 1)]
    # What array_record and TFDS raise for damaged or missing bytes.
    except (
      DecodeError,
      IndexError,
      OSError,
      RuntimeError,
      ValueError,
    ) as error:
      raise self._error(clip, frames[-1], 'cannot be read', error) from error
    for record in records:
      found = record['clip'].decode()
      if found != clip.name:
        raise self._error(
          clip, frames[-1], 'is not where it should be', f'found clip {found}'
        )
    return records

  def _frames(self, records, clip, wanted):
    """Returns uint8 [n, h, w, 3]; decodes repeated frames once."""
    size = self.reading.frame_size
    images = np.empty((wanted.size, *size, 3), np.uint8)
    resize = PictureMaker(size)
    begin = int(records[0]['first_frame'])
    held = [jpeg for record in records for jpeg in record['frames']]
    for n, frame in enumerate(wanted):
      if n and frame == wanted[n - 1]:
        images[n] = images[n - 1]
        continue
      try:
        jpeg = held[frame - begin]
        if simplejpeg.decode_jpeg_header(jpeg)[:2] == size:
          simplejpeg.decode_jpeg(jpeg, 'RGB', buffer=images[n])
        else:
          image = simplejpeg.decode_jpeg(jpeg, 'RGB')
          images[n] = resize(av.VideoFrame.from_ndarray(image, 'rgb24'))
      except (ValueError, IndexError) as error:
        raise self._error(clip, frame, 'cannot be decoded', error) from error
    return images

  def _chunk(self, records, clip, wanted):
    """Returns the log-mel chunk of a window, see `clock.log_mel_chunk`."""
    times = np.concatenate([record['times'] for record in records])
    times = times[wanted - int(records[0]['first_frame'])]
    starts = clock.example_starts(times, alignment=self.reading.alignment)
    starts = clock.fit_chunk(starts)
    begin = int(starts.min())
    log_mel = np.zeros((0, clock.MEL_BANDS), np.float32)
    if clip.has_sound:
      waveform, origin = _joined_sound(records)
      low = max(begin, origin // _STEP)
      high = max(low, begin + clock.chunk_length(starts))
      samples = np.array([low, high]) * _STEP - origin
      piece = waveform[samples[0] : samples[1] + _OVERHANG]
      log_mel = audio.log_mel(piece)
      starts = starts - low
    log_mel, offsets = clock.log_mel_chunk(log_mel, starts)
    return {'log_mel': log_mel, 'offsets': offsets}

  def _target(self, record, clip, frame):
    h, w = (pixels // TARGET_STRIDE for pixels in self.reading.frame_size)
    place = frame - int(record['first_frame'])
    if self.reading.sigma is not None:
      record = record | {'sigma': self.reading.sigma}
    try:
      density = record_density(record, place, (h, w))
    except (ValueError, IndexError) as error:
      raise self._error(clip, frame, 'has no density map', error) from error
    if density is None:
      raise ValueError(
        f'{self._describe(clip, frame)} has neither a density map nor a sigma '
        'to blur its fixations with; give sigma, in pixels of the original'
      )
    xy = record['fixation_xy'][record['fixation_frame'] == place]
    if len(xy) and not density.any():
      raise self._error(
        clip, frame, 'has fixations but a black density map', 'its source'
      )
    target = {'density': density}
    if self.reading.fixation_map:
      original = int(record['height']), int(record['width'])
      fixations = np.zeros((h, w), np.uint8)
      fixations[fixation_pixels(xy, original, (h, w))] = 1
      target['fixations'] = fixations
    return target

  def _describe(self, clip, frame):
    return f'{self._name}: clip {clip.name}, frame {frame}'

  def _error(self, clip, frame, what, why):
    return DataError(
      f'{self._describe(clip, frame)} {what} ({why}); copy the data set again, '
      f'or delete {self._folder} and build it again'
    )


def _joined_sound(records: Sequence[dict]) -> tuple[np.ndarray, int]:
  """Joins the waveforms of consecutive records, whose margins overlap.

  Returns:
    The waveform, and its first sample's number in the clip. A record past the
    end of the sound has an empty waveform.
  """
  origin = int(records[0]['waveform_start'])
  waveform = records[0]['waveform']
  for record in records[1:]:
    known = origin + waveform.size - int(record['waveform_start'])
    # Waveforms leave a gap between frames 1.5 s apart; no example reads it.
    between = np.zeros(max(0, -known), np.float32)
    rest = record['waveform'][max(0, known) :]
    waveform = np.concatenate([waveform, between, rest])
  return waveform, origin
