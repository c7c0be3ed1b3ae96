"""What the training loop asks of whatever it trains."""

from typing import Any, Protocol

import jax
import numpy as np
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


Batch = dict[str, np.ndarray]


class TrainingData(Protocol):
  """Batches of one process, one for each step, from a position on."""

  def __next__(self) -> tuple[str, Batch]:
    """Returns the next step's stream of batch, such as 'images', and batch."""

  def state(self) -> dict:
    """Returns the position, for JSON; the same in all processes."""

  def restore(self, position: dict) -> None:
    """Goes to a position.

    Raises:
      ValueError: It is one of other data or of another order.
    """

  def close(self) -> None:
    """Ends worker processes."""


class Task(Protocol):
  """Something to train.

  Attributes:
    steps: Of the whole run.
    steps_per_epoch: From one evaluation to the next unless told otherwise.
    about: Lines that tell what it trains, and from what.
    best: Name of the validation score, higher being better, that the best
      weights are kept by; None keeps none.
  """

  steps: int
  steps_per_epoch: int
  about: list[str]
  best: str | None

  def initial_state(self) -> TrainState:
    """Returns the state before the first step, on the devices."""

  def train_data(self) -> TrainingData:
    """Returns the batches, from the first on."""

  def train_step(
    self, state: TrainState, stream: str, batch: Batch
  ) -> tuple[TrainState, dict[str, Any]]:
    """Takes a step; uses up the state given.

    Returns:
      The next state, and {name: scalar on the device}, of which 'loss' is one.
    """

  def examples(self, stream: str, batch: Batch) -> list[str]:
    """Returns what tells the examples of a batch, for error messages."""

  def evaluate(self, state: TrainState) -> dict[str, float]:
    """Returns validation scores by name, the same in all processes."""

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    """Returns pictures to look at, uint8 [h, w, 3], by name."""

  def export(self, folder, state: TrainState, origin: dict) -> None:
    """Writes the weights as a new checkpoint, see `weights.model_folder`."""
