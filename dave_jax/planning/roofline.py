"""The least time that a step can take."""

import dataclasses

from dave_jax.planning.chips import Chip


@dataclasses.dataclass(frozen=True)
class Costs:
  """What a chip does in a step.

  Attributes:
    flops: Floating-point operations.
    bytes_moved: From and to its memory.
    bytes_sent: To other chips.
  """

  flops: float
  bytes_moved: float
  bytes_sent: float


@dataclasses.dataclass(frozen=True)
class Roofline:
  """Seconds that each resource is busy; a step takes at least the longest.

  Williams, Waterman and Patterson, Roofline, Commun. ACM 52(4), 2009, with the
  network beside memory.
  """

  compute: float
  memory: float
  network: float

  @property
  def seconds(self) -> float:
    """The bound: everything at once, at published rates."""
    return max(self.compute, self.memory, self.network)

  @property
  def limit(self) -> str:
    """Which of 'compute', 'memory' and 'network' it is."""
    terms = dataclasses.asdict(self)
    return max(terms, key=terms.get)


def roofline(costs: Costs, chip: Chip, *, dtype: str, chips: int) -> Roofline:
  """Returns how long a chip's resources are busy.

  Args:
    costs: Of a step.
    chip: The rates.
    dtype: That matrices are multiplied in: 'float32' or 'bfloat16'.
    chips: How many take part.
  """
  return Roofline(
    compute=costs.flops / chip.matrix_rate(dtype),
    memory=costs.bytes_moved / chip.memory_rate,
    network=costs.bytes_sent / chip.sending_rate(chips),
  )
