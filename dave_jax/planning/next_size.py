"""The search for the largest batch that fits."""

from collections.abc import Mapping


def next_size(tried: Mapping[int, float | None], has: float) -> int | None:
  """Returns the size to try next, or None where the largest is known.

  Each trial may compile for minutes. Memory grows about as a line over
  examples, so two trials tell where the limit is, and two more make sure.

  Args:
    tried: {examples: bytes they need}; None is too many, nobody knows how
      many. One at least fits.
    has: Bytes there are.
  """
  known = {n: needed for n, needed in tried.items() if needed is not None}
  low = max(n for n, needed in known.items() if needed <= has)
  high = min((n for n in tried if n > low), default=None)
  if high == low + 1:
    return None
  others = [n for n in known if n != low]
  size = 2 * low
  if others:
    # A neighbour above tells more of what lies between than one below.
    other = high if high in known else max(others)
    slope = (known[other] - known[low]) / (other - low)
    if slope > 0:
      size = min(int(low + (has - known[low]) / slope), 16 * low)
  size = max(size, low + 1)
  return size if high is None else min(size, high - 1)
