"""The mesh of devices, the layout of arrays on it, and compilation for it."""

import collections
import socket
import zlib
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import (
  AxisType,
  Mesh,
  NamedSharding,
  PartitionSpec,
  SingleDeviceSharding,
)

from dave_jax.kernels import conv_cpu
from dave_jax.training.task import TrainState

# The mesh has one axis; its devices share the examples of a batch.
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


def describe_devices(mesh: Mesh) -> list[str]:
  """Describes hosts, processes, devices and mesh in a line each.

  All processes must call it.
  """
  name = np.uint32(zlib.crc32(socket.gethostname().encode()))
  hosts = 1
  if jax.process_count() > 1:
    hosts = len(np.unique(multihost_utils.process_allgather(name)))
  kinds = collections.Counter(device.device_kind for device in jax.devices())
  devices = ' and '.join(f'{n} x {kind}' for kind, n in kinds.items())
  axes = ', '.join(f'{axis}={size}' for axis, size in mesh.shape.items())
  # CPUs report no memory statistics.
  stats = jax.local_devices()[0].memory_stats() or {}
  memory = 'unknown memory'
  if 'bytes_limit' in stats:
    memory = f'{stats["bytes_limit"] / 2**30:.1f} GiB each'
  return [
    f'{_counted(jax.process_count(), "process", "processes")} on '
    f'{_counted(hosts, "host", "hosts")}, {devices}, {memory}',
    f'mesh: {axes}',
  ]


def on_cpu(mesh: Mesh) -> bool:
  """Returns whether the devices of a mesh are CPUs."""
  return mesh.devices.flat[0].platform == 'cpu'


def deadlocks_if_queued(mesh: Mesh) -> bool:
  """Returns whether programs must finish before the next one is dispatched.

  Collectives between processes on CPUs deadlock if several programs are queued.
  """
  return jax.process_count() > 1 and on_cpu(mesh)


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of arrays that every device has a copy of."""
  return NamedSharding(mesh, PartitionSpec())


def by_example(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of arrays whose first axis is the batch."""
  return NamedSharding(mesh, PartitionSpec(DATA))


def state_shardings(
  mesh: Mesh, state: TrainState, *, shard_optimizer: bool
) -> TrainState:
  """Returns the sharding of each leaf of a state.

  Args:
    mesh: The devices.
    state: Arrays or their shapes.
    shard_optimizer: Whether to shard the optimizer state instead of replicating
      it: each kernel's moments along the largest axis that the devices divide
      evenly. Vectors are small and stay replicated; sharded, XLA would also
      shard the batch norm that they belong to.
  """
  shardings = jax.tree.map(lambda _: replicated(mesh), state)
  if not shard_optimizer:
    return shardings

  def sharded(leaf):
    axes = [a for a, n in enumerate(leaf.shape) if n % mesh.shape[DATA] == 0]
    if leaf.ndim < 2 or not axes:
      return replicated(mesh)
    largest = max(axes, key=lambda a: leaf.shape[a])
    return NamedSharding(mesh, PartitionSpec(*[None] * largest, DATA))

  return shardings.replace(opt_state=jax.tree.map(sharded, state.opt_state))


def abstract_state(
  mesh: Mesh, state: TrainState, *, shard_optimizer: bool
) -> TrainState:
  """Returns shapes, types and shardings of a state, from its shapes."""
  return jax.tree.map(
    lambda leaf, sharding: jax.ShapeDtypeStruct(
      leaf.shape, leaf.dtype, sharding=sharding
    ),
    state,
    state_shardings(mesh, state, shard_optimizer=shard_optimizer),
  )


def place_state(
  mesh: Mesh, state: TrainState, *, shard_optimizer: bool
) -> TrainState:
  """Places a state that every process has completely on the devices."""
  shardings = state_shardings(mesh, state, shard_optimizer=shard_optimizer)
  return jax.tree.map(_place, state, shardings)


def place_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> dict:
  """Makes the global batch from the examples of each process.

  Args:
    mesh: The devices.
    batch: The examples of this process, as many as every other process has.
  """
  return {
    key: jax.make_array_from_process_local_data(
      by_example(mesh),
      values,
      (len(values) * jax.process_count(), *values.shape[1:]),
    )
    for key, values in batch.items()
  }


def replicate(mesh: Mesh, value) -> jax.Array:
  """Places an array that every process has on every device."""
  return _place(value, replicated(mesh))


def examples_of_process(values: jax.Array) -> np.ndarray:
  """Fetches this process's examples of an array sharded `by_example`."""
  shards = {s.index[0].start or 0: s for s in values.addressable_shards}
  return np.concatenate([np.asarray(shards[i].data) for i in sorted(shards)])


def gather(values: np.ndarray) -> np.ndarray:
  """Returns the arrays [n, ...] of all processes, one after the other."""
  if jax.process_count() == 1:
    return values
  return np.concatenate(multihost_utils.process_allgather(values))


def compile_step(
  step: Callable, mesh: Mesh, *, shard_optimizer: bool
) -> Callable:
  """Returns a step that is compiled at its first call and donates its state.

  Args:
    step: From state and batch to the next state and metrics.
    mesh: The devices that the batch is placed on.
    shard_optimizer: See `state_shardings`.
  """

  def sharded_step(state, batch):
    state, metrics = step(state, batch)
    shardings = state_shardings(mesh, state, shard_optimizer=shard_optimizer)
    return (
      jax.lax.with_sharding_constraint(state, shardings),
      jax.lax.with_sharding_constraint(metrics, replicated(mesh)),
    )

  options = conv_cpu.COMPILER_OPTIONS if on_cpu(mesh) else None
  return jax.jit(sharded_step, donate_argnums=0, compiler_options=options)


def compile_prediction(predict: Callable, mesh: Mesh) -> Callable:
  """Returns a function of variables and a batch, compiled at its first call.

  Each device keeps the results of its own examples. For one device the program
  is the same as without a mesh, so that `dave_jax.evaluate` with batches of the
  same size finds it in the compilation cache.
  """
  if mesh.size > 1:
    return jax.jit(predict, out_shardings=by_example(mesh))
  (device,) = mesh.devices.flat
  compiled = jax.jit(predict)
  single = SingleDeviceSharding(device)
  return lambda *args: compiled(*jax.device_put(args, single))


def _place(leaf, sharding):
  leaf = np.asarray(leaf)
  return jax.make_array_from_callback(
    leaf.shape, sharding, lambda index: leaf[index]
  )


def _counted(count, one, many):
  return f'{count} {one if count == 1 else many}'
