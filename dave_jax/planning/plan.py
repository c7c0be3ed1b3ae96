"""A config on a machine that is not at hand: does it fit, how long it takes."""

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence

from ml_collections import ConfigDict

from dave_jax.planning.batch import fit_batches
from dave_jax.planning.estimate import estimate_steps
from dave_jax.planning.next_size import next_size
from dave_jax.planning.programs import (
  DoesNotFit,
  Program,
  compile_step,
  lower_steps,
)
from dave_jax.planning.roofline import Roofline, roofline
from dave_jax.planning.run_length import examples_of, steps_of
from dave_jax.planning.topology import (
  Topology,
  compile_only_devices,
  parse_topology,
)
from dave_jax.training.sharding import DATA, make_mesh

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Trial:
  """A variant that was compiled to see whether it fits.

  Attributes:
    change: What is other than in the config.
    batch_size: Of all chips.
    needed: Bytes of a chip's memory; None where the compiler gave up without
      saying.
    fits: Whether it does.
  """

  change: str
  batch_size: int
  needed: float | None
  fits: bool


@dataclasses.dataclass(frozen=True)
class RouteCost:
  """A route of a run.

  Attributes:
    program: Its step.
    bound: How long that takes at published rates.
    steps: How many the run has.
  """

  program: Program
  bound: Roofline
  steps: int


@dataclasses.dataclass(frozen=True)
class Plan:
  """What is known of a run beforehand.

  Attributes:
    topology: The machine.
    estimate: Whether its compiler was not there to be asked.
    mesh: {'data': how many devices}.
    dtype: That the network computes in.
    batch_size: Of all chips.
    needed: Bytes of a chip's memory; None where nobody knows.
    fits: Whether a chip has them.
    routes: {route: its cost}; none where it does not fit.
    trials: What else was tried.
    notes: Sentences on what was assumed.
  """

  topology: Topology
  estimate: bool
  mesh: Mapping[str, int]
  dtype: str
  batch_size: int
  needed: float | None
  fits: bool
  routes: Mapping[str, RouteCost]
  trials: Sequence[Trial]
  notes: Sequence[str]

  @property
  def hours(self) -> float:
    """Of the whole run, at the bounds of its steps."""
    seconds = sum(r.bound.seconds * r.steps for r in self.routes.values())
    return seconds / 3600


def make_plans(
  config: ConfigDict,
  topology: str,
  *,
  examples: Mapping[str, int],
  trials: int,
) -> Iterator[Plan]:
  """Yields the plan of a config, and again with each size that was tried.

  Each takes minutes to compile.

  Args:
    config: See configs/davos.py.
    topology: See `topology.parse_topology`.
    examples: See `run_length.examples_of`.
    trials: How many other sizes to compile at most, for the largest batch that
      fits, or for what would.

  Raises:
    ValueError: A setting makes no sense, or something needed is not there.
  """
  if config.task != 'saliency':
    raise ValueError(
      f'the task {config.task!r} has no plan, only saliency has one'
    )
  machine = parse_topology(topology)
  config = config.copy_and_resolve_references()
  compiler = _Compiler(machine)
  shape = compiler.mesh_shape(config)
  notes = fit_batches(config, shape)
  counts, known = examples_of(config, examples)
  notes += known
  if config.train.accumulate > 1:
    notes.append(
      f'costs are those of one of {config.train.accumulate} parts of a batch, '
      'times as many'
    )
  _LOG.info(
    'planning %s: data=%d, batch %d',
    machine.name,
    shape[DATA],
    config.train.batch_size,
  )
  first = compiler.trial('as configured', config)
  plan = Plan(
    topology=machine,
    estimate=not machine.compiles,
    mesh=shape,
    dtype=config.model.dtype,
    batch_size=config.train.batch_size,
    needed=first.needed,
    fits=first.fits,
    routes={},
    trials=(),
    notes=notes,
  )
  if first.fits:
    programs = compiler.programs(config)
    routes = _routes(programs, config, machine, counts)
    plan = dataclasses.replace(plan, routes=routes)
  yield plan
  search = _largest if first.fits else _remedies
  done = []
  for trial in search(compiler, config, plan, trials):
    done.append(trial)
    yield dataclasses.replace(plan, trials=tuple(done))


