"""What a step costs on GPUs, guessed without their compiler."""

import math
import time

import jax
import numpy as np
from ml_collections import ConfigDict

from dave_jax.planning.collectives import Collectives
from dave_jax.planning.programs import Program, compile_step, lower_steps
from dave_jax.planning.roofline import Costs
from dave_jax.training.sharding import make_mesh
from dave_jax.training.steps import AUDIO_MODULES, AUDIO_VISUAL


def gradient_size(lowered: jax.stages.Lowered, route: str) -> int:
  """Returns bytes of the gradients that a route's step computes.

  Args:
    lowered: The step, whose first argument is the state.
    route: One of `steps.ROUTES`.
  """
  params = lowered.args_info[0][0].params
  learning = [
    tree
    for module, tree in params.items()
    if route == AUDIO_VISUAL or module not in AUDIO_MODULES
  ]
  return sum(
    math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize
    for leaf in jax.tree.leaves(learning)
  )


def estimate_steps(config: ConfigDict, chips: int) -> dict[str, Program]:
  """Returns {route: program} of one chip's part of a batch.

  Operations are those of the program as it was written; memory, and what moves
  from and to it, those of the same program compiled for this CPU. Chips send
  each other the gradients of what learns, in one sum.

  Args:
    config: See configs/davos.py; `train.batch_size` is of all chips.
    chips: How many share the batch.
  """
  config = config.copy_and_resolve_references()
  config.train.batch_size //= chips
  config.model.lax_kernels = True
  mesh = make_mesh(1, jax.devices('cpu')[:1])
  programs = {}
  for route, lowered in lower_steps(config, mesh, routing='static').items():
    parts = config.train.accumulate
    begin = time.perf_counter()
    compiled = compile_step(lowered, 1, parts=parts)
    size = gradient_size(lowered, route)
    collectives = []
    if chips > 1:
      sent = 2 * size * (chips - 1) / chips
      collectives = [Collectives('all-reduce', 1, size, sent)]
    programs[route] = Program(
      compiled.memory,
      Costs(
        flops=parts * lowered.cost_analysis()['flops'],
        bytes_moved=compiled.costs.bytes_moved,
        bytes_sent=sum(entry.sent for entry in collectives),
      ),
      collectives,
      time.perf_counter() - begin,
    )
  return programs
