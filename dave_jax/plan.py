"""Predicts what training costs on a TPU slice, without a TPU.

  python -m dave_jax.plan --config=configs/davos.py --topology=v5e:4x4 \\
      --config.train.batch_size=16

Compiles the config's training step for the topology with libtpu, which runs on
any Linux machine (pip install "dave-jax[tpu]"), and prints in Markdown what a
chip needs and does, the roofline bound of a step, and the hours that the run
takes at this bound. Each of three programs compiles for minutes.
"""

import collections
import contextlib
import importlib.util
import itertools
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
from absl import flags
from jax.experimental import topologies
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax import command_line
from dave_jax.train import make_task
from dave_jax.training.saliency_data import ROUTE_OF_STREAM, parse_splits
from dave_jax.training.sharding import make_mesh

_GIB = 2**30


class Chip(NamedTuple):
  """Published figures of a TPU chip."""

  memory: float  # Bytes of high-bandwidth memory.
  memory_rate: float  # Bytes a second between memory and compute units.
  # Matrix FLOPs a second in bfloat16. Float32 runs at the same rate: at XLA's
  # default precision its operands are rounded to bfloat16.
  flop_rate: float
  network_rate: float  # Bytes a second that a chip sends to others.
  dimensions: int  # Of its topologies.


# From cloud.google.com/tpu/docs; network rates are one way, half of those there
# (for v4, 6 links of 45 GB/s; jax-ml.github.io/scaling-book/tpus).
CHIPS = {
  'v4': Chip(32 * _GIB, 1228e9, 275e12, 270e9, 3),
  'v5e': Chip(16 * _GIB, 819e9, 197e12, 200e9, 2),
  'v5p': Chip(95 * _GIB, 2765e9, 459e12, 600e9, 3),
  'v6e': Chip(32 * _GIB, 1638e9, 918e12, 400e9, 2),
}


def parse_topology(topology: str) -> tuple[Chip, int]:
  """Returns the chip of a topology such as 'v5e:4x4', and how many it has.

  Raises:
    ValueError: The chip or the number of dimensions is unknown.
  """
  name, _, size = topology.partition(':')
  sides = re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', size) and size.split('x')
  if name not in CHIPS or not sides or len(sides) != CHIPS[name].dimensions:
    raise ValueError(
      f'expected --topology=CHIP:SIZE with one of {", ".join(CHIPS)}, such as '
      f'v5e:4x4 or v4:2x2x4; got {topology!r}'
    )
  return CHIPS[name], math.prod(map(int, sides))


def describe_devices(topology: str) -> Sequence[jax.Device]:
  """Returns devices of a topology, which programs can be compiled for.

  Raises:
    ValueError: libtpu is not installed or does not know the topology.
  """
  if importlib.util.find_spec('libtpu') is None:
    raise ValueError(
      'expected libtpu, which compiles for TPUs, got none; pip install '
      '"dave-jax[tpu]"'
    )
  # As on real chips, a program sees both cores of a v4 chip as one device.
  v4 = {'chip_config_name': 'megacore'} if topology.startswith('v4:') else {}
  try:
    with _libtpu_environment():
      found = topologies.get_topology_desc(topology, platform='tpu', **v4)
      return found.devices
  except jax.errors.JaxRuntimeError as error:
    raise ValueError(f'libtpu refuses {topology}: {error}') from error


@contextlib.contextmanager
def _libtpu_environment() -> Iterator[None]:
  """Sets what libtpu reads while it is loaded where there is no TPU."""
  before = dict(os.environ)
  # Do not ask the metadata server of a TPU VM, and do not lock a TPU.
  os.environ.update(TPU_SKIP_MDS_QUERY='1', ALLOW_MULTIPLE_LIBTPU_LOAD='1')
  # libtpu aborts at a flag of the CPU compiler.
  os.environ.pop('XLA_FLAGS', None)
  try:
    yield
  finally:
    os.environ.clear()
    os.environ.update(before)


class Collectives(NamedTuple):
  """The collectives of one kind in a program."""

  kind: str  # As XLA names it, such as 'all-reduce'.
  count: int
  size: int  # Bytes of their results on a chip.
  sent: float  # Bytes that a chip sends at least.


