"""The record format that every data set is stored in: chunks of 16 frames.

Record k of a clip holds its frames 16 k to 16 k + 15 (the last record may hold
fewer), and records of a clip are stored in order, so that a window of 16 frames
touches at most two adjacent records. A still image is a clip of one frame
without sound. The list of clips and of their fixated frames is stored beside
the records (`Clip`), so that windows can be chosen without reading any record.

Coordinates are pixels of the original size, `width` x `height`: x from 0 at the
left edge to `width` at the right, y from 0 at the top; pixel column i is
i <= x < i + 1, and the column in a map of width W is floor(x W / width).
Sources that only have maps of fixated pixels give pixel centres, i + 0.5.

Times are seconds on the axis of the clip's sound, whose sample 0 is at time 0
(the first frame may be slightly off 0), as `media.clock` expects. Without sound
the first frame is at 0.
"""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from dave_jax.media import audio, clock

CHUNK_FRAMES = 16
# Seconds of sound kept on either side of a chunk's frames. 'exact' examples
# reach 0.675 s past a frame (half a step of rounding, 64 steps of 10 ms, the
# analysis window), 'causal' ones 0.67 s before it. 'reference' drifts by
# seconds and needs the file instead of records.
MARGIN = 0.75
POOLED = -1  # Viewer number of fixations whose viewer is unknown.
# How gaze was recorded: {kind: its name in reports}.
GAZE_KINDS = {
  'eye': 'eye tracking',
  'mouse': 'mouse tracking',
  'simulated': 'simulated gaze',
}
SAMPLES_PER_LOG_MEL_FRAME = audio.SAMPLE_RATE // clock.LOG_MEL_RATE


def features() -> tfds.features.FeaturesDict:
  """Returns the features of a record; n frames, s samples, f fixations.

  Text is read back as UTF-8 bytes, lists as lists of bytes, the rest as NumPy.

  - clip: name of the clip, unique in its data set.
  - source: the set it comes from, such as 'diem' or 'osie'.
  - category: the source's category, such as 'Nature'; '' if it has none.
  - gaze_kind: how gaze was recorded, one of `GAZE_KINDS`.
  - first_frame: number, in the clip, of the record's first frame; a multiple
    of 16.
  - clip_frames: number of frames of the whole clip.
  - rate: mean frames per second; 0 for a still image.
  - height, width: pixels of the original, the unit of fixations, boxes and
    `sigma`.
  - frames: n JPEG files, RGB, all resized, without keeping the aspect ratio, to
    the frame size of the data set (256 x 320 by default).
  - times: [n], presentation time of each frame, in seconds on the sound's axis.
  - has_sound: whether the clip has sound.
  - waveform: [s], mono, 16 kHz, -1 to 1; the clip's sound from `MARGIN` before
    the first frame to `MARGIN` after the last, within the sound's extent (
    `media.clock` pads with silence). Empty without sound.
  - waveform_start: index, in the clip's sound, of the first sample; a multiple
    of 160, so that log-mel frame 0 of `waveform` equals log-mel frame
    waveform_start // 160 of the whole sound.
  - fixation_xy: [f, 2], x and y inside the frame, sorted by frame.
  - fixation_frame: [f], frame within the record, 0 to n - 1.
  - fixation_viewer: [f], number of the viewer in the clip, or `POOLED` (-1).
  - density: n image files, the density maps that the source publishes (any
    size, 8 bit grey), b'' for a frame without; an empty list if the source has
    none.
  - sigma: standard deviation, in pixels, of the Gaussian that fixations are
    blurred with where there is no density map; 0 if unknown.
  - sounding_box: [k, 4], left, top, right, bottom of each visible sound source,
    where known.
  - sounding_frame: [k], frame of each box within the record.
  """
  make = tfds.features
  text = make.Text

  def array(dtype, *shape):
    # The default encoding is slow and stores float64 as float32.
    return make.Tensor(shape=(None, *shape), dtype=dtype, encoding='bytes')

  return make.FeaturesDict(
    {
      'clip': text(),
      'source': text(),
      'category': text(),
      'gaze_kind': text(),
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
  """The entry of a clip in the list that is stored beside the records.

  Attributes:
    name, source, category, frames, rate, height, width, has_sound: As in the
      records; `frames` is their `clip_frames`.
    split: Split of its records.
    first_record: Index of its first record in that split.
    viewers: Number of viewers; 0 if the source does not identify them.
    fixations: Number of fixations in its records.
    fixated: (begin, end) of each run of frames that have a fixation.
    gaze_kind: As in the records; builds of earlier versions hold eye tracking.
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
  gaze_kind: str = 'eye'

  @property
  def records(self) -> int:
    """Number of records of the clip."""
    return -(-self.frames // CHUNK_FRAMES)

  def record_of(self, frame: int) -> tuple[int, int]:
    """Returns (index of the record in the split, frame within it)."""
    chunk, place = divmod(frame, CHUNK_FRAMES)
    return self.first_record + chunk, place

  def fixated_frames(self) -> np.ndarray:
    """Returns the frames that have a fixation, ascending."""
    runs = [np.arange(begin, end) for begin, end in self.fixated]
    return np.concatenate([np.zeros(0, np.int64), *runs])


def runs(frames) -> tuple[tuple[int, int], ...]:
  """Returns (begin, end) of each run of consecutive frames, in order."""
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
