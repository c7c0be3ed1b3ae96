"""The devices that share a batch, as a mesh with the one axis `data`."""

from collections.abc import Sequence

import jax
from jax.sharding import AxisType, Mesh

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
