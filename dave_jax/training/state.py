"""What training changes from step to step."""

import jax
import optax
from flax import struct


class TrainState(struct.PyTreeNode):
  """Everything that a step of training takes and gives.

  Attributes:
    step: int32 [], steps taken so far.
    params: Parameters, float32, by module.
    batch_stats: Running statistics of batch norm, float32, by module.
    opt_state: State of the optimiser, by group of modules.
  """

  step: jax.Array
  params: dict
  batch_stats: dict
  opt_state: dict[str, optax.OptState]
