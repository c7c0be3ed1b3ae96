"""The devices of all processes as a mesh of two axes: `data` and `space`.

Devices along `data` share the examples of a batch, those along `space` the rows
of each frame and map.
"""

import collections
import dataclasses
import functools
from collections.abc import Sequence

import jax
from jax.sharding import AxisType, Mesh

from dave_jax.models.rows import SPACE

DATA = 'data'


def make_mesh(
  data: int, space: int, devices: Sequence[jax.Device] | None = None
) -> Mesh:
  """Returns a mesh of all devices.

  Args:
    data: How many parts batches are split into.
    space: How many parts frames are split into; of the two, one may be -1,
      which is what the other leaves.
    devices: Those of all processes where None.

  Raises:
    ValueError: They do not make up the devices there are.
  """
  devices = jax.devices() if devices is None else devices
  count = len(devices)
  sizes = {DATA: data, SPACE: space}
  found = dict(sizes)
  for name, other in ((DATA, space), (SPACE, data)):
    if sizes[name] == -1 and other > 0:
      found[name] = count // other
  if min(found.values()) < 1 or found[DATA] * found[SPACE] != count:
    fitting = [
      f'data={count // n}, space={n}'
      for n in _divisors(count)
      if data in (-1, count // n) or space in (-1, n)
    ] or [f'data=-1, space={n}' for n in _divisors(count)]
    raise ValueError(
      f'a mesh of data={data}, space={space} does not fit {count} devices; use '
      + ' or '.join(fitting)
    )
  return jax.make_mesh(
    (found[DATA], found[SPACE]),
    (DATA, SPACE),
    axis_types=(AxisType.Auto,) * 2,
    devices=devices,
  )


def check_batch_size(mesh: Mesh, field: str, batch_size: int) -> None:
  """Raises a ValueError, of a field, where devices cannot share it evenly."""
  parts = mesh.shape[DATA]
  if batch_size % parts:
    below = batch_size - batch_size % parts
    near = [n for n in (below, below + parts) if n]
    raise ValueError(
      f'{field} {batch_size} is not divisible by {parts} devices; use '
      + ' or '.join(map(str, near))
    )


def check_height(mesh: Mesh, height: int, stride: int) -> None:
  """Raises a ValueError where devices cannot share rows evenly.

  Args:
    mesh: The devices.
    height: Rows of a frame.
    stride: Rows of a frame for a row of its map.
  """
  parts = mesh.shape[SPACE]
  if height % (parts * stride):
    fitting = ', '.join(map(str, _divisors(height // stride)))
    raise ValueError(
      f'mesh.space={parts} does not split frames of {height} rows into parts '
      f'of whole {stride} rows; use one of {fitting}, or frames of '
      f'{-(-height // (32 * parts)) * 32 * parts} rows'
    )


def check_no_space(mesh: Mesh, what: str) -> None:
  """Raises a ValueError where a mesh would split what has no rows."""
  if mesh.shape[SPACE] > 1:
    raise ValueError(
      f'mesh.space={mesh.shape[SPACE]} splits rows of frames, and {what} sees '
      'none; use mesh.space=1'
    )


@dataclasses.dataclass(frozen=True)
class Share:
  """The part of every batch that a process reads.

  Processes whose devices hold rows of the same examples read the same part.

  Attributes:
    index: Which part, from 0.
    count: How many parts there are.
    leads: Whether this process is the first of those that read it.
  """

  index: int
  count: int
  leads: bool


@functools.cache
def share_of_process(mesh: Mesh) -> Share:
  """Returns what this process reads of a batch.

  Raises:
    ValueError: Processes share some examples of theirs, and not others.
  """
  examples = collections.defaultdict(set)
  for place, devices in enumerate(mesh.devices):
    for device in devices:
      examples[device.process_index].add(place)
  owners = collections.defaultdict(list)
  for process, places in sorted(examples.items()):
    owners[tuple(sorted(places))].append(process)
  parts = sorted(owners)
  sizes = {len(places) for places in parts}
  if len(sizes) > 1 or sum(map(len, parts)) != mesh.shape[DATA]:
    each = mesh.devices.size // len(examples)
    raise ValueError(
      f'mesh.space={mesh.shape[SPACE]} lets processes of {each} devices share '
      'some of their examples and not others; use a number that divides '
      f'{each}, or that {each} divides'
    )
  me = jax.process_index()
  index = next(i for i, part in enumerate(parts) if me in owners[part])
  return Share(index, len(parts), leads=owners[parts[index]][0] == me)


def _divisors(number: int) -> list[int]:
  return [n for n in range(1, number + 1) if number % n == 0]
