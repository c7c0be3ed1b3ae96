"""Saliency prediction as a task of the training loop."""

import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.data.batches import batch_shapes
from dave_jax.models.dave import DAVE
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import make_optimizer
from dave_jax.training.routing import CompiledSteps, RoutedData
from dave_jax.training.saliency_data import ROUTE_OF_STREAM, SaliencyData
from dave_jax.training.sharding import (
  abstract_state,
  check_batch_size,
  place_state,
)
from dave_jax.training.start import recorded_training, starting_variables
from dave_jax.training.steps import RoutedSteps, groups
from dave_jax.training.task import TrainState
from dave_jax.training.validation import Validation
from dave_jax.weights import model_folder as store

# The score that selects the best weights, on the first validation split.
_BEST_SCORE = 'NSS'


class SaliencyTask:
  """Trains DAVE on saliency data; see `task.Task` for the methods.

  Attributes:
    model: The network.
    branches: The training step of each route.
  """

  def __init__(self, config: ConfigDict, mesh: Mesh):
    """Opens the data sets.

    Args:
      config: See configs/davos.py.
      mesh: The devices that share a batch.

    Raises:
      ValueError, OSError: A setting is wrong, or data is missing.
    """
    train = config.train
    self._config = config
    self._mesh = mesh
    model = config.model.to_dict()
    model['frame_size'] = tuple(model['frame_size'])
    model['dtype'] = jnp.dtype(model['dtype'])
    self.model = DAVE(**model)
    check_batch_size(mesh, 'train.batch_size', train.batch_size)
    self.best = None
    if config.data.validation and not config.fake_data:
      size = config.evaluation.batch_size
      check_batch_size(mesh, 'evaluation.batch_size', size)
      _check_scores(config.evaluation.scoring.scores)
    if train.accumulate < 1 or train.batch_size % train.accumulate:
      raise ValueError(
        'expected train.accumulate to divide the batch size '
        f'{train.batch_size}, got {train.accumulate}'
      )
    self._data = SaliencyData(config)
    self._trained_on = sorted(
      self._data.trained_on() | recorded_training(config.start)
    )
    self.steps = train.steps or self._data.steps_of_epochs(train.epochs)
    self.steps_per_epoch = max(1, self.steps // max(1, train.epochs))
    optimizer = config.optimizer.to_dict()
    rates = {'video_encoder': optimizer.pop('video_encoder_rate')}
    self._optimizer = make_optimizer(
      groups(self.model, [name for name, rate in rates.items() if not rate]),
      steps=self.steps,
      rates=rates,
      **optimizer,
    )
    self.branches = RoutedSteps(
      self.model, self._optimizer, Objective(**config.loss), train.accumulate
    )
    shapes = functools.partial(
      batch_shapes,
      batch_size=train.batch_size,
      frame_size=self.model.frame_size,
      fixation_map=self._data.fixation_map,
      evaluation=False,
    )
    self._step = CompiledSteps(
      self.branches,
      mesh,
      routing=train.routing,
      shard_optimizer=config.mesh.shard_optimizer,
      dummy_batches={
        route: shapes(still=still)
        for route, still in self._data.routes().items()
      },
    )
    self._validation = Validation(
      self.model, mesh, self._data.validation_sets()
    )
    if self._validation.names:
      self.best = f'{self._validation.names[0]}/{_BEST_SCORE}'

  def initial_state(self) -> tuple[TrainState, list[str]]:
    start = self._config.start
    if self._config.fake_data:
      start = start.copy_and_resolve_references()
      # Without data there may be no weights either.
      network = start.network if os.path.isdir(start.network) else ''
      start.update(network=network, video_encoder='', audio_encoder='')
    variables, about = starting_variables(self.model, start, self._config.seed)
    state = place_state(
      self._mesh,
      TrainState.create(variables, self._optimizer),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )
    return state, about

  def abstract_state(self) -> TrainState:
    create = functools.partial(TrainState.create, optimizer=self._optimizer)
    return abstract_state(
      self._mesh,
      jax.eval_shape(create, self.model.abstract_variables()),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )

  def lower(self) -> dict[str, jax.stages.Lowered]:
    """Lowers the training steps, see `CompiledSteps.lower`."""
    return self._step.lower(self.abstract_state())

  def train_data(self) -> RoutedData:
    return self._data.train_data()

  def train_step(self, state: TrainState, stream: str, batch: dict):
    return self._step(state, ROUTE_OF_STREAM[stream], batch)

  def examples(self, stream: str, batch: dict) -> list[str]:
    """Returns 'SET:SPLIT, clip CLIP, frame FRAME' of each example."""
    return self._data.examples(stream, batch)

  def evaluate(self, state: TrainState) -> dict[str, float]:
    """Returns {'SET:SPLIT/SCORE': value} of the validation splits."""
    return self._validation.scores(state.variables)

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    """Returns frame, ground truth and prediction of validation examples."""
    count = self._config.log.pictures
    return self._validation.pictures(state.variables, count)

  def export(
    self, folder: str | os.PathLike, state: TrainState, origin: dict
  ) -> None:
    variables = jax.tree.map(np.asarray, state.variables)
    origin = origin | {'trained_on': self._trained_on}
    if self.model.uses_audio:
      origin['sound'] = self._config.data.sound
    store.save(folder, self.model, variables, origin=origin)


def _check_scores(scores: str) -> None:
  names = [name.strip() for name in scores.split(',')]
  if _BEST_SCORE not in names and scores != 'all':
    raise ValueError(
      f'expected {_BEST_SCORE} in evaluation.scoring.scores, which selects the '
      f'best weights, got {scores!r}; add it'
    )
