"""Figures as SVG for a page, with the numbers that it shows on hover."""

import io
import re
import warnings

import matplotlib
import numpy as np
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

_FORMAT = {'svg.fonttype': 'none', 'savefig.bbox': None}


def svg_of(figure: Figure, name: str) -> str:
  """Returns a figure as SVG whose text and black lines have the page's colour.

  Args:
    figure: The figure.
    name: A name for its identifiers, different for each figure of a page.
  """
  text = io.StringIO()
  with (
    matplotlib.rc_context(_FORMAT | {'svg.hashsalt': name}),
    # Browsers have the letters that Matplotlib's font lacks.
    warnings.catch_warnings(action='ignore', category=UserWarning),
  ):
    figure.savefig(
      text, format='svg', transparent=True, metadata={'Date': None}
    )
  svg = text.getvalue()
  svg = svg[svg.index('<svg') :]
  # The page sets the size; the metadata name programs and licences.
  svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
  svg = re.sub(r' (width|height)="[^"]*pt"', '', svg, count=2)
  return re.sub(r'(fill|stroke): #000000', r'\1: currentColor', svg)


def numbers_of(figure: Figure) -> list[dict]:
  """Returns the numbers of each axes that has lines, bars or histograms.

  Args:
    figure: The figure, which has been laid out.

  Returns:
    For each axes: box, its left, top, right and bottom edge as shares of the
    figure; range, the values of x at its left and right edge; labels of the
    ticks of bars, or []; and series, each with name, colour, x and y.
  """
  found = []
  for axes in figure.axes:
    series, labels = [], []
    for line in axes.get_lines():
      if not line.get_label().startswith('_'):
        series.append(_series(line, line.get_color(), *line.get_data()))
    for patch in axes.patches:
      if isinstance(patch, StepPatch):
        values, edges, _ = patch.get_data()
        middles = (edges[:-1] + edges[1:]) / 2
        series.append(_series(patch, patch.get_edgecolor(), middles, values))
    for bars in axes.containers:
      if isinstance(bars, BarContainer):
        labels = [text.get_text() for text in axes.get_xticklabels()]
        heights = [bar.get_height() for bar in bars]
        places = axes.get_xticks()
        series.append(_series(bars, bars[0].get_facecolor(), places, heights))
    if series:
      place = axes.get_position()
      found.append(
        {
          'box': [place.x0, 1 - place.y1, place.x1, 1 - place.y0],
          'range': list(map(float, axes.get_xlim())),
          'xlabel': axes.get_xlabel(),
          'labels': labels,
          'series': series,
        }
      )
  return found


def _series(artist, colour, x, y):
  return {
    'name': artist.get_label(),
    'colour': matplotlib.colors.to_hex(colour),
    'x': [_short(value) for value in np.asarray(x, np.float64).tolist()],
    'y': [_short(value) for value in np.asarray(y, np.float64).tolist()],
  }


def _short(value):
  """Returns a number with five digits; None for NaN and infinity."""
  return float(f'{value:.5g}') if np.isfinite(value) else None
