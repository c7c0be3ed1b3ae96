"""The data stream of each step, and the compiled programs of the routes."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dave_jax.checks import check_choice
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

ROUTINGS = ('auto', 'cond', 'static')


@dataclasses.dataclass(frozen=True)
class Stream:
  """A sequence of batches of one kind.

  Attributes:
    name: A name such as 'images'.
    batches: Endless batches.
    turn: Number of consecutive steps before the next stream takes over.
  """

  name: str
  batches: Batches
  turn: int


class RoutedData:
  """Alternates between streams, in their order; see `task.TrainingData`.

  The stream of a step depends only on the number of the step.
  """

  def __init__(self, streams: Sequence[Stream]):
    self._streams = tuple(streams)
    self._step = 0

  def __next__(self) -> tuple[str, dict]:
    stream = self._stream_of(self._step)
    batch = next(stream.batches)
    self._step += 1
    return stream.name, batch

  def state(self) -> dict:
    return {
      'step': self._step,
      'turns': {s.name: s.turn for s in self._streams},
      'streams': {s.name: s.batches.state() for s in self._streams},
    }

  def restore(self, position: dict) -> None:
    turns = self.state()['turns']
    if position['turns'] != turns:
      raise ValueError(
        f'expected streams that alternate after {position["turns"]} steps, as '
        f'in the checkpoint, got {turns}; use the data and settings that the '
        'run started with, or another workdir'
      )
    for stream in self._streams:
      stream.batches.restore(position['streams'][stream.name])
    self._step = position['step']

  def close(self) -> None:
    for stream in self._streams:
      stream.batches.close()

  def _stream_of(self, step):
    place = step % sum(stream.turn for stream in self._streams)
    for stream in self._streams:
      if place < stream.turn:
        return stream
      place -= stream.turn
    raise AssertionError('unreachable: place is below the sum of the turns')


class CompiledSteps:
  """The compiled training step, which takes the route of each batch.

  'cond' compiles one program that selects the route with `lax.cond` on the
  device. 'static' compiles one program for each route, selected on the host.
  Both compute the same, in about the same time (benchmarks/network.py).

  Attributes:
    routing: 'cond' or 'static', the one in use.
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
    """Defines the programs; each is compiled at its first call.

    Args:
      steps: The step of each route.
      mesh: The devices that share a batch.
      routing: 'cond', 'static', or 'auto': static on CPUs, cond elsewhere.
      shard_optimizer: See `sharding.state_shardings`.
      dummy_batches: {route: {key: (shape, dtype)}} of the batch of all
        processes, which 'cond' passes for the route not taken. Routes that no
        batch takes may be left out; with a single one routing is 'static'.

    Raises:
      ValueError: `routing` is unknown.
    """
    check_choice('train.routing', routing, ROUTINGS)
    if routing == 'auto':
      routing = 'static' if on_cpu(mesh) else 'cond'
    if len(dummy_batches) < len(ROUTES):
      routing = 'static'
    self.routing = routing
    self._mesh = mesh
    self._shapes = dummy_batches
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
    """Takes a step; donates the state's buffers.

    Args:
      state: State on the mesh.
      route: One of ROUTES.
      batch: The examples of this process.

    Returns:
      The next state and {name: scalar}, which may still be being computed.
    """
    placed = place_batch(self._mesh, batch)
    if self.routing == 'static':
      return self._branches[route](state, placed)
    routed = {
      **self._dummy_batches,
      route: placed,
      'route': replicate(self._mesh, np.int32(ROUTES.index(route))),
    }
    return self._step(state, routed)

  def lower(self, state: TrainState) -> dict[str, jax.stages.Lowered]:
    """Lowers the programs without compiling them.

    Args:
      state: Shapes, types and shardings of the state.

    Returns:
      {'routed': the program} for 'cond', {route: its program} for 'static'.
    """
    batches = {
      route: {
        key: jax.ShapeDtypeStruct(shape, dtype, sharding=by_example(self._mesh))
        for key, (shape, dtype) in shapes.items()
      }
      for route, shapes in self._shapes.items()
    }
    if self.routing == 'static':
      return {
        route: self._branches[route].lower(state, batch)
        for route, batch in batches.items()
      }
    route = jax.ShapeDtypeStruct((), np.int32, sharding=replicated(self._mesh))
    return {'routed': self._step.lower(state, batches | {'route': route})}

  @functools.cached_property
  def _dummy_batches(self):
    """Batches of zeros for each route, created on the devices."""

    def zeros():
      return {
        route: {
          key: jnp.zeros(shape, dtype) for key, (shape, dtype) in shapes.items()
        }
        for route, shapes in self._shapes.items()
      }

    return jax.jit(zeros, out_shardings=by_example(self._mesh))()
