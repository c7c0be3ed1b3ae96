"""A table as Markdown, LaTeX and CSV."""

import csv
import dataclasses
import io
import itertools
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

_SPECIAL = str.maketrans(
  {c: f'\\{c}' for c in '&%$#_{}'}
  | {
    '~': r'\textasciitilde{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '^': r'\textasciicircum{}',
    '\\': r'\textbackslash{}',
  }
)


# Letters and accents that pdfLaTeX sets without further packages.
_LATEX_LETTERS = frozenset('ßæœøłÆŒØŁ\u2013\u2014\u2018\u2019\u201c\u201d')
_ACCENTS = frozenset(
  '\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327'
)
_LATEX_NAME = r"""% XeLaTeX and LuaLaTeX set names in other scripts with a
% font that has their letters; pdfLaTeX sets a number for each instead:
\protected\def\othername#1#2{\ifdefined\XeTeXversion#1\else\ifdefined
  \directlua#1\else[#2]\fi\fi}
"""
_LATEX_ROWS = 40  # At most on a page.
# Shrinks a table that is wider than the text, and no other.
_FIT = r'\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%'


class Cell(NamedTuple):
  """A cell of a table: its text, its number if it is one, and if it is bold."""

  text: str
  number: float | None
  bold: bool


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of numbers and text.

  Attributes:
    name: Stem of its files.
    title: What it shows.
    columns: Headings.
    rows: Numbers, text or None (empty); as many cells as columns.
    note: What else a reader must know, below the title.
    digits: Decimals of floats.
    groups: Numbers of rows between rules; () for no rules.
    best: {column: whether the lowest is best}; the best number of a column in
      each group is set bold.
    unranked: Rows that are never bold.
    p_values: Columns formatted as p values.
  """

  name: str
  title: str
  columns: Sequence[str]
  rows: Sequence[Sequence]
  note: str = ''
  digits: int = 4
  groups: Sequence[int] = ()
  best: dict[int, bool] = dataclasses.field(default_factory=dict)
  unranked: Collection[int] = ()
  p_values: Sequence[int] = ()

  def markdown(self) -> str:
    """Returns the table in GitHub's Markdown."""
    lines = [
      f'| {" | ".join(self.columns)} |',
      '|' + '|'.join(' --- ' for _ in self.columns) + '|',
    ]
    bold = self._bold()
    for number, row in enumerate(self.rows):
      cells = [
        f'**{text}**' if (number, column) in bold else text
        for column, text in enumerate(self._texts(row))
      ]
      cells = [cell.replace('|', '\\|') for cell in cells]
      lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)

  def latex(self) -> str:
    """Returns `table` environments for the packages booktabs and graphicx.

    They fit the width of the text; a long table is continued on further pages.
    """
    numbers: dict[str, int] = {}
    columns = [_latex(column, numbers) for column in self.columns]
    cells = self._latex_cells(numbers)
    ends = self._ends()
    parts = range(0, max(1, len(cells)), _LATEX_ROWS)
    text = '\n'.join(
      self._latex_part(columns, cells, first, ends, last=first == parts[-1])
      for first in parts
    )
    listed = ''.join(f'%   {n}: {word}\n' for word, n in numbers.items())
    return (_LATEX_NAME + listed if numbers else '') + text

  def _latex_cells(self, numbers):
    bold = self._bold()
    return [
      [
        rf'\textbf{{{cell}}}' if (number, column) in bold else cell
        for column, cell in enumerate(
          _latex(text, numbers) for text in self._texts(row)
        )
      ]
      for number, row in enumerate(self.rows)
    ]

  def _latex_part(self, columns, cells, first, ends, *, last):
    left = [
      all(isinstance(row[c], str) or row[c] is None for row in self.rows)
      for c in range(len(self.columns))
    ]
    title = self.title + ('. ' + self.note if self.note else '')
    if first:
      title = f'{self.title} (continued)'
    lines = [
      r'\begin{table}[p]' if not last or first else r'\begin{table}',
      r'\centering',
      r'\footnotesize',
      rf'\caption{{{_escaped(title)}}}',
      *([rf'\label{{tab:{self.name}}}'] if not first else []),
      _FIT,
      rf'\begin{{tabular}}{{{"".join("l" if x else "r" for x in left)}}}',
      r'\toprule',
      ' & '.join(columns) + r' \\',
      r'\midrule',
    ]
    end = min(first + _LATEX_ROWS, len(cells))
    for number in range(first, end):
      lines.append(' & '.join(cells[number]) + r' \\')
      if number + 1 in ends and number + 1 < end:
        lines.append(r'\midrule')
    lines += [r'\bottomrule', r'\end{tabular}}', r'\end{table}']
    return '\n'.join(lines) + '\n'

  def cells(self) -> list[list['Cell']]:
    """Returns the cells of each row, for a page."""
    bold = self._bold()
    return [
      [
        Cell(text, value if _is_number(value) else None, (number, k) in bold)
        for k, (text, value) in enumerate(
          zip(self._texts(row), row, strict=True)
        )
      ]
      for number, row in enumerate(self.rows)
    ]

  def csv(self) -> str:
    """Returns the numbers with all their digits, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(self.columns)
    writer.writerows(
      ['' if cell is None else cell for cell in row] for row in self.rows
    )
    return text.getvalue()

  def _texts(self, row):
    return [
      self._text(cell, column in self.p_values)
      for column, cell in enumerate(row)
    ]

  def _text(self, cell, is_p):
    if cell is None or cell != cell:
      return '-'
    if is_p:
      return '< .001' if cell < 0.001 else f'{cell:.3f}'
    if isinstance(cell, float):
      return f'{cell:.{self.digits}f}'
    return str(cell)

  def _ends(self):
    ends, end = set(), 0
    for size in self.groups:
      end += size
      ends.add(end)
    return ends

  def _bold(self):
    """Returns {(row, column)} of the best number of each group."""
    edges = sorted({0, len(self.rows), *self._ends()})
    found = set()
    for first, last in itertools.pairwise(edges):
      for column, lowest in self.best.items():
        numbers = [
          (row, self.rows[row][column])
          for row in range(first, last)
          if row not in self.unranked
          and isinstance(self.rows[row][column], float)
          and self.rows[row][column] == self.rows[row][column]
        ]
        if len(numbers) > 1:
          pick = min if lowest else max
          top = pick(value for _, value in numbers)
          found |= {(row, column) for row, value in numbers if value == top}
    return found


def _is_number(value):
  return isinstance(value, (int, float)) and value == value


def _escaped(text):
  return text.translate(_SPECIAL)


def _latex(text, numbers):
  """Returns LaTeX of a text; adds words that pdfLaTeX cannot set to numbers."""
  words = []
  for word in text.split(' '):
    if all(map(_known_to_latex, word)):
      words.append(_escaped(word))
    else:
      number = numbers.setdefault(word, len(numbers) + 1)
      words.append(rf'\othername{{{_escaped(word)}}}{{{number}}}')
  return ' '.join(words)


def _known_to_latex(letter):
  base, *accents = unicodedata.normalize('NFD', letter)
  plain = base.isascii() or base in _LATEX_LETTERS
  return plain and _ACCENTS.issuperset(accents)
