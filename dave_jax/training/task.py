"""The interface between the training loop and what it trains."""

import os
from collections.abc import Sequence
from typing import Any, Protocol

import jax
import numpy as np
import optax
from flax import struct

from dave_jax.training.optimizer import Optimizer

Batch = dict[str, np.ndarray]


class TrainState(struct.PyTreeNode):
  """Everything that changes from step to step.

  Attributes:
    step: int32 [], number of steps taken.
    params: Parameters by module, float32.
    batch_stats: Running statistics of batch norm by module, float32.
    opt_state: Optimizer state by group of modules.
  """

  step: jax.Array
  params: dict
  batch_stats: dict
  opt_state: dict[str, optax.OptState]

  @classmethod
  def create(cls, variables: dict, optimizer: Optimizer) -> 'TrainState':
    """Returns the state before the first step."""
    return cls(
      step=np.int32(0),
      params=variables['params'],
      batch_stats=variables['batch_stats'],
      opt_state=optimizer.init(variables['params']),
    )

  def apply_gradients(
    self,
    gradients: dict,
    batch_stats: dict,
    optimizer: Optimizer,
    groups: Sequence[str],
  ) -> tuple['TrainState', dict[str, jax.Array]]:
    """Returns the state after an update of some groups; see `Optimizer`."""
    params, opt_state, metrics = optimizer.update(
      gradients, self.opt_state, self.params, self.step, groups=groups
    )
    state = self.replace(
      step=self.step + 1,
      params=params,
      batch_stats=batch_stats,
      opt_state=opt_state,
    )
    return state, metrics

  @property
  def variables(self) -> dict:
    """The variables that `Module.apply` takes."""
    return {'params': self.params, 'batch_stats': self.batch_stats}


class TrainingData(Protocol):
  """The batches of one process, one for each step."""

  def __next__(self) -> tuple[str, Batch]:
    """Returns the name of the stream, such as 'images', and its next batch."""

  def state(self) -> dict:
    """Returns the position as JSON; the same in all processes."""

  def restore(self, position: dict) -> None:
    """Continues from a position that `state` returned.

    Raises:
      ValueError: The position belongs to other data or another order.
    """

  def close(self) -> None:
    """Stops worker processes."""


class Task(Protocol):
  """A model, its data and its loss.

  Attributes:
    steps: Number of steps of the whole run.
    steps_per_epoch: Number of steps between evaluations by default.
    best: Name of the validation score, higher is better, that selects the best
      weights; None without validation data.
  """

  steps: int
  steps_per_epoch: int
  best: str | None

  def initial_state(self) -> tuple[TrainState, list[str]]:
    """Returns the state before the first step, on the devices.

    Also returns lines that say where the weights come from.
    """

  def abstract_state(self) -> TrainState:
    """Returns shapes, types and shardings of the state."""

  def train_data(self) -> TrainingData:
    """Returns the batches from the first on."""

  def train_step(
    self, state: TrainState, stream: str, batch: Batch
  ) -> tuple[TrainState, dict[str, Any]]:
    """Takes a step; donates the state's buffers.

    Returns:
      The next state, and {name: scalar on the device}, which contains 'loss'
      and 'gradient_norm'.
    """

  def examples(self, stream: str, batch: Batch) -> list[str]:
    """Returns a description of each example, for error messages."""

  def evaluate(self, state: TrainState) -> dict[str, float]:
    """Returns validation scores by name, the same in all processes."""

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    """Returns validation images to look at, uint8 [h, w, 3], by name."""

  def export(
    self, folder: str | os.PathLike, state: TrainState, origin: dict
  ) -> None:
    """Writes the weights as a checkpoint folder (`weights.model_folder`)."""
