"""The style of figures, and their files."""

import contextlib
import pathlib
from collections.abc import Iterator

import matplotlib
import matplotlib.figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from dave_jax import fonts

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
  'text.parse_math': False,  # Names may hold dollar signs.
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


def save(
  figure: matplotlib.figure.Figure,
  stem: pathlib.Path,
  numbers: dict[str, int],
) -> list[str]:
  """Writes STEM.png and STEM.pdf, reproducibly.

  Words with letters that the default font lacks are drawn in an installed font
  that has them; without one, as a number in brackets.

  Args:
    figure: The figure.
    stem: Path of the files without suffix.
    numbers: {word: its number}, shared by the figures of a report; words are
      added.

  Returns:
    The words that were replaced by their numbers.
  """
  replaced: dict[str, None] = {}

  def readable(text):
    """Returns a text that can be drawn, and the fonts to draw it with."""
    missing = fonts.missing_letters(text)
    font = fonts.fallback(missing) if missing else None
    if font is not None:
      return text, [fonts.DEFAULT, font.name]
    words = [word.strip(',:') for word in text.split()] if missing else ()
    for word in words:
      if fonts.missing_letters(word):
        number = numbers.setdefault(word, len(numbers) + 1)
        replaced[word] = None
        text = text.replace(word, f'[{number}]')
    return text, [fonts.DEFAULT]

  with matplotlib.rc_context(_SETTINGS):
    for axes in figure.findobj(matplotlib.axes.Axes):
      if isinstance(axes.xaxis.get_major_locator(), FixedLocator):
        # Texts of ticks are made anew from their labels when drawn.
        labels = [readable(t.get_text())[0] for t in axes.get_xticklabels()]
        axes.set_xticks(axes.get_xticks(), labels)
    for text in figure.findobj(Text):
      content, family = readable(text.get_text())
      text.set_text(content)
      text.set_fontfamily(family)
    figure.savefig(stem.with_suffix('.png'))
    figure.set_layout_engine('none')  # Keeps the layout.
    figure.savefig(stem.with_suffix('.pdf'), metadata={'CreationDate': None})
  return list(replaced)


def colour(number: int) -> str:
  """Returns the colour of a run; colours repeat after eight."""
  return COLOURS[number % len(COLOURS)]
