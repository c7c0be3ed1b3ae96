"""The page of a report: tables that sort, figures with numbers, players."""

import dataclasses
import pathlib
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from dave_jax.pages.render import readable, write_page
from dave_jax.report.hover import numbers_of, svg_of
from dave_jax.report.table import Table

PAGE = 'report.html'
_STYLES = ('uplot/uPlot.min.css', 'base.css', 'report.css')
_SCRIPTS = (
  'uplot/uPlot.iife.min.js',
  'data.js',
  'draw.js',
  'player.js',
  'curves.js',
  'sort.js',
  'hover.js',
  'clips.js',
)


_PIXELS_PER_INCH = 110  # Of figures, so that their text is as large as ours.


@dataclasses.dataclass(frozen=True)
class PageFigure:
  """A figure of the page.

  Attributes:
    title, caption: Plain text.
    file: The figure as PNG, beside the page.
    svg: The figure; None for one of maps, which is as large as its PNG.
    width: Largest width on the page, pixels.
    numbers: See `hover.numbers_of`.
  """

  title: str
  caption: str
  width: int
  file: str
  svg: Markup | None
  numbers: list[dict]


def page_figure(
  figure: Figure, name: str, title: str, caption: str
) -> PageFigure:
  """Returns a figure for the page.

  Args:
    figure: The figure.
    name: Its name, different for each figure of a report.
    title, caption: Plain text.
  """
  figure.draw_without_rendering()  # Lays it out.
  numbers = numbers_of(figure)
  # Matplotlib escapes the texts that it writes as SVG.
  svg = Markup(svg_of(figure, name)) if numbers else None
  width = round(_PIXELS_PER_INCH * figure.get_figwidth())
  return PageFigure(title, caption, width, f'{name}.png', svg, numbers)


def write_report_page(
  out: pathlib.Path,
  *,
  title: str,
  heading: Sequence[str],
  parts: Sequence[Table | PageFigure],
  skipped: Sequence[str],
  clips: dict | None,
) -> None:
  """Writes OUT/report.html.

  Args:
    out: Folder of the report.
    title: Title of the page.
    heading: What was compared, a sentence each.
    parts: Tables and figures, in order.
    skipped: What was not compared, and why.
    clips: See `clips.write_clips`.
  """
  write_page(
    out / PAGE,
    'report',
    title=readable(title),
    styles=_STYLES,
    scripts=_SCRIPTS,
    heading=heading,
    parts=[
      ('table', part, part.cells())
      if isinstance(part, Table)
      else ('figure', part, None)
      for part in parts
    ],
    skipped=skipped,
    data={'clips': clips},
  )
