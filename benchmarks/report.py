"""Results of a benchmark as a table and as JSON."""

import dataclasses
import json
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Row:
  """A result, and how it compares with another.

  Attributes:
    name: What was measured.
    value: The result.
    unit: Unit of the result.
    against: What it is compared with; '' for nothing.
    ratio: Factor by which this project is better; None for nothing.
  """

  name: str
  value: float
  unit: str
  against: str = ''
  ratio: float | None = None


def report(rows: Sequence[Row], path: str | None = None) -> None:
  """Prints rows as a table, and writes them as JSON if a path is given."""
  for row in rows:
    figure = f'{row.name:40} {row.value:10.4g} {row.unit:10}'
    if row.ratio is not None:
      figure += f' {row.ratio:6.2f}x {row.against}'
    print(figure)
  if path is not None:
    with open(path, 'w') as file:
      json.dump([dataclasses.asdict(row) for row in rows], file, indent=1)
