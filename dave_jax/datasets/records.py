"""Reads a clip and its gaze, and turns them into records."""

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import av
import numpy as np
import simplejpeg

from dave_jax.datasets import pairing, schema
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  Picture,
  Source,
  SourceClip,
  SyntheticSource,
  files_in,
)
from dave_jax.media.audio import SAMPLE_RATE, load_waveform
from dave_jax.media.clock import LOG_MEL_RATE
from dave_jax.media.image_file import image_bytes, read_complete_image
from dave_jax.media.picture import PictureMaker
from dave_jax.media.source import open_source

# Counts of a reader that are not 0 if frames were lost, after which frame
# numbers of the gaze no longer match the video.
_LOST_FRAMES = ('damaged_packets', 'damaged_frames', 'missing_numbers')
_SHORT_SOUND = 0.1  # Seconds; codecs pad and cut by less.
_SAME_RATE = 0.01  # Share by which a stated frame rate may be off.


@dataclasses.dataclass(frozen=True)
class Storage:
  """How records are stored.

  Attributes:
    frame_size: Height and width of frames.
    jpeg_quality: 1 to 100. At 95, a frame of 256 x 320 takes 30 kB and differs
      by 1.6 grey levels on average; at 90, 21 kB and 2.0 (Big Buck Bunny).
  """

  frame_size: tuple[int, int] = (256, 320)
  jpeg_quality: int = 95

  def __post_init__(self):
    if min(self.frame_size) < 1 or not 1 <= self.jpeg_quality <= 100:
      raise ValueError(
        'expected frames of at least 1 x 1 pixels and a JPEG quality of 1 to '
        f'100, got {self.frame_size} and {self.jpeg_quality}'
      )


@dataclasses.dataclass(frozen=True)
class ClipContent:
  """A clip that has been read; frames are held as JPEG.

  Attributes:
    entry: The clip's entry, with first_record 0.
    counts: Numbers of what was found and what was left out.
    notes: Remarks for the report of the build.
  """

  entry: schema.Clip
  counts: dict[str, float]
  notes: tuple[str, ...]
  _gaze: Gaze
  _jpegs: list[bytes]
  _times: np.ndarray
  _waveform: np.ndarray | None
  _fixations: Fixations  # `when` is the number of an existing frame.

  def records(self) -> Iterator[dict]:
    """Yields the records as `schema.features` defines them.

    Raises:
      ValueError, OSError: A density map cannot be read.
    """
    entry, gaze, fixations = self.entry, self._gaze, self._fixations
    frame = fixations.when.astype(np.int32)
    # Rounding to float32 may move a coordinate onto the right or bottom edge.
    size = np.array([entry.width, entry.height], np.float32)
    xy = np.minimum(fixations.xy.astype(np.float32), np.nextafter(size, 0))
    for first in range(0, entry.frames, schema.CHUNK_FRAMES):
      last = min(first + schema.CHUNK_FRAMES, entry.frames)
      times = self._times[first:last]
      rows = slice(*np.searchsorted(frame, [first, last]))
      boxes = slice(*np.searchsorted(gaze.sounding_frame, [first, last]))
      yield {
        'clip': entry.name,
        'source': entry.source,
        'category': entry.category,
        'gaze_kind': entry.gaze_kind,
        'first_frame': first,
        'clip_frames': entry.frames,
        'rate': entry.rate,
        'height': entry.height,
        'width': entry.width,
        'frames': self._jpegs[first:last],
        'times': times,
        'has_sound': entry.has_sound,
        **_sound_fields(self._waveform, times),
        'fixation_xy': xy[rows],
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
  """Reads a clip and its gaze; a synthetic clip is generated first.

  Raises:
    ValueError, OSError: A part cannot be read, is damaged so that frames are
      missing, or has gaze of which nothing falls on the clip.
  """
  if isinstance(source, SyntheticSource):
    with tempfile.TemporaryDirectory() as folder:
      made = source.make(clip, pathlib.Path(folder), storage.frame_size)
      return _read(made, source, storage)
  return _read(clip, source, storage)


def _read(clip, source, storage):
  notes = list(clip.notes)
  waveform, begin = None, 0.0
  if clip.still:
    picture, jpegs, times = _still(clip, storage)
  else:
    picture, jpegs, times, reader = _video(clip, storage, notes)
    waveform, begin = _sound(clip, reader.info, notes)
  # Without sound, the first frame is at 0.
  shown = times - (times[0] if waveform is None else begin)
  gaze = source.gaze(clip, picture)
  notes += gaze.notes
  if (gaze.height, gaze.width) != (picture.height, picture.width):
    notes.append(
      f'the picture has {picture.width} x {picture.height} pixels, gaze is in '
      f'{gaze.width} x {gaze.height}, which is kept'
    )
  if not (clip.still or gaze.fixations.timed) and len(gaze.fixations):
    pairing.refuse_holes(clip, reader.counts, picture.rate)
  counts = {'frames': len(jpegs), 'viewers': gaze.viewers, **gaze.counts}
  fixations = pairing.pair(gaze, times - times[0], picture, counts)
  if not len(fixations):
    pairing.refuse_lost_gaze(clip, gaze, picture, counts)
  if waveform is None and not (clip.still or clip.silent):
    counts['without_sound'] = 1
    notes.append('no sound; the network is given silence')
  _compare_lengths(gaze, shown, waveform, counts, notes)
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
    gaze_kind=clip.gaze_kind,
  )
  return ClipContent(
    entry, counts, tuple(notes), gaze, jpegs, shown, waveform, fixations
  )


