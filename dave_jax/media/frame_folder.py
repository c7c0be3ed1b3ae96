"""A video as a folder of numbered images and a WAV, or as a single image."""

import collections
import os
import pathlib
import re
from collections.abc import Iterator

import av
import numpy as np

from dave_jax.media.image_file import read_image
from dave_jax.media.picture import PictureMaker
from dave_jax.media.video import Frame, Reader, VideoInfo

IMAGE_SUFFIXES = (
  *('.avif', '.bmp', '.heic', '.heif', '.jpeg'),
  *('.jpg', '.png', '.tif', '.tiff', '.webp'),
)
_STILL_RATE = 25.0  # Frames per second of a single image, for its duration.


class FolderReader(Reader):
  """Iterates over images as `VideoReader` does over the frames of a file.

  Images are ordered by the last number in their names, and image i (from 0) is
  shown at i / rate. The sound is the only WAV in the folder. Hidden files, such
  as the ._NAME files of macOS, are ignored.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    *,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    start: float = 0.0,
    end: float | None = None,
    lead: int = 0,
  ):
    """Opens a folder, or a single image; see `media.source.open_source`."""
    path = pathlib.Path(path)
    if path.is_dir():
      self._images, strays, sounds = _sorted_content(path)
      rate = _rate_in(path) if rate is None else rate
    else:
      self._images, strays, sounds, rate = [path], [], [], _STILL_RATE
    if rate <= 0:
      raise ValueError(f'{path}: expected a rate above 0, got {rate}')
    images = (read_image(image, 'rgb') for image in self._images)
    first = next((image for image in images if image is not None), None)
    if first is None:
      raise ValueError(
        f'{path}: expected images ({", ".join(IMAGE_SUFFIXES)}), got '
        f'{len(self._images)} that cannot be decoded; convert them to PNG or '
        'JPEG'
      )
    h, w, _ = first.shape
    self.info = VideoInfo(
      path=os.fspath(path),
      width=w,
      height=h,
      rate=float(rate),
      duration=len(self._images) / rate,
      frames=len(self._images),
      start_time=0.0,
      codec=self._images[0].suffix[1:].lower(),
      rotation=0,
      video_stream=None,
      sound_path=os.fspath(sounds[0]) if sounds else None,
      audio_stream=0 if sounds else None,
    )
    self.problems = []
    self.counts = {}
    self._strays = strays
    self._size = size or (h, w)
    self._start, self._end, self._lead = start, end, lead

  def __iter__(self) -> Iterator[Frame]:
    times = np.arange(len(self._images)) / self.info.rate
    first = max(0, np.searchsorted(times, self._start) - self._lead)
    last = (
      len(times) if self._end is None else np.searchsorted(times, self._end)
    )
    picture = PictureMaker(self._size)
    counts = collections.Counter(stray_files=len(self._strays))
    if len(self._images) > 1:
      numbers = [_number(image) for image in self._images]
      counts['missing_numbers'] = numbers[-1] - numbers[0] + 1 - len(numbers)
    try:
      for index in range(first, last):
        image = read_image(self._images[index], 'rgb')
        if image is None:
          counts['damaged_frames'] += 1
          continue
        size = self.info.height, self.info.width
        counts['other_sizes'] += image.shape[:2] != size
        counts['frames'] += 1
        frame = av.VideoFrame.from_ndarray(image, format='rgb24')
        yield Frame(index, float(times[index]), picture(frame))
    finally:
      self._report(counts)

  def _report(self, counts):
    texts = {
      'damaged_frames': '{} images cannot be decoded; they are left out',
      'stray_files': '{} files are not numbered images: '
      + ', '.join(self._strays[:5]),
      'missing_numbers': '{} numbers are missing between the images, which are '
      'taken to follow each other without a gap',
      'other_sizes': '{} images differ in size from the first',
    }
    self.counts = {'frames': counts['frames']} | {k: counts[k] for k in texts}
    self.problems = [
      'video: ' + text.format(counts[key])
      for key, text in texts.items()
      if counts[key]
    ]


def _sorted_content(folder):
  """Returns (images by number, names of other files, sounds)."""
  images, strays, sounds = {}, [], []
  for path in sorted(folder.iterdir()):
    suffix = path.suffix.lower()
    if path.name.startswith('.'):
      continue
    if suffix == '.wav':
      sounds.append(path)
    elif suffix in IMAGE_SUFFIXES and _number(path) is not None:
      other = images.setdefault(_number(path), path)
      if other is not path:
        raise ValueError(
          f'{folder}: {other.name} and {path.name} have the same number; '
          'remove one'
        )
    else:
      strays.append(path.name)
  if not images:
    raise ValueError(
      f'{folder}: holds no numbered images ({", ".join(IMAGE_SUFFIXES)}); '
      'expected a video file, or a folder of frames such as 0000001.jpg'
    )
  if len(sounds) > 1:
    raise ValueError(
      f'{folder}: expected at most one sound, got '
      f'{", ".join(s.name for s in sounds)}; remove the others'
    )
  return [images[number] for number in sorted(images)], strays, sounds


def _number(path):
  numbers = re.findall(r'\d+', path.stem)
  return int(numbers[-1]) if numbers else None


def _rate_in(folder):
  match = re.search(r'_(\d+(?:\.\d+)?)$', folder.resolve().name)
  if match is None:
    raise ValueError(
      f'{folder}: its frame rate is unknown; give the rate, or end the name of '
      'the folder with it, such as clip_25'
    )
  return float(match[1])
