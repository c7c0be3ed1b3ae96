"""Checks of settings."""

from collections.abc import Iterable


def check_choice(name: str, value: object, known: Iterable) -> None:
  """Raises a ValueError if the value of a setting is not one of those known."""
  known = tuple(known)
  if value not in known:
    raise ValueError(
      f'{name}: expected one of {", ".join(map(str, known))}, got {value!r}'
    )
