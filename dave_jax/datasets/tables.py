"""Reads tables as spreadsheets and statistics programs save them.

Text in UTF-8, UTF-16 or Latin-1, with or without a byte-order mark; values
separated by commas, semicolons, tabs or spaces; decimal points or commas; any
ends of lines; missing values as empty cells, NA, NaN, a dot or a dash; comments
(#) before the names of columns, and a row of units below them.
"""

import csv
import dataclasses
import io
import itertools
import math
import os
import pathlib
import re
import unicodedata

_SEPARATORS = ',;\t|'
_MISSING = frozenset(
  ['', '.', '-', '--', 'na', 'n/a', '#n/a', 'nan', 'null', 'none', 'missing']
)
_PIXELS = ('px', 'pixel', 'pixels')
_UNITS = {
  'ms': 1e-3,
  'msec': 1e-3,
  'msecs': 1e-3,
  'millisecond': 1e-3,
  'milliseconds': 1e-3,
  's': 1.0,
  'sec': 1.0,
  'secs': 1.0,
  'second': 1.0,
  'seconds': 1.0,
  'us': 1e-6,
  'μs': 1e-6,  # With the Greek letter,
  'µs': 1e-6,  # and with the micro sign.
  'microseconds': 1e-6,
  'ns': 1e-9,
}


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of a table.

  Attributes:
    header: Its name in the table.
    index: Its place in a row.
    seconds: The unit that its name states, in seconds; None if it states none.
  """

  header: str
  index: int
  seconds: float | None


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of text.

  Attributes:
    path: The file.
    headers: Names of the columns.
    rows: (number of the line, values) of each row, empty ones left out.
    decimal_comma: Whether a comma in a number is a decimal comma.
  """

  path: pathlib.Path
  headers: tuple[str, ...]
  rows: tuple[tuple[int, tuple[str, ...]], ...]
  decimal_comma: bool

  def column(self, role: str, names: str) -> Column | None:
    """Returns the column with one of several names, or None.

    Case, spaces and punctuation in names of columns do not matter, and a unit
    of time may follow: 'Time (ms)', 'time_ms'.

    Args:
      role: What the column means, for errors.
      names: Names in lower case, without punctuation, separated by spaces.

    Raises:
      ValueError: Several columns have such names.
    """
    found = []
    for index, header in enumerate(self.headers):
      words = re.findall(r'[^\W_]+', header.lower())
      plain = [word for word in words[1:] if word not in (*_UNITS, *_PIXELS)]
      if {''.join(words[:1] + plain), ''.join(words)} & set(names.split()):
        found.append(Column(header, index, _unit(words)))
    if len(found) > 1:
      listed = ' and '.join(column.header for column in found)
      raise ValueError(
        f'{self.path}: the columns {listed} may both be the {role}; delete or '
        'rename one'
      )
    return found[0] if found else None

  def number(self, line: int, text: str) -> float:
    """Returns a number, NaN if it is missing or infinite.

    Raises:
      ValueError: The text is not a number.
    """
    text = text.strip()
    if text.lower() in _MISSING:
      return math.nan
    plain = text
    if self.decimal_comma and text.count(',') == 1 and '.' not in text:
      plain = text.replace(',', '.')
    try:
      number = float(plain)
    except ValueError as error:
      advice = ''
      if ':' in text:
        advice = '; write times in seconds or milliseconds'
      elif '%' in text:
        advice = '; write shares of the picture as numbers from 0 to 1'
      elif ',' in text:
        advice = '; save numbers with a decimal point and no other separator'
      raise ValueError(
        f"{self.path}, line {line}: expected a number, got '{text}'{advice}"
      ) from error
    return number if math.isfinite(number) else math.nan


def read_table(path: str | os.PathLike) -> Table:
  """Reads a table whose first row names the columns.

  Raises:
    ValueError: The file is empty or not text, or a row has more values than
      there are columns.
    OSError: The file cannot be read.
  """
  path = pathlib.Path(path)
  text = _decoded(path)
  text, skipped = _without_comments(text)
  declared = re.match(r'sep=(.)\r?\n', text)  # Excel's own first line.
  if declared:
    text = text[declared.end() :]
  first = next((line for line in text.splitlines() if line.strip()), '')
  separator = declared[1] if declared else _separator(first)
  reader = csv.reader(
    io.StringIO(text, newline=''),
    delimiter=separator,
    skipinitialspace=True,
  )
  headers, rows = None, []
  offset = skipped + (1 if declared else 0)
  try:
    for cells in reader:
      values = [unicodedata.normalize('NFC', v.strip()) for v in cells]
      line = reader.line_num + offset
      if not any(values):
        continue
      if headers is None:
        headers = tuple(values)
        continue
      if not rows and _are_units(values):
        pairs = itertools.zip_longest(headers, values[: len(headers)])
        headers = tuple(f'{h} {unit or ""}'.strip(' -') for h, unit in pairs)
        continue
      if any(values[len(headers) :]):
        raise ValueError(
          f'{path}, line {line}: expected {len(headers)} values, got '
          f'{len(values)}; quote values that hold the separator '
          f'{separator!r}, and name every column'
        )
      padded = values + [''] * (len(headers) - len(values))
      rows.append((line, tuple(padded[: len(headers)])))
  except csv.Error as error:
    raise ValueError(
      f'{path}, line {reader.line_num + offset}: not a table of text ({error})'
    ) from error
  if headers is None:
    raise ValueError(f'{path}: expected a row of column names, got nothing')
  return Table(path, headers, tuple(rows), decimal_comma=separator != ',')


def _without_comments(text):
  """Returns the text from the names of columns on, and the lines before."""
  lines = text.splitlines(keepends=True)
  count = 0
  while count < len(lines) and lines[count].startswith('#'):
    count += 1
  if count == len(lines):
    return text, 0
  # NumPy and others mark the names of columns as a comment, too.
  if count and _fields(lines[count - 1]) == _fields(lines[count]) > 1:
    count -= 1
    lines[count] = lines[count].lstrip('# ')
  return ''.join(lines[count:]), count


def _fields(line):
  return line.count(_separator(line)) + 1


def _are_units(values):
  """Returns whether a row holds nothing but units, as '[ms]' and 'px'."""
  words = [re.findall(r'[^\W_]+', value.lower()) for value in values]
  found = [word for each in words for word in each]
  return bool(found) and all(word in (*_UNITS, *_PIXELS) for word in found)


def _unit(words):
  """Returns the unit of time in the words of a header, in seconds, or None."""
  for word in reversed(words):
    if word in _UNITS:
      return _UNITS[word]
  end = re.search(r'(ms|msec|sec|secs|seconds)$', ''.join(words))
  return _UNITS[end[1]] if end else None


def _decoded(path):
  data = path.read_bytes()
  if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
    encodings = ['utf-16']
  elif b'\0' in data[:2]:  # UTF-16 of Latin letters, without its mark.
    encodings = ['utf-16-be' if data[:1] == b'\0' else 'utf-16-le']
  else:
    encodings = ['utf-8-sig', 'latin-1']
  for encoding in encodings:
    try:
      text = data.decode(encoding)
    except UnicodeDecodeError:
      continue
    if '\0' not in text:
      return text
  raise ValueError(
    f'{path}: expected a table of text, got something else; save it as "CSV '
    'UTF-8"'
  )


def _separator(header):
  counts = {mark: header.count(mark) for mark in _SEPARATORS}
  best = max(counts, key=counts.get)
  return best if counts[best] else ' '
