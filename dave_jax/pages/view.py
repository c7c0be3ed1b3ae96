"""The page of a prediction: the video with its maps, and curves under it."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from dave_jax.files import write_json
from dave_jax.media.areas import Area
from dave_jax.media.drawing_style import Style
from dave_jax.pages.pieces import write_data, write_maps
from dave_jax.pages.render import as_base64, colormaps, write_page

VIEW = 'view.html'
ABOUT = 'view/about.json'  # What the list of predictions shows.
_STYLES = ('uplot/uPlot.min.css', 'base.css', 'view.css')
_SCRIPTS = (
  'uplot/uPlot.iife.min.js',
  'data.js',
  'draw.js',
  'player.js',
  'curves.js',
  'areas.js',
  'view.js',
)
# (column, title, unit, digits) of each chart, if the column is there.
_CURVES = (
  ('entropy', 'Focus: entropy of the map', 'bits', 2),
  ('sound_effect', 'Share of attention that the sound moves', '', 3),
  ('entropy_change', 'Entropy with sound minus without', 'bits', 3),
  ('peak_shift', 'Movement of the peak', 'px', 1),
  ('loudness', 'Loudness', 'dB', 1),
)
_NUMBERS = ('frame', 'time', 'peak_x', 'peak_y')


@dataclasses.dataclass(frozen=True)
class Source:
  """A video file that a page may show.

  Attributes:
    url: Its URL, relative to the page.
    start: Second of the clip at which the file begins.
    drawn: Whether saliency is drawn in it.
  """

  url: str
  start: float
  drawn: bool


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What the page of a prediction shows.

  Attributes:
    title: Name of the video, plain text.
    clip: Name that saved areas of interest carry.
    size: Height and width of the video.
    rate: Frames per second.
    model: Short description of the network.
    sources: Files to play, best first; the page takes the first that plays.
    muted: Whether the network heard nothing.
    maps: [n, h, w], not negative, in the order of time.
    silent: The maps of the same frames without sound; None if unknown.
    table: Columns of `frames.csv`, [n] each; 'time' and those of `_NUMBERS`
      and `_CURVES`.
    areas: Areas of interest.
    shares: Share of the maps in each area, [n, areas].
    style: How maps are drawn at first.
    problems: Problems found in the video.
  """

  title: str
  clip: str
  size: tuple[int, int]
  rate: float
  model: str
  sources: Sequence[Source]
  muted: bool
  maps: np.ndarray
  silent: np.ndarray | None
  table: dict[str, np.ndarray]
  areas: Sequence[Area]
  shares: np.ndarray
  style: Style
  problems: Sequence[str]


def write_view(folder: pathlib.Path, shown: Prediction) -> None:
  """Writes FOLDER/view.html, and its data into FOLDER/view/."""
  h, w = shown.size
  curves = [curve for curve in _CURVES if curve[0] in shown.table]
  columns = {
    name: as_base64(shown.table[name].astype(np.float32))
    for name in (*_NUMBERS, *(curve[0] for curve in curves))
  }
  columns['time'] = as_base64(shown.table['time'].astype(np.float64))
  for number, share in enumerate(shown.shares.T):
    columns[f'share_{number}'] = as_base64(share.astype(np.float32))
  write_data(folder, 'view/curves', columns)
  silent = None
  if shown.silent is not None:
    silent = write_maps(folder, 'view/silent', shown.silent)
  data = {
    'clip': shown.clip,
    'size': {'width': w, 'height': h},
    'rate': shown.rate,
    'sources': [dataclasses.asdict(source) for source in shown.sources],
    'muted': shown.muted,
    'maps': write_maps(folder, 'view/maps', shown.maps),
    'silent': silent,
    'colormaps': colormaps(),
    'curves': [
      {'name': name, 'title': title, 'unit': unit, 'digits': digits}
      for name, title, unit, digits in curves
    ],
    'areas': [
      dict(zip(('x0', 'y0', 'x1', 'y1'), area.box, strict=True))
      | {'name': area.name or f'area {number}'}
      for number, area in enumerate(shown.areas, 1)
    ],
  }
  write_page(
    folder / VIEW,
    'view',
    title=shown.title,
    styles=_STYLES,
    scripts=_SCRIPTS,
    data=data,
    model=shown.model,
    problems=shown.problems,
    colormap=shown.style.colormap,
    opacity=shown.style.opacity,
  )
  entropy = shown.table['entropy']
  known = entropy[~np.isnan(entropy)]
  times = shown.table['time']
  write_json(
    folder / ABOUT,
    {
      'title': shown.title,
      'seconds': float(times[-1] - times[0]) + 1 / shown.rate,
      'maps': len(shown.maps),
      'entropy': float(known.mean()) if len(known) else None,
      'problems': len(shown.problems),
    },
  )
