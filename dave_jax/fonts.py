"""Fonts for texts in pictures, whatever script they are in."""

import functools
import unicodedata

from matplotlib import font_manager, ft2font

DEFAULT = 'DejaVu Sans'  # Comes with matplotlib; Latin, Greek, Cyrillic.
_PLAIN = ('normal', 400)  # Style and weight.


def missing_letters(text: str) -> frozenset[str]:
  """Returns the letters of a text that the default font does not have."""
  known = _letters(font_manager.findfont(DEFAULT))
  return frozenset(
    letter
    for letter in text
    if letter not in known and unicodedata.category(letter)[0] not in 'CZ'
  )


def path_for(text: str) -> str | None:
  """Returns the file of a font that has all letters of a text, or None."""
  missing = missing_letters(text)
  if not missing:
    return font_manager.findfont(DEFAULT)
  font = fallback(missing)
  return font and font.fname


@functools.cache
def fallback(letters: frozenset[str]) -> font_manager.FontEntry | None:
  """Returns an installed font that has all of the letters; None without one."""
  entries = font_manager.fontManager.ttflist
  # Plain faces first; a bold one may be all there is.
  for entry in sorted(entries, key=lambda e: (e.style, e.weight) != _PLAIN):
    # The font of last resort has a box for every letter.
    if 'LastResort' not in entry.fname and letters <= _letters(entry.fname):
      return entry
  return None


@functools.cache
def _letters(path):
  try:
    return frozenset(map(chr, ft2font.FT2Font(path).get_charmap()))
  except (RuntimeError, OSError):  # Damaged, or uninstalled since.
    return frozenset()
