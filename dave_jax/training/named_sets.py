"""Data sets as a config names them."""


def named_sets(text: str) -> list[tuple[str, str]]:
  """Returns the (name, split) of 'NAME:SPLIT,NAME:SPLIT'; '' names none.

  Raises:
    ValueError: One names no split.
  """
  named = []
  for item in filter(None, map(str.strip, text.split(','))):
    name, colon, split = item.rpartition(':')
    if not colon:
      raise ValueError(f'{item!r} names no split; write it as NAME:SPLIT')
    named.append((name, split))
  return named
