"""Steps of training, compiled for chips that are not there."""

import dataclasses
import re
import time
from collections.abc import Sequence

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.planning.collectives import Collectives, read_collectives
from dave_jax.planning.roofline import Costs
from dave_jax.train import make_task

_UNITS = {'': 1, 'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


class DoesNotFit(Exception):
  """The compiler found no way to compute with the memory there is.

  Attributes:
    needed: Bytes that it came to, at least: newer compilers leave out what is
      not temporary. None where it does not say.
  """

  def __init__(self, message: str):
    """Takes the compiler's own words."""
    super().__init__(message)
    found = re.search(
      r'(?:Used |HLO temporaries \()([\d.]+)([KMGT]?)(?: of|\) exceeds)',
      message,
    )
    self.needed = float(found[1]) * _UNITS[found[2]] if found else None


@dataclasses.dataclass(frozen=True)
class Memory:
  """Bytes of a chip's memory that a program takes.

  Attributes:
    arguments: State and batch.
    output: The next state and figures.
    aliased: What of the output lies where arguments were.
    temporaries: What lives while it computes.
    code: The program itself.
  """

  arguments: int
  output: int
  aliased: int
  temporaries: int
  code: int

  @property
  def total(self) -> int:
    """All of it, nothing twice."""
    return (
      self.arguments + self.output - self.aliased + self.temporaries + self.code
    )


@dataclasses.dataclass(frozen=True)
class Program:
  """A compiled step, on one of its chips.

  Attributes:
    memory: What it takes.
    costs: What it does. Of two branches, the larger of each cost.
    collectives: What it sends, by kind; of both branches.
    compile_seconds: How long compiling took.
  """

  memory: Memory
  costs: Costs
  collectives: Sequence[Collectives]
  compile_seconds: float


def lower_steps(
  config: ConfigDict, mesh: Mesh, *, routing: str
) -> dict[str, jax.stages.Lowered]:
  """Returns the steps that a config takes, see `CompiledSteps.lower`.

  Nothing is read and nothing placed.

  Args:
    config: See configs/davos.py.
    mesh: The devices; they need not exist.
    routing: See `CompiledSteps`.
  """
  config = config.copy_and_resolve_references()
  config.fake_data = True
  config.train.routing = routing
  # Of the schedule of the learning rate, whose cost is none.
  config.train.steps = config.train.steps or 1000
  return make_task(config, mesh).lower()


def compile_step(
  lowered: jax.stages.Lowered, chips: int, *, parts: int
) -> Program:
  """Returns what compiling a step tells of it.

  Args:
    lowered: See `lower_steps`.
    chips: How many share it.
    parts: `train.accumulate`: the compiler counts one part of a loop.
      What is sent is counted as if all of it were in the loop.

  Raises:
    DoesNotFit: Its compiler knows that it needs more memory than there is.
  """
  begin = time.perf_counter()
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' in str(error):
      raise DoesNotFit(str(error)) from error
    raise
  seconds = time.perf_counter() - begin
  sizes = compiled.memory_analysis()
  costs = compiled.cost_analysis()
  collectives = read_collectives(compiled.as_text(), chips)
  return Program(
    Memory(
      arguments=sizes.argument_size_in_bytes,
      output=sizes.output_size_in_bytes,
      aliased=sizes.alias_size_in_bytes,
      temporaries=sizes.temp_size_in_bytes,
      code=sizes.generated_code_size_in_bytes,
    ),
    Costs(
      flops=parts * costs['flops'],
      bytes_moved=parts * costs['bytes accessed'],
      bytes_sent=parts * sum(entry.sent for entry in collectives),
    ),
    collectives,
    seconds,
  )