class _Compiler:
  """Compiles steps for a machine, or estimates them."""

  def __init__(self, machine: Topology):
    self._machine = machine
    self._devices = compile_only_devices(machine) if machine.compiles else None
    self._known = {}

  def mesh_shape(self, config) -> dict[str, int]:
    """Returns how many parts its mesh has."""
    if self._devices is not None:
      return dict(self._mesh(config).shape)
    return {DATA: self._machine.chips}

  def trial(self, change: str, config) -> Trial:
    """Returns whether a config's steps fit."""
    size = config.train.batch_size
    has = self._machine.chip.memory
    try:
      needed = self._needed(config)
      trial = Trial(change, size, needed, needed <= has)
    except DoesNotFit as error:
      # Part of the memory is not the program's: what is refused may need less
      # than there is, which says nothing.
      needed = error.needed if (error.needed or 0) > has else None
      trial = Trial(change, size, needed, False)
    _LOG.info('%s', describe(trial, self._machine))
    return trial

  def programs(self, config) -> dict[str, Program]:
    """Returns {route: its step compiled by itself}."""
    if self._devices is None:
      return self._estimates(config)
    lowered = lower_steps(config, self._mesh(config), routing='static')
    return {
      route: self._compiled(config, f'static {route}', step)
      for route, step in lowered.items()
    }

  def _needed(self, config):
    if self._devices is None:
      programs = self._estimates(config)
    else:
      lowered = lower_steps(
        config, self._mesh(config), routing=config.train.routing
      )
      programs = {
        name: self._compiled(config, f'{config.train.routing} {name}', step)
        for name, step in lowered.items()
      }
    return max(program.memory.total for program in programs.values())

  def _compiled(self, config, name, lowered):
    key = (name, str(config))
    if key not in self._known:
      _LOG.info('compiling %s, batch %d', name, config.train.batch_size)
      self._known[key] = compile_step(
        lowered, self._machine.chips, parts=config.train.accumulate
      )
      _LOG.info('compiled in %.0f s', self._known[key].compile_seconds)
    return self._known[key]

  def _estimates(self, config):
    key = str(config)
    if key not in self._known:
      _LOG.info('estimating batch %d', config.train.batch_size)
      self._known[key] = estimate_steps(config, self._machine.chips)
    return self._known[key]

  def _mesh(self, config):
    return make_mesh(config.mesh.data, self._devices)


def describe(trial: Trial, machine: Topology) -> str:
  """Returns a line about a trial."""
  gib = 2**30
  verdict = 'fits' if trial.fits else 'does not fit'
  needed = 'an unknown amount'
  if trial.needed is not None:
    needed = f'{trial.needed / gib:.2f}'
    if not trial.fits:
      needed = f'at least {needed}'
  return (
    f'{trial.change}, batch {trial.batch_size}: {verdict}, {needed} of '
    f'{machine.chip.memory / gib:.1f} GiB a chip'
  )


def _routes(programs, config, machine, counts):
  steps = steps_of(config, counts)
  return {
    route: RouteCost(
      program,
      roofline(
        program.costs,
        machine.chip,
        dtype=config.model.dtype,
        chips=machine.chips,
      ),
      steps[route],
    )
    for route, program in programs.items()
  }


def _largest(compiler, config, plan, trials):
  """Yields trials of larger batches, up to the first that is too large."""
  parts = plan.mesh[DATA] * config.train.accumulate
  has = plan.topology.chip.memory
  tried = {plan.batch_size // parts: plan.needed}
  for _ in range(trials):
    size = next_size(tried, has)
    if size is None:
      return
    larger = config.copy_and_resolve_references()
    larger.train.batch_size = size * parts
    trial = compiler.trial('a larger batch', larger)
    tried[size] = trial.needed
    yield trial


def _remedies(compiler, config, plan, trials):
  """Yields trials of what takes less memory, the mildest first."""
  shape = plan.mesh
  parts = shape[DATA] * config.train.accumulate
  variants = []

  def variant(change, **fields):
    changed = config.copy_and_resolve_references()
    changed.update_from_flattened_dict(fields)
    variants.append((change, changed))

  if not config.model.rematerialise:
    variant('model.rematerialise=True', **{'model.rematerialise': True})
  if config.model.dtype == 'float32':
    variant('model.dtype=bfloat16', **{'model.dtype': 'bfloat16'})
  size = config.train.batch_size // parts
  if size > 1:
    variant(
      f'{-(-size // 2)} examples a part',
      **{'train.batch_size': -(-size // 2) * parts},
    )
  for change, changed in variants[:trials]:
    yield compiler.trial(change, changed)