class Program(NamedTuple):
  """What the compiler says of a step, on one chip."""

  memory: Mapping[str, int]  # {name: bytes}; it needs their sum.
  flops: float
  # Bytes of operands and results of all operations. What stays on the chip
  # between two of them is counted too, so less than this may move.
  bytes_accessed: float
  collectives: Sequence[Collectives]
  bytes_sent: float

  def bounds(self, chip: Chip) -> dict[str, float]:
    """Returns the seconds that each resource is busy at peak rates.

    A step takes at least the longest (Williams et al., Roofline, Commun. ACM
    52(4), 2009, with the network as a third resource).
    """
    return {
      'compute': self.flops / chip.flop_rate,
      'memory': self.bytes_accessed / chip.memory_rate,
      'network': self.bytes_sent / chip.network_rate,
    }


def compile_steps(
  config: ConfigDict, mesh: Mesh, routing: str
) -> dict[str, Program]:
  """Returns {name: compiled training step} of a config; reads no data.

  Args:
    config: See configs/davos.py.
    mesh: The devices, which need not exist.
    routing: 'cond' compiles one program that holds both routes, 'static' one
      for each route.

  Raises:
    JaxRuntimeError: The compiler refuses one, usually for lack of memory.
  """
  config = config.copy_and_resolve_references()
  config.fake_data = True
  config.train.routing = routing
  programs = {}
  for name, lowered in make_task(config, mesh).lower().items():
    print(f'plan: compiling {name} ...', file=sys.stderr, flush=True)
    compiled = lowered.compile()
    # The compiler counts the body of the loop over parts of a batch once.
    repeats = config.train.accumulate
    sizes, costs = compiled.memory_analysis(), compiled.cost_analysis()
    found = read_collectives(compiled.as_text(), mesh.size)
    programs[name] = Program(
      memory={
        'arguments': sizes.argument_size_in_bytes,
        'temporaries': sizes.temp_size_in_bytes,
        'new output': sizes.output_size_in_bytes - sizes.alias_size_in_bytes,
        'code': sizes.generated_code_size_in_bytes,
      },
      flops=repeats * costs['flops'],
      bytes_accessed=repeats * costs['bytes accessed'],
      collectives=found,
      bytes_sent=repeats * sum(entry.sent for entry in found),
    )
  return programs


# An operation of HLO: its result, kind, and whether it only starts there.
_COLLECTIVE = re.compile(
  r' = (.*?) (all-gather|all-reduce|all-to-all|collective-broadcast|'
  r'collective-permute|reduce-scatter)(-start)?\('
)
_SHAPE = re.compile(r'\b(?:pred|[a-z]+(\d+)\w*)\[([\d,]*)\]')


