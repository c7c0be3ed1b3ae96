"""The three networks of saliency as a task of the training loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.data.batches import batch_shapes
from dave_jax.models.dave import DAVE
from dave_jax.training import steps
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import adam
from dave_jax.training.routing import CompiledSteps, RoutedData
from dave_jax.training.saliency_data import ROUTE_OF_STREAM, SaliencyData
from dave_jax.training.sharding import (
  check_batch_size,
  place_state,
  state_shardings,
)
from dave_jax.training.start import starting_variables
from dave_jax.training.task import TrainState
from dave_jax.training.validation import Validation
from dave_jax.weights import model_folder as store


class SaliencyTask:
  """See `task.Task`; what its config holds is in configs/davos.py."""

  def __init__(self, config: ConfigDict, mesh: Mesh):
    """Opens the data sets.

    Raises:
      ValueError, OSError: A setting makes no sense, or data is not there.
    """
    train = config.train
    self._config = config
    self._mesh = mesh
    model = config.model.to_dict()
    model['frame_size'] = tuple(model['frame_size'])
    model['dtype'] = jnp.dtype(model['dtype'])
    self.model = DAVE(**model)
    check_batch_size(mesh, 'train.batch_size', train.batch_size)
    evaluated = config.evaluation.batch_size
    if config.data.validation and not config.fake_data:
      check_batch_size(mesh, 'evaluation.batch_size', evaluated)
    if train.accumulate < 1 or train.batch_size % train.accumulate:
      raise ValueError(
        f'a batch of {train.batch_size} does not split into '
        f'{train.accumulate} parts; set train.accumulate to a divisor'
      )
    self._data = SaliencyData(config)
    self.steps = train.steps or self._data.steps_of_epochs(train.epochs)
    self.steps_per_epoch = max(1, self.steps // max(1, train.epochs))
    frozen = ('video_encoder',) * (config.optimizer.video_encoder_rate == 0)
    self._optimizer = adam(
      steps.groups(self.model, frozen), steps=self.steps, **config.optimizer
    )
    self.branches = steps.RoutedSteps(
      self.model,
      self._optimizer,
      Objective(**config.loss),
      train.accumulate,
    )
    self._step = CompiledSteps(
      self.branches,
      mesh,
      routing=train.routing,
      shard_optimizer=config.mesh.shard_optimizer,
      dummy_batches=self._dummy_batches(),
    )
    self._validation = Validation(
      self.model, mesh, self._data.validation_sets()
    )
    self.best = None
    if self._validation.names:
      self.best = f'{self._validation.names[0]}/NSS'
    self.about = []

  def initial_state(self) -> TrainState:
    """Returns the state before the first step.

    `about` then says where the encoders come from.
    """
    start = self._config.start
    if self._config.fake_data:
      start = start.copy_and_resolve_references()
      start.update(network='', video_encoder='', audio_encoder='')
    variables, self.about = starting_variables(
      self.model, start, self._config.seed
    )
    params, batch_stats = variables['params'], variables['batch_stats']
    return place_state(
      self._mesh,
      TrainState(
        step=np.int32(0),
        params=params,
        batch_stats=batch_stats,
        opt_state=self._optimizer.init(params),
      ),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )

  def lower(self) -> dict[str, jax.stages.Lowered]:
    """Returns its steps, see `CompiledSteps.lower`, from shapes alone."""
    variables = self.model.abstract_variables()
    params = variables['params']
    state = TrainState(
      step=jax.ShapeDtypeStruct((), np.int32),
      params=params,
      batch_stats=variables['batch_stats'],
      opt_state=jax.eval_shape(self._optimizer.init, params),
    )
    where = state_shardings(
      self._mesh, state, shard_optimizer=self._config.mesh.shard_optimizer
    )
    return self._step.lower(
      jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(
          leaf.shape, leaf.dtype, sharding=sharding
        ),
        state,
        where,
      )
    )

  def train_data(self) -> RoutedData:
    """Returns the batches of this process, from the first on."""
    return self._data.train_data()

  def train_step(self, state, stream, batch):
    """Takes a step on the route of the stream of batch."""
    return self._step(state, ROUTE_OF_STREAM[stream], batch)

  def examples(self, stream: str, batch: dict) -> list[str]:
    """Returns 'SET: clip NAME, frame N' of each example."""
    return self._data.examples(stream, batch)

  def evaluate(self, state: TrainState) -> dict[str, float]:
    """Returns {'SET/SCORE': value} of the validation sets."""
    return self._validation.scores(_variables(state))

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    """Returns frame, density and prediction of a few validation examples."""
    return self._validation.pictures(
      _variables(state), self._config.log.pictures
    )

  def export(self, folder, state: TrainState, origin: dict) -> None:
    """Writes the network, for `predict` and `evaluate`."""
    variables = {
      collection: jax.tree.map(np.asarray, tree)
      for collection, tree in _variables(state).items()
    }
    store.save(folder, self.model, variables, origin=origin)

  def _dummy_batches(self):
    config = self._config
    shapes = functools.partial(
      batch_shapes,
      batch_size=config.train.batch_size,
      frame_size=self.model.frame_size,
      fixation_map=self._data.fixation_map,
      evaluation=False,
    )
    return {
      route: shapes(still=still) for route, still in self._data.routes().items()
    }


def _variables(state):
  return {'params': state.params, 'batch_stats': state.batch_stats}
