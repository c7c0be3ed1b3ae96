"""The style of figures, and their files."""

import contextlib
import pathlib
from collections.abc import Iterator

import matplotlib
import matplotlib.figure

WIDTH = 7.0  # Inches; the width of a page.
COLUMN = 3.4  # Inches; the width of one of two columns.
# Okabe and Ito: distinguishable by the colour-blind.
COLOURS = (
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#000000',
  '#999999',
)
_SETTINGS = {
  'font.size': 8,
  'axes.titlesize': 8,
  'axes.labelsize': 8,
  'legend.fontsize': 7,
  'xtick.labelsize': 7,
  'ytick.labelsize': 7,
  'axes.linewidth': 0.6,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'xtick.major.width': 0.6,
  'ytick.major.width': 0.6,
  'lines.linewidth': 1.2,
  'legend.frameon': False,
  'figure.dpi': 200,
  'pdf.fonttype': 42,  # Text that journals can search and embed.
  'savefig.bbox': 'tight',
  'savefig.pad_inches': 0.03,
}


@contextlib.contextmanager
def new_figure(
  width: float, height: float
) -> Iterator[matplotlib.figure.Figure]:
  """Yields an empty figure, sizes in inches; the style holds in the block."""
  with matplotlib.rc_context(_SETTINGS):
    yield matplotlib.figure.Figure(
      figsize=(width, height), layout='constrained'
    )


def save(figure: matplotlib.figure.Figure, stem: pathlib.Path) -> None:
  """Writes STEM.png and STEM.pdf, reproducibly."""
  with matplotlib.rc_context(_SETTINGS):
    figure.savefig(stem.with_suffix('.png'))
    figure.savefig(stem.with_suffix('.pdf'), metadata={'CreationDate': None})


def colour(number: int) -> str:
  """Returns the colour of a run; colours repeat after eight."""
  return COLOURS[number % len(COLOURS)]
