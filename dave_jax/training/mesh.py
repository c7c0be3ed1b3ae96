"""Devices in a mesh, and arrays spread over them."""

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def make_mesh(data: int) -> Mesh:
  """Returns a mesh of one axis, `data`, that batches are split over.

  Args:
    data: How many devices of all processes together; -1 is all there are.

  Raises:
    ValueError: There are not that many, or some would be left over.
  """
  count = jax.device_count()
  if data == -1:
    data = count
  if data != count:
    raise ValueError(
      f'a mesh of data={data} does not fit {count} devices; use -1 or {count}'
    )
  return jax.make_mesh((data,), ('data',), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns how arrays lie that every device has a copy of."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """Returns how arrays lie whose first axis is the examples of a batch."""
  return NamedSharding(mesh, PartitionSpec('data'))


def check_batch_size(mesh: Mesh, batch_size: int) -> None:
  """Raises a ValueError where devices cannot share a batch evenly."""
  devices = mesh.shape['data']
  if batch_size % devices:
    below = batch_size - batch_size % devices
    near = [n for n in (below, below + devices) if n]
    raise ValueError(
      f'batch_size {batch_size} is not divisible by {devices} devices; use '
      + ' or '.join(map(str, near))
    )


def place_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict:
  """Returns a batch of all processes from what each of them has of it."""
  sharding = by_example(mesh)
  return {
    key: jax.make_array_from_process_local_data(sharding, values)
    for key, values in batch.items()
  }


def place_state(mesh: Mesh, tree):
  """Returns a tree of arrays that every process has, on every device."""
  sharding = replicated(mesh)

  def place(leaf):
    leaf = np.asarray(leaf)
    return jax.make_array_from_callback(
      leaf.shape, sharding, lambda index: leaf[index]
    )

  return jax.tree.map(place, tree)


def rows_of_process(values: jax.Array) -> np.ndarray:
  """Returns this process's rows of an array that lies `by_example`."""
  shards = {s.index[0].start or 0: s for s in values.addressable_shards}
  return np.concatenate([np.asarray(shards[i].data) for i in sorted(shards)])