def read_collectives(hlo: str, chips: int) -> list[Collectives]:
  """Returns the collectives of a compiled program, by kind.

  The bytes sent are the least that any algorithm takes (Patarasuk and Yuan,
  J. Parallel Distrib. Comput. 69, 2009).

  Args:
    hlo: Text of the program.
    chips: Number of chips, all of which take part in each.
  """
  share = (chips - 1) / chips
  factors = {
    'all-reduce': 2 * share,
    'all-gather': share,
    'all-to-all': share,
    'reduce-scatter': chips - 1,
  }
  counts, totals = collections.Counter(), collections.Counter()
  for result, kind, start in _COLLECTIVE.findall(hlo):
    sizes = [
      math.prod(int(n) for n in shape.split(',') if n) * int(bits or 8) // 8
      for bits, shape in _SHAPE.findall(result)
    ]
    if start and kind != 'all-reduce':
      # The operands come before the results.
      sizes = sizes[len(sizes) // 2 :]
    counts[kind] += 1
    totals[kind] += sum(sizes)
  return [
    Collectives(kind, counts[kind], size, size * factors.get(kind, 1))
    for kind, size in sorted(totals.items())
  ]


# The fold of datasets/davos.csv; Jiang et al., CVPR 2015.
_PUBLISHED_FRAMES = {'davos:train': 151_091, 'salicon:train': 10_000}


def route_steps(config: ConfigDict) -> dict[str, int]:
  """Returns {route: steps of the whole run}.

  Epochs are as long as the published sizes of their data sets say. Where
  `train.steps` is set, routes share them evenly.

  Raises:
    ValueError: The size of a set is unknown, and `train.steps` is not set.
  """
  train, steps = config.train, collections.Counter()
  fields = [field for field in ROUTE_OF_STREAM if config.data[field]]
  if train.steps:
    for field in fields:
      steps[ROUTE_OF_STREAM[field]] += train.steps // len(fields)
    return dict(steps)
  for field in itertools.islice(itertools.cycle(fields), train.epochs):
    steps[ROUTE_OF_STREAM[field]] += _epoch_steps(config, field)
  return dict(steps)


def _epoch_steps(config, field):
  names = [':'.join(item) for item in parse_splits(config.data[field])]
  unknown = [name for name in names if name not in _PUBLISHED_FRAMES]
  if unknown:
    raise ValueError(
      f'the size of {", ".join(unknown)} is not known to plans, so the epoch '
      'length is unknown; set the length of the run, --config.train.steps'
    )
  frames = sum(_PUBLISHED_FRAMES[name] for name in names)
  examples = frames if field == 'images' else frames / config.data.stride
  return max(1, round(examples / config.train.batch_size))


def make_plan(config: ConfigDict, topology: str) -> str:
  """Returns what a training run costs on a topology, as Markdown.

  Args:
    config: See configs/davos.py.
    topology: See `parse_topology`.

  Raises:
    ValueError, JaxRuntimeError: A setting is wrong; see also `compile_steps`.
  """
  if config.task != 'saliency':
    raise ValueError(f"expected a config of task 'saliency', got {config.task}")
  chip, chips = parse_topology(topology)
  steps = route_steps(config)
  mesh = make_mesh(config.mesh.data, devices=describe_devices(topology))
  routed = compile_steps(config, mesh, 'cond')
  # A program with both routes does not tell what each of them costs.
  routes = compile_steps(config, mesh, 'static') if len(steps) > 1 else routed
  hours = sum(
    max(program.bounds(chip).values()) * steps[name] / 3600
    for name, program in routes.items()
  )
  run = ' and '.join(f'{n} {route}' for route, n in steps.items())
  return '\n'.join(
    [
      f'# {topology}, batch {config.train.batch_size}, {config.model.dtype}\n',
      *_table(routed | routes, chip),
      '\nTimes are costs over published peak rates, without reading data.',
      f'The run: {run} steps, at least {hours:.3g} hours, '
      f'{hours * chips:.3g} chip-hours.',
    ]
  )


def _table(programs, chip):
  """Returns the lines of a table with a column for each program."""
  rows = collections.defaultdict(list)
  for name, program in programs.items():
    bounds = program.bounds(chip)
    memory = program.memory | {'total': sum(program.memory.values())}
    rows['per step and chip'].append(name)
    rows['---'].append('---')
    for part, size in memory.items():
      rows[f'{part}, GiB'].append(f'{size / _GIB:.3f}')
    rows[f'of {chip.memory / _GIB:g} GiB'].append(
      f'{memory["total"] / chip.memory:.0%}'
    )
    rows['TFLOP'].append(f'{program.flops / 1e12:.3g}')
    rows['GB accessed'].append(f'{program.bytes_accessed / 1e9:.3g}')
    collectives_of = [
      f'{entry.count} {entry.kind} ({entry.size / 1e6:.3g})'
      for entry in program.collectives
    ]
    rows['collectives (MB of results)'].append(', '.join(collectives_of))
    rows['MB sent'].append(f'{program.bytes_sent / 1e6:.3g}')
    for resource, seconds in bounds.items():
      rows[f'{resource}, ms'].append(f'{1e3 * seconds:.3g}')
    rows['limit'].append(max(bounds, key=bounds.get))
  return [f'| {head} | {" | ".join(row)} |' for head, row in rows.items()]


_TOPOLOGY = flags.DEFINE_string('topology', None, 'CHIP:SIZE, as v5e:4x4.')


def main(argv: list[str]) -> int:
  """Prints the plan that the flags ask for; returns the exit status."""
  del argv
  jax.config.update('jax_platforms', 'cpu')
  # The cache cannot load programs for absent chips.
  jax.config.update('jax_enable_compilation_cache', False)
  try:
    print(make_plan(command_line.config(), _TOPOLOGY.value or ''))
  except (ValueError, OSError, jax.errors.JaxRuntimeError) as error:
    print(f'plan: {error}', file=sys.stderr)
    return 1
  return 0


def run() -> None:
  """Parses the command line and runs `main`."""
  command_line.run(main, 'plan', __doc__)


if __name__ == '__main__':
  run()
