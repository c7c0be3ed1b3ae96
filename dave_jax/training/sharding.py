"""The devices of a run as a mesh, and how arrays and programs lie on it."""

import collections
import socket
import zlib
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dave_jax.kernels import conv_cpu
from dave_jax.training.task import TrainState

DATA = 'data'


def make_mesh(data: int, devices: Sequence[jax.Device] | None = None) -> Mesh:
  """Returns a mesh with the axis `data`.

  Args:
    data: Number of devices that share a batch; -1 for all. Several processes
      use all of theirs.
    devices: The devices of all processes; None for `jax.devices()`.

  Raises:
    ValueError: There are fewer devices, or some would be left over with several
      processes.
  """
  devices = jax.devices() if devices is None else devices
  count = len(devices)
  size = count if data == -1 else data
  processes = len({device.process_index for device in devices})
  if not 1 <= size <= count or (processes > 1 and size != count):
    expected = f'{count}' if processes > 1 else f'1 to {count}'
    raise ValueError(
      f'expected mesh.data of {expected} for {count} devices of {processes} '
      f'processes, got {data}; use mesh.data=-1 for all of them'
    )
  return jax.make_mesh(
    (size,), (DATA,), axis_types=(AxisType.Auto,), devices=devices[:size]
  )


def check_batch_size(mesh: Mesh, field: str, batch_size: int) -> None:
  """Checks that the devices can share a batch evenly.

  Args:
    mesh: The devices.
    field: Name of the config field that holds the batch size.
    batch_size: Examples of all devices together.

  Raises:
    ValueError: They cannot; the message lists sizes that fit.
  """
  devices = mesh.shape[DATA]
  if batch_size % devices:
    below = batch_size - batch_size % devices
    near = [str(n) for n in (below, below + devices) if n]
    if jax.process_count() == 1:
      fewer = max(n for n in range(1, devices) if batch_size % n == 0)
      near.append(f'mesh.data={fewer}')
    raise ValueError(
      f'{field} {batch_size} is not divisible by {devices} devices; use '
      f'{" or ".join(near)}'
    )


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


def replicate(mesh: Mesh, value) -> jax.Array:
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
    state, metrics = step(state, batch)
    where = state_shardings(mesh, state, shard_optimizer=shard_optimizer)
    return (
      jax.lax.with_sharding_constraint(state, where),
      jax.lax.with_sharding_constraint(metrics, replicated(mesh)),
    )

  options = conv_cpu.COMPILER_OPTIONS if on_cpu(mesh) else None
  return jax.jit(placed, donate_argnums=0, compiler_options=options)


def compile_prediction(predict: Callable, mesh: Mesh) -> Callable:
  """Returns a function of variables and a batch, compiled at its first call.

  Each device keeps the results of its own examples.
  """
  return jax.jit(predict, out_shardings=by_example(mesh))


def describe_devices(mesh: Mesh) -> list[str]:
  """Returns lines on hosts, processes, devices, their memory and the mesh.

  Called by all processes.
  """
  name = np.uint32(zlib.crc32(socket.gethostname().encode()))
  hosts = 1
  if jax.process_count() > 1:
    hosts = len(np.unique(multihost_utils.process_allgather(name)))
  kinds = collections.Counter(device.device_kind for device in jax.devices())
  devices = ' and '.join(f'{n} x {kind}' for kind, n in kinds.items())
  axes = ', '.join(f'{axis}={size}' for axis, size in mesh.shape.items())
  return [
    f'found {_counted(jax.process_count(), "process", "processes")} on '
    f'{_counted(hosts, "host", "hosts")}, {devices}, {_memory()}',
    f'mesh of {axes}',
  ]


def _memory():
  """Returns what a device of this process has, of which CPUs say nothing."""
  stats = jax.local_devices()[0].memory_stats() or {}
  if 'bytes_limit' not in stats:
    return 'of unknown memory'
  return f'{stats["bytes_limit"] / 2**30:.1f} GiB each'


def _counted(count, one, many):
  return f'{count} {one if count == 1 else many}'
