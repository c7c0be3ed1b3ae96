"""A table as Markdown, LaTeX and CSV."""

import csv
import dataclasses
import io
import itertools
from collections.abc import Sequence

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


@dataclasses.dataclass(frozen=True)
class Table:
  """Numbers and text in rows.

  Attributes:
    name: Of its files.
    title: What it shows.
    columns: Their headings.
    rows: Of numbers, text, or None for nothing; as many as columns each.
    digits: Decimals of numbers that are not whole.
    groups: How many rows belong together, before each rule; () for none.
    best: Columns whose best number of a group is set bold, and whether the
      lowest is best.
    p_values: Columns that are printed as articles print p.
  """

  name: str
  title: str
  columns: Sequence[str]
  rows: Sequence[Sequence]
  digits: int = 4
  groups: Sequence[int] = ()
  best: dict[int, bool] = dataclasses.field(default_factory=dict)
  p_values: Sequence[int] = ()

  def markdown(self) -> str:
    """Returns the table as GitHub draws it."""
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
    """Returns a `table` for the package booktabs."""
    bold = self._bold()
    left = [
      all(isinstance(row[c], str) or row[c] is None for row in self.rows)
      for c in range(len(self.columns))
    ]
    lines = [
      r'\begin{table}',
      r'\centering',
      rf'\caption{{{self.title.translate(_SPECIAL)}}}',
      rf'\label{{tab:{self.name}}}',
      rf'\begin{{tabular}}{{{"".join("l" if x else "r" for x in left)}}}',
      r'\toprule',
      ' & '.join(c.translate(_SPECIAL) for c in self.columns) + r' \\',
      r'\midrule',
    ]
    ends = self._ends()
    for number, row in enumerate(self.rows):
      cells = [text.translate(_SPECIAL) for text in self._texts(row)]
      cells = [
        rf'\textbf{{{cell}}}' if (number, column) in bold else cell
        for column, cell in enumerate(cells)
      ]
      lines.append(' & '.join(cells) + r' \\')
      if number + 1 in ends and number + 1 < len(self.rows):
        lines.append(r'\midrule')
    lines += [r'\bottomrule', r'\end{tabular}', r'\end{table}']
    return '\n'.join(lines) + '\n'

  def csv(self) -> str:
    """Returns the numbers in full."""
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
    """Returns {(row, column)} of the best numbers."""
    edges = sorted({0, len(self.rows), *self._ends()})
    found = set()
    for first, last in itertools.pairwise(edges):
      for column, lowest in self.best.items():
        numbers = [
          (row, self.rows[row][column])
          for row in range(first, last)
          if isinstance(self.rows[row][column], float)
          and self.rows[row][column] == self.rows[row][column]
        ]
        if len(numbers) > 1:
          pick = min if lowest else max
          top = pick(value for _, value in numbers)
          found |= {(row, column) for row, value in numbers if value == top}
    return found