def _still(clip, storage):
  image = read_complete_image(clip.picture, 'rgb')
  h, w, _ = image.shape
  frame = av.VideoFrame.from_ndarray(image, format='rgb24')
  image = PictureMaker(storage.frame_size)(frame)
  return Picture(h, w, 0.0), [_jpeg(image, storage)], np.zeros(1)


def _video(clip, storage, notes):
  if clip.picture.is_dir():
    for path in files_in(clip.picture, ('.jpg', '.jpeg')):
      image_bytes(path)
  jpegs, times = [], []
  with open_source(
    clip.picture, size=storage.frame_size, rate=clip.rate
  ) as reader:
    for frame in reader:
      jpegs.append(_jpeg(frame.image, storage))
      times.append(frame.time)
    if any(reader.counts.get(key) for key in _LOST_FRAMES):
      raise ValueError(
        f'{clip.picture}: {"; ".join(reader.problems)}; gaze cannot be matched '
        'to frames; download the file again'
      )
  if not jpegs:
    raise ValueError(f'{clip.picture}: expected frames, got none')
  notes += reader.problems
  times = np.array(times)
  info = reader.info
  rate = _measured_rate(times, info.rate, notes)
  duration = times[-1] - times[0] + 1 / rate
  picture = Picture(info.height, info.width, rate, duration)
  return picture, jpegs, times, reader


def _measured_rate(times, stated, notes):
  """Returns the stated rate unless the usual step contradicts it."""
  steps = np.diff(times)
  if not steps.size:
    return stated
  measured = 1 / steps[steps <= 1.5 * np.median(steps)].mean()
  if abs(measured / stated - 1) <= _SAME_RATE:
    return stated
  notes.append(
    f'the file states {stated:g} frames per second, its time stamps have '
    f'{measured:.3f}, which is used'
  )
  return measured


def _jpeg(image, storage):
  return simplejpeg.encode_jpeg(image, storage.jpeg_quality, 'RGB', '420')


def _sound(clip, info, notes):
  """Returns (waveform, second it begins), or (None, 0.0) without sound."""
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
    raise ValueError(f'{path}: expected sound, got none that decodes')
  waveform, begin = loaded
  # A separate file begins with the first frame, whatever its time stamps are.
  return waveform, begin if clip.sound is None else info.start_time


def _compare_lengths(gaze, shown, waveform, counts, notes):
  """Notes differences between the lengths of picture, gaze and sound."""
  frames = len(shown)
  if gaze.frames is not None and gaze.frames != frames:
    counts['frames_without_gaze'] = max(0, frames - gaze.frames)
    counts['gaze_without_frames'] = max(0, gaze.frames - frames)
    notes.append(
      f'{frames} frames of video, {gaze.frames} of gaze; the first '
      f'{min(frames, gaze.frames)} are paired'
    )
  if gaze.density and len(gaze.density) != frames:
    counts['frames_without_density'] = max(0, frames - len(gaze.density))
    counts['density_without_frames'] = max(0, len(gaze.density) - frames)
    notes.append(
      f'{frames} frames of video, {len(gaze.density)} density maps; the first '
      f'{min(frames, len(gaze.density))} are paired'
    )
  if waveform is not None:
    short = shown[-1] - len(waveform) / SAMPLE_RATE
    if short > _SHORT_SOUND:
      counts['seconds_without_sound'] = round(short, 3)
      notes.append(
        f'the sound ends {short:.2f} s before the last frame; padded with '
        'silence'
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


def _density_files(maps, first, last):
  if not maps:
    return []
  files = [
    image_bytes(density) if isinstance(density, pathlib.Path) else density
    for density in maps[first:last]
  ]
  files = [file or b'' for file in files]
  return files + [b''] * (last - first - len(files))
