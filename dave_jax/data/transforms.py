"""From one window to arrays: frames, sound and target."""

from collections.abc import Sequence

import numpy as np
import simplejpeg
from google.protobuf.message import DecodeError

from dave_jax.data.windows import is_still
from dave_jax.datasets.density import record_density
from dave_jax.datasets.schema import (
  SAMPLES_PER_LOG_MEL_FRAME,
  Clip,
  fixation_pixels,
)
from dave_jax.datasets.store import Dataset
from dave_jax.media import audio, clock

TARGET_STRIDE = 8  # Pixels of a frame to one of the saliency map.
ALIGNMENTS = ('exact', 'causal')  # 'reference' needs the file, see `schema`.

_STEP = SAMPLES_PER_LOG_MEL_FRAME
# Samples that a 25 ms analysis window reaches past the 10 ms to the next.
_OVERHANG = 400 - _STEP


class DataError(ValueError):
  """Stored data cannot be read; says which clip and frame, and what to do."""


class WindowReader:
  """Reads windows of a split.

  It can be pickled, for worker processes.

  Attributes:
    clips: The clips of the split.
    frame_size: Height and width of frames.
  """

  def __init__(
    self,
    dataset: Dataset,
    split: str,
    *,
    alignment: str,
    sigma: float | None,
    fixation_map: bool,
  ):
    """Opens a split.

    Args:
      dataset: See `datasets.store`.
      split: A split, or several with `+` between them.
      alignment: 'exact' or 'causal', see `media.clock`.
      sigma: Standard deviation, in pixels of the original, that fixations are
        blurred with where there is no density map; None is the record's.
      fixation_map: Whether examples hold a map of the fixations.

    Raises:
      ValueError: There is no such split or alignment.
    """
    if alignment not in ALIGNMENTS:
      raise ValueError(
        f"got alignment '{alignment}', wanted {' or '.join(ALIGNMENTS)}"
      )
    self.clips = dataset.clips(split)
    self.frame_size = tuple(dataset.settings['frame_size'])
    self._name = f'{dataset.name}, {split}'
    self._folder = dataset.folder
    self._records = dataset.records(split)
    self._alignment = alignment
    self._sigma = sigma
    self._fixation_map = fixation_map

  def __call__(self, clip: Clip, frame: int) -> dict[str, np.ndarray]:
    """Returns the window that ends at a frame.

    Returns:
      'frames', 'density' and, where they belong, 'log_mel', 'offsets' and
      'fixations', as `data.batches` says, without the batch dimension.

    Raises:
      DataError: Something stored cannot be read.
    """
    wanted = np.array([frame]) if is_still(clip) else clock.window_frames(frame)
    records = self.records(clip, wanted)
    example = {'frames': self._frames(records, clip, wanted)}
    if not is_still(clip):
      example |= self._chunk(records, clip, wanted)
    return example | self._target(records[-1], clip, frame)

  def sound(self, clip: Clip, frame: int) -> dict[str, np.ndarray]:
    """Returns 'log_mel' and 'offsets' alone of the window, no still image's.

    Raises:
      DataError: Something stored cannot be read.
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
      # One by one: `__getitems__` starts a pool of threads each time, 5 ms.
      records = [self._records[number] for number in range(first, last + 1)]
    # What array_record and TFDS raise for bytes that are damaged or missing.
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
          clip, frames[-1], f'lies where clip {found} is', 'files are mixed up'
        )
    return records

  def _frames(self, records, clip, wanted):
    """Returns uint8 [n, h, w, 3]; decodes no frame twice."""
    h, w = self.frame_size
    images = np.empty((wanted.size, h, w, 3), np.uint8)
    begin = int(records[0]['first_frame'])
    held = [jpeg for record in records for jpeg in record['frames']]
    for n, frame in enumerate(wanted):
      if n and frame == wanted[n - 1]:
        images[n] = images[n - 1]
        continue
      try:
        jpeg = held[frame - begin]
        size = simplejpeg.decode_jpeg_header(jpeg)[:2]
        if size != (h, w):
          raise ValueError(
            f'it has {size[0]} x {size[1]} pixels, not {h} x {w}'
          )
        simplejpeg.decode_jpeg(jpeg, 'RGB', buffer=images[n])
      except (ValueError, IndexError) as error:
        raise self._error(clip, frame, 'does not decode', error) from error
    return images

  def _chunk(self, records, clip, wanted):
    """Returns the sound of a window, see `clock.log_mel_chunk`."""
    times = np.concatenate([record['times'] for record in records])
    times = times[wanted - int(records[0]['first_frame'])]
    starts = clock.example_starts(times, alignment=self._alignment)
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
    h, w = (pixels // TARGET_STRIDE for pixels in self.frame_size)
    place = frame - int(record['first_frame'])
    if self._sigma is not None:
      record = record | {'sigma': self._sigma}
    try:
      density = record_density(record, place, (h, w))
    except (ValueError, IndexError) as error:
      raise self._error(clip, frame, 'has no density map', error) from error
    if density is None:
      raise ValueError(
        f'{self._place(clip, frame)} has neither a density map nor a sigma to '
        'blur its fixations with; give sigma, in pixels of the original'
      )
    xy = record['fixation_xy'][record['fixation_frame'] == place]
    if len(xy) and not density.any():
      raise self._error(
        clip, frame, 'has fixations but a black density map', 'its source'
      )
    target = {'density': density}
    if self._fixation_map:
      original = int(record['height']), int(record['width'])
      fixations = np.zeros((h, w), np.uint8)
      fixations[fixation_pixels(xy, original, (h, w))] = 1
      target['fixations'] = fixations
    return target

  def _place(self, clip, frame):
    return f'{self._name}: clip {clip.name}, frame {frame}'

  def _error(self, clip, frame, what, why):
    return DataError(
      f'{self._place(clip, frame)} {what} ({why}); copy the data set again, or '
      f'delete {self._folder} and build it again'
    )


def _joined_sound(records: Sequence[dict]) -> tuple[np.ndarray, int]:
  """Returns the sound of records that follow each other, and where it begins.

  Their margins overlap. A record past the end of the sound has none.
  """
  origin = int(records[0]['waveform_start'])
  waveform = records[0]['waveform']
  for record in records[1:]:
    known = origin + waveform.size - int(record['waveform_start'])
    # What lies between two frames 1.5 s apart is in no example.
    between = np.zeros(max(0, -known), np.float32)
    rest = record['waveform'][max(0, known) :]
    waveform = np.concatenate([waveform, between, rest])
  return waveform, origin
