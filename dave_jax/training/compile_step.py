"""How steps of training are compiled."""

from collections.abc import Callable

import jax
from jax.sharding import Mesh

from dave_jax.model import conv_cpu


def on_cpu(mesh: Mesh) -> bool:
  """Returns whether a mesh's devices are CPUs."""
  return mesh.devices.flat[0].platform == 'cpu'


def compile_step(step: Callable, mesh: Mesh) -> Callable:
  """Returns a step compiled at its first call; it uses up its state."""
  options = conv_cpu.COMPILER_OPTIONS if on_cpu(mesh) else None
  return jax.jit(step, donate_argnums=0, compiler_options=options)
