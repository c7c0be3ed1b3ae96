"""Machines as their makers call them: `v5e:4x4`, `h100:8`."""

import dataclasses
import importlib.util
import math
import os
import re
from collections.abc import Sequence

import jax
from jax.experimental import topologies

from dave_jax.planning.chips import CHIPS, Chip

_EXAMPLES = {
  'v4': 'v4:2x2x1, v4:2x2x4, v4:4x4x4',
  'v5e': 'v5e:1x1, v5e:2x2, v5e:2x4, v5e:4x4, v5e:4x8, v5e:8x8, v5e:16x16',
  'v5p': 'v5p:2x2x1, v5p:2x2x4, v5p:4x4x4',
  'v6e': 'v6e:1x1, v6e:2x2, v6e:2x4, v6e:4x4, v6e:4x8, v6e:8x8, v6e:16x16',
}


@dataclasses.dataclass(frozen=True)
class Topology:
  """Chips that are connected.

  Attributes:
    name: `CHIP:SIZE`, as in v5e:4x4.
    chip: What each is.
    chips: How many there are.
  """

  name: str
  chip: Chip
  chips: int

  @property
  def compiles(self) -> bool:
    """Whether a compiler for it runs without one."""
    return self.chip.maker == 'tpu'


def parse_topology(name: str) -> Topology:
  """Returns what a name stands for.

  Raises:
    ValueError: It stands for nothing that is known here.
  """
  kind, _, size = name.partition(':')
  if kind not in CHIPS or not re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', size):
    raise ValueError(f'topology {name!r} is not known; use {_known()}')
  chip = CHIPS[kind]
  sides = [int(side) for side in size.split('x')]
  wanted = {'v4': 3, 'v5p': 3, 'v5e': 2, 'v6e': 2}.get(kind, 1)
  if len(sides) != wanted:
    raise ValueError(
      f'topology {name!r} has {len(sides)} sides, wanted {wanted}; use '
      + _EXAMPLES.get(kind, f'{kind}:1, {kind}:8')
    )
  return Topology(name, chip, math.prod(sides))


def compile_only_devices(topology: Topology) -> Sequence[jax.Device]:
  """Returns devices of a TPU topology, which programs can be compiled for.

  Raises:
    ValueError: libtpu, which compiles, is not installed; or it does not know
      the topology.
  """
  if (
    importlib.util.find_spec('libtpu') is None
    and 'TPU_LIBRARY_PATH' not in os.environ
  ):
    raise ValueError(
      f'{topology.name} is compiled for with libtpu, which is not installed; '
      'pip install "dave-jax[tpu]"'
    )
  # Else libtpu asks a server, which only TPU machines have, what it runs on.
  os.environ.setdefault('TPU_SKIP_MDS_QUERY', '1')
  # No TPU is used, which one program would have to itself.
  os.environ.setdefault('ALLOW_MULTIPLE_LIBTPU_LOAD', '1')
  # JAX would keep programs that it cannot read without the chip.
  jax.config.update('jax_enable_compilation_cache', False)
  options = {}
  if topology.chip.name == 'v4':
    # A program sees both cores of a chip as one device, as on real ones.
    options['chip_config_name'] = 'megacore'
  try:
    described = topologies.get_topology_desc(
      topology.name, platform='tpu', **options
    )
  except jax.errors.JaxRuntimeError as error:
    raise ValueError(
      f'libtpu gives no devices of {topology.name}: '
      f'{str(error).splitlines()[0]}; known are, for example, '
      f'{_EXAMPLES[topology.chip.name]}'
    ) from error
  if len(described.devices) != topology.chips:
    raise ValueError(
      f'libtpu sees {len(described.devices)} devices in {topology.name}, '
      f'wanted one for each of its {topology.chips} chips; use another '
      'version of libtpu'
    )
  return described.devices


def _known():
  gpus = [name for name, chip in CHIPS.items() if chip.maker == 'gpu']
  return (
    '; '.join(_EXAMPLES.values())
    + '; or a number of GPUs, '
    + ', '.join(f'{name}:8' for name in gpus)
  )
