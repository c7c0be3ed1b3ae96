"""What is made of the maps of a video: numbers, drawings and the page."""

import dataclasses
import pathlib
import shutil
from collections.abc import Callable, Sequence

import av
import numpy as np
from tqdm import tqdm

from dave_jax.media.areas import Area
from dave_jax.media.audio import Sound
from dave_jax.media.video import VideoInfo
from dave_jax.prediction.drawings import Drawings, GazePoints
from dave_jax.prediction.frame_table import Screen, write_numbers
from dave_jax.prediction.maps import MapFiles
from dave_jax.prediction.page import write_page
from dave_jax.prediction.settings import DRAWINGS, PAGE, Settings


@dataclasses.dataclass(frozen=True)
class Results:
  """Writes what is made of the maps of a video.

  Attributes:
    video: The video.
    folder: Where the results are written.
    settings: What to write, and how.
    info: Description of the video.
    open: Returns a reader of the frames in their full size.
    files: The maps as users get them.
    rows: The rows of the manifest, in the order of time.
    gaze: Whose gaze is drawn; None draws none.
    areas: Areas of interest.
    progress: Advances by one for each frame.
  """

  video: str
  folder: pathlib.Path
  settings: Settings
  info: VideoInfo
  open: Callable
  files: MapFiles
  rows: Sequence[dict]
  gaze: GazePoints | None
  areas: Sequence[Area]
  progress: tqdm

  def write(
    self,
    maps: np.ndarray,
    *,
    silent: np.ndarray | None,
    sound: Sound | None,
    model: str,
    problems: Sequence[str],
  ) -> tuple[list[str], list[str]]:
    """Writes all results but the manifest.

    Args:
      maps: As the network computes them, [n, h, w], in the order of the rows.
      silent: The same without sound; None if unknown.
      sound: What the network heard; None for silence.
      model: Short description of the network, for the page.
      problems: Problems with the video so far, for the page.

    Returns:
      New problems, and what could not be written, each as text.
    """
    screen = Screen(
      self.info.width, self.info.height, self.settings.pixels_per_degree
    )
    table = write_numbers(
      self.folder,
      self.rows,
      maps,
      screen=screen,
      areas=self.areas,
      sound=sound,
      silent=silent,
    )
    drawings = self._drawings()
    tasks = {name: lambda name=name: drawings.write(name) for name in DRAWINGS}
    found, failures = [], []
    tasks[PAGE] = lambda: write_page(
      self.video,
      drawings=drawings,
      settings=self.settings,
      model=model,
      table=table,
      maps=maps,
      silent=silent,
      areas=self.areas,
      problems=[*problems, *found, *failures],
    )
    for name, task in tasks.items():
      if name in self.settings.formats:
        video = pathlib.Path(self.video).name
        self.progress.set_description(f'{video}, {name}')
        try:
          found += task()
        except (ValueError, OSError, av.error.FFmpegError) as error:
          failures.append(f'{name}: could not be written ({error})')
    self._keep_maps(failed=bool(failures))
    return found, failures

  def _drawings(self):
    settings, info = self.settings, self.info
    sound_start = 0.0
    if settings.sound == 'none':
      info = dataclasses.replace(info, sound_path=None)
    elif settings.sound != 'own':
      sound_start = info.start_time
      info = dataclasses.replace(
        info, sound_path=settings.sound, audio_stream=None
      )
    return Drawings(
      folder=self.folder,
      open=self.open,
      files=self.files,
      predicted=frozenset(row['frame'] - 1 for row in self.rows),
      style=settings.style,
      gaze=self.gaze,
      info=info,
      audio_stream=settings.audio_stream,
      sound_start=sound_start,
      progress=self.progress,
    )

  def _keep_maps(self, *, failed):
    """Brings the maps into the form that stays."""
    if self.files.joined is not None:
      self.files.collect(self.rows, rate=self.info.rate)
    # Without their drawing the maps stay, so that nothing computed is lost.
    unwanted = self.settings.map_format is None and not failed
    if self.files.joined is not None or unwanted:
      shutil.rmtree(self.files.parts)
