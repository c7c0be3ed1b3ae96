"""The page of a prediction: which video it plays, its thumbnail, its data."""

import pathlib

import numpy as np

from dave_jax.media.areas import Area, shares
from dave_jax.media.image_file import write_image
from dave_jax.media.overlay import draw
from dave_jax.media.source import open_source
from dave_jax.pages import view
from dave_jax.pages.render import readable, url_of
from dave_jax.pages.sources import browsers_play
from dave_jax.prediction.drawings import Drawings
from dave_jax.prediction.settings import Settings

_THUMBNAIL = 320  # Pixels, its width.
THUMBNAIL = 'view/thumbnail.jpg'


def write_page(
  video: str,
  *,
  drawings: Drawings,
  settings: Settings,
  model: str,
  table: dict[str, np.ndarray],
  maps: np.ndarray,
  silent: np.ndarray | None,
  areas: list[Area],
  problems: list[str],
) -> list[str]:
  """Writes view.html and what it needs; returns problems.

  Args:
    video: The video.
    drawings: Writes a copy of the video, if browsers do not play it.
    settings: Settings of the prediction.
    model: Short description of the network.
    table: See `frame_table.measure`, with frame and time.
    maps, silent: [n, h, w] of the frames of the table, with the sound and
      without; None if unknown.
    areas: Areas of interest.
    problems: Problems found in the video, which the page shows.

  Raises:
    ValueError, OSError, av.error.FFmpegError: It could not be written.
  """
  folder, info = drawings.folder, drawings.info
  found, sources = [], []
  begin = float(table['time'][0])
  # A browser plays the file's own sound.
  as_heard = settings.sound in ('own', 'none') and settings.audio_stream is None
  if as_heard and browsers_play(video, info):
    sources.append(view.Source(url_of(video, folder), 0.0, False))
  else:
    found += drawings.write('video')
    sources.append(view.Source('./video.mp4', begin, False))
  if (folder / 'overlay.mp4').exists() and settings.style.style != (
    'side_by_side'
  ):
    sources.append(view.Source('./overlay.mp4', begin, True))
  _write_thumbnail(folder, video, info, settings, table['time'], maps)
  size = info.height, info.width
  path = pathlib.Path(video)
  view.write_view(
    folder,
    view.Prediction(
      title=readable(path.name),
      clip=readable(path.name if path.is_dir() else path.stem),
      size=size,
      rate=info.rate,
      model=model,
      sources=sources,
      muted=settings.sound == 'none',
      maps=maps,
      silent=silent,
      table=table,
      areas=areas,
      shares=shares(areas, maps, size),
      style=settings.style,
      problems=[*problems, *found],
    ),
  )
  return found


def _write_thumbnail(folder, video, info, settings, times, maps):
  """Writes the frame in the middle, small, with its map drawn over it."""
  middle = len(times) // 2
  height = max(2, round(info.height * _THUMBNAIL / info.width))
  with open_source(
    video,
    size=(height, _THUMBNAIL),
    start=max(0.0, float(times[middle]) - 1e-3),
    stream=settings.video_stream,
    rate=settings.rate,
  ) as reader:
    frame = next(iter(reader), None)
  if frame is not None:
    picture = draw(frame.image, maps[middle], settings.style)
    write_image(folder / THUMBNAIL, picture)
