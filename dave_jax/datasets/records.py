"""From a clip on disk to its records."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Iterator

import av
import cv2
import numpy as np
import simplejpeg

from dave_jax.datasets import schema
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  Picture,
  Source,
  SourceClip,
  SyntheticSource,
)
from dave_jax.media.audio import SAMPLE_RATE, load_waveform
from dave_jax.media.clock import LOG_MEL_RATE
from dave_jax.media.picture import PictureMaker
from dave_jax.media.source import open_source

# Where these are not 0, frames are lost and gaze no longer fits the rest.
_LOST_FRAMES = ('damaged_packets', 'damaged_frames', 'missing_numbers')
_JPEG_BEGIN, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_SHORT_SOUND = 0.1  # Seconds; codecs pad and cut by less.


@dataclasses.dataclass(frozen=True)
class Storage:
  """How records are stored.

  Attributes:
    frame_size: Height and width of frames.
    jpeg_quality: 1 to 100. At 95 a frame of 256 x 320 takes 30 kB and is 1.6
      grey levels off on average, at 90 21 kB and 2.0 (Big Buck Bunny).
  """

  frame_size: tuple[int, int] = (256, 320)
  jpeg_quality: int = 95

  def __post_init__(self):
    if min(self.frame_size) < 1 or not 1 <= self.jpeg_quality <= 100:
      raise ValueError(
        f'got frames of {self.frame_size} and JPEG quality '
        f'{self.jpeg_quality}, wanted at least 1 x 1 and 1 to 100'
      )


@dataclasses.dataclass(frozen=True)
class ClipContent:
  """A clip that was read; its frames are held as JPEG.

  Attributes:
    entry: The clip as it is listed, its first_record at 0.
    counts: What was found and what was left out.
    notes: What a person should know.
  """

  entry: schema.Clip
  counts: dict[str, float]
  notes: tuple[str, ...]
  _gaze: Gaze
  _jpegs: list[bytes]
  _times: np.ndarray
  _waveform: np.ndarray | None
  _fixations: Fixations  # Their `when` is a frame that is there.

  def records(self) -> Iterator[dict]:
    """Yields the records as `schema.features` says.

    Raises:
      ValueError, OSError: A density map cannot be read.
    """
    entry, gaze, fixations = self.entry, self._gaze, self._fixations
    frame = fixations.when.astype(np.int32)
    for first in range(0, entry.frames, schema.CHUNK_FRAMES):
      last = min(first + schema.CHUNK_FRAMES, entry.frames)
      times = self._times[first:last]
      rows = slice(*np.searchsorted(frame, [first, last]))
      boxes = slice(*np.searchsorted(gaze.sounding_frame, [first, last]))
      yield {
        'clip': entry.name,
        'source': entry.source,
        'category': entry.category,
        'first_frame': first,
        'clip_frames': entry.frames,
        'rate': entry.rate,
        'height': entry.height,
        'width': entry.width,
        'frames': self._jpegs[first:last],
        'times': times,
        'has_sound': entry.has_sound,
        **_sound_fields(self._waveform, times),
        'fixation_xy': fixations.xy[rows].astype(np.float32),
        'fixation_frame': frame[rows] - first,
        'fixation_viewer': fixations.viewer[rows],
        'density': _density_files(gaze.density, first, last),
        'sigma': gaze.sigma,
        'sounding_box': gaze.sounding_box[boxes],
        'sounding_frame': gaze.sounding_frame[boxes] - first,
      }


def read_clip(
  clip: SourceClip, source: Source, storage: Storage
) -> ClipContent:
  """Reads a clip and what people looked at in it; one made up is made first.

  Raises:
    ValueError, OSError: Something of it cannot be read, or is damaged so that
      frames are missing.
  """
  if isinstance(source, SyntheticSource):
    with tempfile.TemporaryDirectory() as folder:
      made = source.make(clip, pathlib.Path(folder), storage.frame_size)
      return _read(made, source, storage)
  return _read(clip, source, storage)


def _read(clip, source, storage):
  notes: list[str] = []
  waveform, begin = None, 0.0
  if clip.still:
    picture, jpegs, times = _still(clip, storage)
  else:
    picture, jpegs, times, info = _video(clip, storage, notes)
    waveform, begin = _sound(clip, info, notes)
  # Without sound, the first frame is at 0.
  shown = times - (times[0] if waveform is None else begin)
  gaze = source.gaze(clip, picture)
  if (gaze.height, gaze.width) != (picture.height, picture.width):
    notes.append(
      f'the picture has {picture.width} x {picture.height} pixels, gaze is in '
      f'{gaze.width} x {gaze.height}, which is kept'
    )
  counts = {'frames': len(jpegs), 'viewers': gaze.viewers, **gaze.counts}
  fixations = _placed(gaze, times - times[0], picture.rate, counts)
  _compare(gaze, shown, waveform, counts, notes)
  entry = schema.Clip(
    name=clip.name,
    source=clip.source,
    split=clip.split,
    category=clip.category,
    first_record=0,
    frames=len(jpegs),
    rate=picture.rate,
    height=gaze.height,
    width=gaze.width,
    has_sound=waveform is not None,
    viewers=gaze.viewers,
    fixations=len(fixations),
    fixated=schema.runs(fixations.when),
  )
  return ClipContent(
    entry,
    counts,
    (*notes, *gaze.notes),
    gaze,
    jpegs,
    shown,
    waveform,
    fixations,
  )


def read_image(path: os.PathLike) -> np.ndarray:
  """Returns an image as uint8 [h, w, 3], red, green, blue.

  Raises:
    ValueError: It does not decode, or was cut off.
    OSError: It cannot be read.
  """
  data = _whole_file(pathlib.Path(path))
  image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
  if image is None:
    raise ValueError(f'{path}: is no image; download it again')
  return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _still(clip, storage):
  image = read_image(clip.picture)
  h, w, _ = image.shape
  frame = av.VideoFrame.from_ndarray(image, format='rgb24')
  image = PictureMaker(storage.frame_size)(frame)
  return Picture(h, w, 0.0), [_jpeg(image, storage)], np.zeros(1)


def _video(clip, storage, notes):
  if clip.picture.is_dir():
    for path in clip.picture.glob('*.jp*g'):
      _whole_file(path)
  jpegs, times = [], []
  with open_source(
    clip.picture, size=storage.frame_size, rate=clip.rate
  ) as reader:
    for frame in reader:
      jpegs.append(_jpeg(frame.image, storage))
      times.append(frame.time)
    if any(reader.counts.get(key) for key in _LOST_FRAMES):
      raise ValueError(
        f'{clip.picture}: {"; ".join(reader.problems)}; gaze cannot be told to '
        'frames; download it again'
      )
    info = reader.info
  if not jpegs:
    raise ValueError(f'{clip.picture}: has no frames')
  notes += reader.problems
  picture = Picture(info.height, info.width, info.rate)
  return picture, jpegs, np.array(times), info


def _jpeg(image, storage):
  return simplejpeg.encode_jpeg(image, storage.jpeg_quality, 'RGB', '420')


def _sound(clip, info, notes):
  """Returns (waveform, second it begins), or (None, anything)."""
  if clip.silent:
    return None, 0.0
  path, stream = info.sound_path, info.audio_stream
  if clip.sound is not None:
    path, stream = clip.sound, None
  if path is None:
    return None, 0.0
  problems: list[str] = []
  loaded = load_waveform(path, stream, problems)
  notes += problems
  if loaded is None or not loaded[0].size:
    raise ValueError(f'{path}: holds no sound that decodes')
  waveform, begin = loaded
  # A file of its own begins with the first frame, whatever its clock says.
  return waveform, begin if clip.sound is None else info.start_time


def _placed(gaze, since_first, rate, counts):
  """Returns the fixations that are on a frame that is there, by frame."""
  fixations = gaze.fixations
  inside = fixations.inside(gaze.height, gaze.width)
  counts['off_frame'] = int((~inside).sum())
  fixations = fixations[inside]
  frame = fixations.when
  if fixations.timed:
    # A frame is shown until the next; time stamps are rounded.
    frame = np.searchsorted(since_first, fixations.when + 1e-3, 'right') - 1
    end = since_first[-1] + (1 / rate if rate else np.inf)
    frame = np.where(fixations.when < end, frame, len(since_first))
  there = (frame >= 0) & (frame < len(since_first))
  counts['without_a_frame'] = int((~there).sum())
  fixations = dataclasses.replace(fixations, when=frame, timed=False)[there]
  counts['fixations'] = len(fixations)
  return fixations[np.argsort(fixations.when, kind='stable')]


def _compare(gaze, shown, waveform, counts, notes):
  """Notes where picture, gaze and sound are not of one length."""
  frames = len(shown)
  if gaze.frames is not None and gaze.frames != frames:
    counts['frames_without_gaze'] = max(0, frames - gaze.frames)
    counts['gaze_without_frames'] = max(0, gaze.frames - frames)
    notes.append(
      f'{frames} frames of picture, {gaze.frames} of gaze; the first '
      f'{min(frames, gaze.frames)} are paired'
    )
  if waveform is not None:
    short = shown[-1] - len(waveform) / SAMPLE_RATE
    if short > _SHORT_SOUND:
      counts['seconds_without_sound'] = round(short, 3)
      notes.append(
        f'the sound ends {short:.2f} s before the last frame; silence there'
      )


def _sound_fields(waveform, times):
  if waveform is None:
    return {'waveform': np.zeros(0, np.float32), 'waveform_start': 0}
  step = schema.SAMPLES_PER_LOG_MEL_FRAME
  edges = np.array([times[0] - schema.MARGIN, times[-1] + schema.MARGIN])
  begin, end = (edges * LOG_MEL_RATE).astype(int)
  begin = min(max(0, begin), -(-len(waveform) // step)) * step
  return {
    'waveform': waveform[begin : max(0, end + 1) * step],
    'waveform_start': begin,
  }


def _density_files(paths, first, last):
  if not paths:
    return []
  held = [_whole_file(p) if p else b'' for p in paths[first:last]]
  return held + [b''] * (last - first - len(held))


def _whole_file(path):
  """Returns the bytes of an image; decoders fill a cut-off JPEG with grey."""
  data = path.read_bytes()
  if data[:2] == _JPEG_BEGIN and _JPEG_END not in data[-4096:]:
    raise ValueError(f'{path}: is cut off; download it again')
  if not data:
    raise ValueError(f'{path}: is empty; download it again')
  return data
