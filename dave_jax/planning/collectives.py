"""What the chips of a compiled program send each other."""

import collections
import dataclasses
import math
import re

# An operation of HLO that sends: its result, what it is called, whether it only
# starts there. What is asynchronous is named twice, of which `-done` is not
# looked for.
_SENDS = re.compile(
  r' = (?P<result>.*?) (?P<kind>all-gather|all-reduce|all-to-all|'
  r'collective-broadcast|collective-permute|ragged-all-to-all|reduce-scatter)'
  r'(?P<start>-start)?\('
)
_SHAPE = re.compile(r'\b([a-z]+\d+\w*|pred)\[([\d,]*)\]')
_ARRAY_OF_GROUPS = re.compile(r'replica_groups=\[(\d+),(\d+)\]')
_LIST_OF_GROUPS = re.compile(r'replica_groups=\{\{([\d,]*)\}')


@dataclasses.dataclass(frozen=True)
class Collectives:
  """Operations of a kind together.

  Attributes:
    kind: As XLA calls it, such as 'all-reduce'.
    count: How many there are.
    size: Bytes of their results, on one chip.
    sent: Bytes that a chip sends at least, see `read_collectives`.
  """

  kind: str
  count: int
  size: int
  sent: float


def read_collectives(text: str, chips: int) -> list[Collectives]:
  """Returns what a compiled program sends, by kind.

  Among n chips a chip sends at least: of an all-reduce of s bytes
  2 s (n - 1) / n, of an all-gather to s bytes s (n - 1) / n, of a
  reduce-scatter to s bytes s (n - 1), of an all-to-all s (n - 1) / n, of the
  others s (Patarasuk and Yuan, J. Parallel Distrib. Comput. 69, 2009).

  Args:
    text: HLO, as `compiled.as_text()` gives it.
    chips: How many take part where an operation does not say.
  """
  found = collections.defaultdict(lambda: [0, 0, 0.0])
  for line in text.splitlines():
    match = _SENDS.search(line)
    if not match:
      continue
    kind = match['kind']
    sizes = [_bytes(*shape) for shape in _SHAPE.findall(match['result'])]
    if match['start'] and kind != 'all-reduce':
      # Operands and results; of a permutation two counters besides.
      if kind == 'collective-permute':
        sizes = sizes[:2]
      sizes = sizes[len(sizes) // 2 :]
    size, n = sum(sizes), _group(line, chips)
    share = {
      'all-reduce': 2 * (n - 1) / n,
      'all-gather': (n - 1) / n,
      'all-to-all': (n - 1) / n,
      'ragged-all-to-all': (n - 1) / n,
      'reduce-scatter': n - 1,
    }.get(kind, 1)
    entry = found[kind]
    entry[0] += 1
    entry[1] += size
    entry[2] += share * size
  return [Collectives(kind, *entry) for kind, entry in sorted(found.items())]


def _bytes(kind, dimensions):
  bits = 8 if kind == 'pred' else int(re.search(r'\d+', kind)[0])
  return math.prod(int(n) for n in dimensions.split(',') if n) * bits // 8


def _group(line, chips):
  """Returns how many chips an operation joins."""
  if match := _ARRAY_OF_GROUPS.search(line):
    return int(match[2])
  if match := _LIST_OF_GROUPS.search(line):
    return match[1].count(',') + 1
  return chips
