"""What a run found to compute on."""

import collections
import socket
import zlib

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh


def found(mesh: Mesh) -> list[str]:
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
