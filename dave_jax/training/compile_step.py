"""How steps of training are compiled."""

from collections.abc import Callable

import jax
from jax.sharding import Mesh

from dave_jax.kernels import conv_cpu
from dave_jax.training.placement import (
  by_example,
  replicated,
  state_shardings,
)


def on_cpu(mesh: Mesh) -> bool:
  """Returns whether a mesh's devices are CPUs."""
  return mesh.devices.flat[0].platform == 'cpu'


def compile_step(
  step: Callable, mesh: Mesh, *, shard_optimizer: bool
) -> Callable:
  """Returns a step compiled at its first call; it uses up its state.

  Args:
    step: From state and batch to the next state and figures.
    mesh: The devices that the batch is placed on.
    shard_optimizer: See `placement.state_shardings`.
  """

  def placed(state, batch):
    state, facts = step(state, batch)
    where = state_shardings(mesh, state, shard_optimizer=shard_optimizer)
    return (
      jax.lax.with_sharding_constraint(state, where),
      jax.lax.with_sharding_constraint(facts, replicated(mesh)),
    )

  options = conv_cpu.COMPILER_OPTIONS if on_cpu(mesh) else None
  return jax.jit(placed, donate_argnums=0, compiler_options=options)


def compile_prediction(predict: Callable, mesh: Mesh) -> Callable:
  """Returns a function of variables and a batch, compiled at its first call.

  Each device keeps the results of its own examples.
  """
  return jax.jit(predict, out_shardings=by_example(mesh))
