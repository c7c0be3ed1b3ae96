"""Which route each step takes, and its compiled programs."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dave_jax.data.batches import Batches
from dave_jax.training.sharding import (
  by_example,
  compile_step,
  on_cpu,
  place_batch,
  replicate,
  replicated,
)
from dave_jax.training.steps import ROUTES, RoutedSteps
from dave_jax.training.task import TrainState


@dataclasses.dataclass(frozen=True)
class Stream:
  """Batches of one kind.

  Attributes:
    name: Such as 'images'.
    batches: Endless.
    turn: Steps in a row that a turn of it takes.
  """

  name: str
  batches: Batches
  turn: int


class RoutedData:
  """Streams that take turns, in their order, over and over.

  Which stream a step takes depends on its number alone.
  """

  def __init__(self, streams: Sequence[Stream]):
    self._streams = tuple(streams)
    self._step = 0

  def __next__(self) -> tuple[str, dict]:
    """Returns the name of the stream and the batch of the next step."""
    stream = self.stream_of(self._step)
    batch = next(stream.batches)
    self._step += 1
    return stream.name, batch

  def stream_of(self, step: int) -> Stream:
    """Returns the stream that a step, from 0, takes its batch from."""
    place = step % sum(stream.turn for stream in self._streams)
    for stream in self._streams:
      if place < stream.turn:
        return stream
      place -= stream.turn
    raise AssertionError('turns add up to more than their sum')

  def state(self) -> dict:
    """Returns the position, for JSON."""
    return {
      'step': self._step,
      'turns': {s.name: s.turn for s in self._streams},
      'streams': {s.name: s.batches.state() for s in self._streams},
    }

  def restore(self, position: dict) -> None:
    """Goes to a position that `state` gave.

    Raises:
      ValueError: It is one of other streams, data or settings.
    """
    turns = self.state()['turns']
    if position['turns'] != turns:
      raise ValueError(
        f'the saved run took turns {position["turns"]}, this one takes '
        f'{turns}; give the data and settings it began with, or another '
        'workdir'
      )
    for stream in self._streams:
      stream.batches.restore(position['streams'][stream.name])
    self._step = position['step']

  def close(self) -> None:
    """Ends worker processes."""
    for stream in self._streams:
      stream.batches.close()


ROUTINGS = ('auto', 'cond', 'static')


class CompiledSteps:
  """Takes the step that a batch's route asks for.

  'cond' is one program, which chooses with `lax.cond` on the device; 'static'
  is two, between which the host chooses: the same numbers either way. On a CPU
  a branch inside a cond is 1.3 times slower (`benchmarks/routing.py`).
  """

  def __init__(
    self,
    steps: RoutedSteps,
    mesh: Mesh,
    *,
    routing: str,
    shard_optimizer: bool,
    dummy_batches: Mapping[str, dict],
  ):
    """Compiles nothing yet.

    Args:
      steps: The branches.
      mesh: What batches are spread over.
      routing: 'cond', 'static', or 'auto': static on CPUs, cond elsewhere.
      shard_optimizer: See `placement.state_shardings`.
      dummy_batches: {route: {key: (shape, dtype)}} of the whole batch that
        stands in for a route while the other is taken. A route that no batch
        takes may be left out, which leaves nothing to choose.

    Raises:
      ValueError: There is no such routing.
    """
    if routing not in ROUTINGS:
      raise ValueError(f'routing {routing!r} is none of {ROUTINGS}')
    if routing == 'auto':
      routing = 'static' if on_cpu(mesh) else 'cond'
    if len(dummy_batches) < len(ROUTES):
      routing = 'static'
    self.routing = routing
    self._mesh = mesh
    self._dummy_batches = dummy_batches
    self._placed = None
    compiled = functools.partial(
      compile_step, mesh=mesh, shard_optimizer=shard_optimizer
    )
    if routing == 'cond':
      self._step = compiled(steps.routed)
    else:
      self._branches = {
        route: compiled(getattr(steps, route)) for route in ROUTES
      }

  def __call__(
    self, state: TrainState, route: str, batch: dict[str, np.ndarray]
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """Takes a step; uses up the state given.

    Args:
      state: On the mesh's devices.
      route: One of ROUTES.
      batch: This process's examples.

    Returns:
      The next state, and {name: scalar}, not waited for.
    """
    placed = place_batch(self._mesh, batch)
    if self.routing == 'static':
      return self._branches[route](state, placed)
    if self._placed is None:
      self._placed = {r: self._dummy_batch(r) for r in ROUTES}
    number = np.int32(ROUTES.index(route))
    routed = {
      **self._placed,
      route: placed,
      'route': replicate(self._mesh, number),
    }
    return self._step(state, routed)

  def lower(self, state: TrainState) -> dict[str, jax.stages.Lowered]:
    """Returns the steps as programs that are not compiled yet.

    Args:
      state: Shapes, and where on the mesh they would lie.

    Returns:
      {'routed': the one program}, or {route: its own}.
    """
    shapes = {
      route: {
        key: jax.ShapeDtypeStruct(shape, dtype, sharding=by_example(self._mesh))
        for key, (shape, dtype) in dummy.items()
      }
      for route, dummy in self._dummy_batches.items()
    }
    if self.routing == 'static':
      return {
        route: self._branches[route].lower(state, batch)
        for route, batch in shapes.items()
      }
    number = jax.ShapeDtypeStruct((), np.int32, sharding=replicated(self._mesh))
    return {'routed': self._step.lower(state, shapes | {'route': number})}

  def _dummy_batch(self, route):
    """Returns a batch of zeros, made where it stays."""

    def zeros():
      return {
        key: jnp.zeros(shape, dtype)
        for key, (shape, dtype) in self._dummy_batches[route].items()
      }

    return jax.jit(zeros, out_shardings=by_example(self._mesh))()
