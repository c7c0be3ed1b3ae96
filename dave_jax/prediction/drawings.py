"""Drawings of a prediction: overlay videos, GIFs and stills."""

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from tqdm import tqdm

from dave_jax.media.drawing_style import Style
from dave_jax.media.frame_folder import IMAGE_SUFFIXES
from dave_jax.media.image_file import write_image
from dave_jax.media.overlay import OverlayWriter, draw
from dave_jax.media.video import VideoInfo
from dave_jax.prediction.maps import MapFiles

_GIF_WIDTH, _GIF_RATE = 480, 10.0  # Pixels; frames per second.


class GazePoints:
  """Fixations of a table, frame by frame.

  Attributes:
    notes: How the numbers of the table were read, where that was not told.
  """

  def __init__(self, table: str, video: str | os.PathLike, info: VideoInfo):
    """Reads the rows of one video.

    Args:
      table: A table with the columns name, frame or time, x and y; see
        `datasets.fixation_table`.
      video: The video, whose name the rows have, with or without suffix.
      info: Description of the video.

    Raises:
      ValueError: It is no such table, or has no rows of the video.
      OSError: It cannot be read.
    """
    # Data sets import TensorFlow Datasets, which takes seconds.
    from dave_jax.datasets.fixation_table import Units, read_fixations
    from dave_jax.datasets.source import Picture

    path = pathlib.Path(video)
    still = path.suffix.lower() in IMAGE_SUFFIXES
    picture = Picture(
      info.height,
      info.width,
      0.0 if still else info.rate,
      0.0 if still else info.duration or 0.0,
    )
    rows = read_fixations(pathlib.Path(table), Units())
    names = {unicodedata.normalize('NFC', n) for n in (path.name, path.stem)}
    found = [n for n in rows.rows if unicodedata.normalize('NFC', n) in names]
    self._fixations, _, _, self.notes = rows.gaze(found, picture, Units())
    self._info = info
    if not len(self._fixations):
      raise ValueError(
        f'{table}: expected fixations of {path.name}, got names such as '
        f'{", ".join(list(rows.rows)[:3])}; name the video as in the table'
      )

  def at(self, index: int, time: float) -> np.ndarray:
    """Returns the fixations [n, 2] (x, y) during a frame.

    Args:
      index: Index of the frame, from 0.
      time: When it is shown, on the clock of the file.
    """
    fixations, step = self._fixations, 1 / self._info.rate
    if not fixations.timed and fixations.duration is None:
      return fixations.xy[fixations.when == index]
    begin, now = fixations.when, time - self._info.start_time
    if not fixations.timed:
      begin, now = begin * step, index * step
    end = begin if fixations.duration is None else begin + fixations.duration
    # Time stamps are rounded by up to a millisecond.
    return fixations.xy[(begin < now + step - 1e-3) & (end > now - 1e-3)]


@dataclasses.dataclass(frozen=True)
class Drawings:
  """Draws the maps of a video.

  Attributes:
    folder: Where the results are written.
    open: Returns a reader of the frames in their full size.
    files: The maps.
    predicted: Indices of the frames that have a map.
    style: How saliency is drawn.
    gaze: Whose gaze is drawn; None draws none.
    info: Description of the video, with the sound for the overlay.
    audio_stream: Index of the stream of sound; None is that of `info`.
    sound_start: Second on the clock of the video at which the sound's own clock
      is at 0.
    progress: Advances by one for each frame.
  """

  folder: pathlib.Path
  open: Callable
  files: MapFiles
  predicted: frozenset[int]
  style: Style
  gaze: GazePoints | None
  info: VideoInfo
  audio_stream: int | None
  sound_start: float
  progress: tqdm

  def write(self, drawing: str) -> list[str]:
    """Writes 'overlay' (MP4), 'gif' or 'stills' (PNG); returns problems.

    'video' writes video.mp4, as the overlay but with nothing drawn over it.

    Raises:
      ValueError, OSError, av.error.FFmpegError: It could not be written.
    """
    if drawing == 'stills':
      for index, _, picture in self._pictures():
        if index in self.predicted:
          write_image(self.folder / 'stills' / f'{index + 1:06d}.png', picture)
      return []
    suffix = 'gif' if drawing == 'gif' else 'mp4'
    stem = 'video' if drawing == 'video' else 'overlay'
    writer = OverlayWriter(
      self.folder / f'{stem}.{suffix}',
      self.info,
      audio_stream=self.audio_stream,
      sound_start=self.sound_start,
    )
    due = -np.inf
    with writer:
      for _, time, picture in self._pictures(plain=drawing == 'video'):
        if drawing == 'gif':
          if time < due:
            continue
          due = time + 1 / _GIF_RATE - 1e-3
          writer.write(_shrunk(picture), time)
        else:
          writer.write(picture, time)
    return writer.problems

  def _pictures(
    self, plain: bool = False
  ) -> Iterator[tuple[int, float, np.ndarray]]:
    """Yields (index, time, picture); frames without a map keep the last."""
    saliency, begun = None, False
    with self.open() as reader:
      self.progress.reset(reader.info.frames)
      for frame in reader:
        if frame.index in self.predicted:
          begun = True
          saliency = None if plain else self.files.read(frame.index)
        if plain and begun:
          yield frame.index, frame.time, frame.image
        elif begun:
          points = self.gaze and self.gaze.at(frame.index, frame.time)
          yield (
            frame.index,
            frame.time,
            draw(frame.image, saliency, self.style, points),
          )
        self.progress.update()


def _shrunk(picture):
  h, w, _ = picture.shape
  if w <= _GIF_WIDTH:
    return picture
  size = _GIF_WIDTH, round(h * _GIF_WIDTH / w)
  return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
