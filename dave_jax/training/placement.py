"""Where arrays lie on the devices of a mesh."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dave_jax.training.mesh import DATA
from dave_jax.training.state import TrainState


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns how arrays lie that every device has a copy of."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """Returns how arrays lie whose first axis is the examples of a batch."""
  return NamedSharding(mesh, PartitionSpec(DATA))


def state_shardings(
  mesh: Mesh, state: TrainState, *, shard_optimizer: bool
) -> TrainState:
  """Returns how each leaf of a state lies: everywhere, as a rule.

  Args:
    mesh: The devices.
    state: Arrays, or their shapes.
    shard_optimizer: Whether devices share the optimiser's state:
      each kernel's moments by their largest axis that they divide, if there
      is one. Vectors are little to keep, and XLA would split what batch norm
      does with them.
  """
  everywhere = replicated(mesh)
  shardings = jax.tree.map(lambda _: everywhere, state)
  if not shard_optimizer:
    return shardings
  parts = mesh.shape[DATA]

  def shared(leaf):
    axes = [a for a, n in enumerate(leaf.shape) if n % parts == 0]
    if leaf.ndim < 2 or not axes:
      return everywhere
    largest = max(axes, key=lambda a: leaf.shape[a])
    spec = PartitionSpec(*[None] * largest, DATA)
    return NamedSharding(mesh, spec)

  return shardings.replace(opt_state=jax.tree.map(shared, state.opt_state))


def place_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict:
  """Returns a batch of all processes from each one's share of it.

  Args:
    mesh: The devices.
    batch: The examples of this process.
  """
  count = jax.process_count()
  return {
    key: jax.make_array_from_process_local_data(
      by_example(mesh),
      values,
      (len(values) * count, *values.shape[1:]),
    )
    for key, values in batch.items()
  }


def place_state(mesh: Mesh, state: TrainState, *, shard_optimizer: bool):
  """Returns a state that every process has whole, on the devices."""
  shardings = state_shardings(mesh, state, shard_optimizer=shard_optimizer)
  return jax.tree.map(_place, state, shardings)


def place_everywhere(mesh: Mesh, value) -> jax.Array:
  """Returns an array that every process has, on every device."""
  return _place(value, replicated(mesh))


def examples_of_process(values: jax.Array) -> np.ndarray:
  """Returns this process's examples of an array that lies `by_example`."""
  shards = {s.index[0].start or 0: s for s in values.addressable_shards}
  return np.concatenate([np.asarray(shards[i].data) for i in sorted(shards)])


def _place(leaf, sharding):
  leaf = np.asarray(leaf)
  return jax.make_array_from_callback(
    leaf.shape, sharding, lambda index: leaf[index]
  )
