"""The record that every data set is stored as: a chunk of 16 frames.

Clip by clip, in order, a record holds frames 16 k to 16 k + 15 of a clip (the
last one of a clip may hold fewer), so that a window of 16 frames touches at
most two records, which follow each other. A still image is a clip of one frame
without sound. What clips there are, and which of their frames have fixations,
is listed beside the records (`Clip`): windows are found without reading any.

Coordinates are pixels of the original size, `width` x `height`: x from 0 at the
left edge to `width` at the right, y from 0 at the top; pixel column i is
i <= x < i + 1, and column i of another size W is floor(x W / width). A source
that only has maps of fixated pixels gives their centres, i + 0.5.

Times are seconds on the axis of the clip's sound, whose sample 0 is at 0 (the
first frame may be a little off 0), as `media.clock` wants them. Without sound
the first frame is at 0.
"""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from dave_jax.media import audio, clock

CHUNK_FRAMES = 16
# Seconds of sound kept either side of a chunk's frames. 'exact' examples reach
# 0.675 s past a frame (half a step of rounding, 64 steps of 10 ms, the analysis
# window), 'causal' ones 0.67 s before it. 'reference' drifts by seconds: that
# one needs the file, not records.
MARGIN = 0.75
POOLED = -1  # The viewer of fixations that a source does not tell apart.
SAMPLES_PER_LOG_MEL_FRAME = audio.SAMPLE_RATE // clock.LOG_MEL_RATE


def features() -> tfds.features.FeaturesDict:
  """Returns the fields of a record; n frames, s samples, f fixations.

  Text is read back as UTF-8 bytes, lists as lists of bytes, the rest as NumPy.

  - clip: the clip's name, unique in its data set.
  - source: the set it comes from, such as 'diem' or 'osie'.
  - category: what its source sorts it under ('Nature'), '' where it does not.
  - first_frame: number in the clip, from 0, of the first frame here; a multiple
    of 16.
  - clip_frames: frames of the whole clip.
  - rate: frames per second, on average; 0 for a still image.
  - height, width: pixels of the original, which fixations, boxes and `sigma`
    are in.
  - frames: n JPEG files, RGB, all of the size that the set was built with
    (256 x 320 unless told otherwise), stretched to it as `media` does.
  - times: [n], when each frame is shown, seconds on the sound's axis.
  - has_sound: whether the clip has sound at all.
  - waveform: [s], mono, 16 kHz, -1 to 1; the clip's sound from `MARGIN` before
    the first frame here to `MARGIN` after the last, as far as there is any:
    nothing is stored before its start or after its end, where `media.clock`
    gives silence. Empty without sound.
  - waveform_start: number in the clip's sound of the first sample here; a
    multiple of 160, so that log-mel frame 0 of `waveform` is log-mel frame
    waveform_start // 160 of the sound, with the same numbers.
  - fixation_xy: [f, 2], x and y, all inside the frame, sorted by frame.
  - fixation_frame: [f], which of the frames here, 0 to n - 1.
  - fixation_viewer: [f], number of the viewer in the clip, `POOLED` (-1) where
    the source has all viewers together.
  - density: n image files, the source's own density maps as published (any
    size, 8 bit grey), b'' for a frame without; an empty list where the source
    has none.
  - sigma: standard deviation, in pixels, of the Gaussian that fixations are
    blurred with where there is no density map; 0 where that is not known.
  - sounding_box: [k, 4], left, top, right, bottom of what is heard, where that
    is known.
  - sounding_frame: [k], which of the frames here each box is in.
  """
  make = tfds.features
  text = make.Text

  def array(dtype, *shape):
    # Otherwise float64 would be stored as float32, and slowly.
    return make.Tensor(shape=(None, *shape), dtype=dtype, encoding='bytes')

  return make.FeaturesDict(
    {
      'clip': text(),
      'source': text(),
      'category': text(),
      'first_frame': make.Scalar(np.int32),
      'clip_frames': make.Scalar(np.int32),
      'rate': make.Scalar(np.float32),
      'height': make.Scalar(np.int32),
      'width': make.Scalar(np.int32),
      'frames': make.Sequence(text()),
      'times': array(np.float64),
      'has_sound': make.Scalar(np.bool_),
      'waveform': array(np.float32),
      'waveform_start': make.Scalar(np.int64),
      'fixation_xy': array(np.float32, 2),
      'fixation_frame': array(np.int32),
      'fixation_viewer': array(np.int32),
      'density': make.Sequence(text()),
      'sigma': make.Scalar(np.float32),
      'sounding_box': array(np.float32, 4),
      'sounding_frame': array(np.int32),
    }
  )


@dataclasses.dataclass(frozen=True)
class Clip:
  """What is known of a clip without reading its records.

  Attributes:
    name, source, category, frames, rate, height, width, has_sound: As in the
      records; `frames` is their `clip_frames`.
    split: The split that its records are in.
    first_record: Number of its first record in that split.
    viewers: How many viewers were told apart; 0 where none were.
    fixations: How many its records hold.
    fixated: (begin, end) of each run of frames that have a fixation.
  """

  name: str
  source: str
  split: str
  category: str
  first_record: int
  frames: int
  rate: float
  height: int
  width: int
  has_sound: bool
  viewers: int
  fixations: int
  fixated: tuple[tuple[int, int], ...]

  @property
  def records(self) -> int:
    """How many records it takes."""
    return -(-self.frames // CHUNK_FRAMES)

  def record_of(self, frame: int) -> tuple[int, int]:
    """Returns (number in the split, place in that record) of a frame."""
    chunk, place = divmod(frame, CHUNK_FRAMES)
    return self.first_record + chunk, place

  def fixated_frames(self) -> np.ndarray:
    """Returns the numbers of the frames that have a fixation, ascending."""
    runs = [np.arange(begin, end) for begin, end in self.fixated]
    return np.concatenate([np.zeros(0, np.int64), *runs])


def runs(frames) -> tuple[tuple[int, int], ...]:
  """Returns (begin, end) of the runs in frame numbers, in any order."""
  frames = np.unique(np.asarray(frames, np.int64))
  if not frames.size:
    return ()
  gaps = np.flatnonzero(np.diff(frames) > 1)
  begins = frames[np.r_[0, gaps + 1]]
  ends = frames[np.r_[gaps, frames.size - 1]] + 1
  return tuple(zip(begins.tolist(), ends.tolist(), strict=True))


def fixation_pixels(
  xy: np.ndarray, original: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the rows and columns, int64 [f] each, of fixations in a map.

  A coordinate at the right or bottom edge belongs to the last column or row:
  799.99998 of 800 pixels is stored as 800, since records hold float32.

  Args:
    xy: [f, 2], pixels of the original, inside its frame.
    original: Height and width of the original.
    size: Height and width of the map.
  """
  pixels = np.floor(xy[:, ::-1].astype(np.float64) * size / original)
  rows, columns = np.clip(pixels.astype(np.int64), 0, np.array(size) - 1).T
  return rows, columns
