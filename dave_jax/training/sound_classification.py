"""Pre-training of the audio encoder as a sound classifier (paper, sec. 3.1)."""

import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.data import audio_pipeline as sounds
from dave_jax.data import fake
from dave_jax.data.batches import Loading
from dave_jax.data.labelled_audio import (
  LabelledSounds,
  sounds_of_folder,
  sounds_of_tfds,
)
from dave_jax.media import clock
from dave_jax.models.dave import DAVE
from dave_jax.models.sound_classifier import SoundClassifier
from dave_jax.training.optimizer import make_optimizer
from dave_jax.training.routing import RoutedData, Stream
from dave_jax.training.sharding import (
  abstract_state,
  check_batch_size,
  compile_prediction,
  compile_step,
  examples_of_process,
  gather,
  place_batch,
  place_state,
)
from dave_jax.training.start import load_encoder
from dave_jax.training.task import TrainState
from dave_jax.weights import model_folder as store


class SoundClassificationTask:
  """Trains the audio encoder with a classification head.

  See `task.Task` for the methods. Fake data has no scores.
  """

  best = 'held_out/accuracy'

  def __init__(self, config: ConfigDict, mesh: Mesh):
    """Lists the recordings.

    Args:
      config: See configs/speech_commands.py.
      mesh: The devices that share a batch.

    Raises:
      ValueError, OSError: A setting is wrong, or data is missing.
    """
    self._config = config
    self._mesh = mesh
    for field in ('train', 'evaluation'):
      size = config[field].batch_size
      check_batch_size(mesh, f'{field}.batch_size', size)
    self._train = self._held_out = None
    self._labels = fake.LABELS
    if not config.fake_data:
      self._train, self._held_out = _read(config.data)
      self._labels = self._train.labels
    model = config.model.to_dict()
    model['dtype'] = jnp.dtype(model['dtype'])
    self._model = SoundClassifier(labels=len(self._labels), **model)
    examples = self._batches().examples
    self._about = f'{examples} sounds of {len(self._labels)} labels'
    self.steps_per_epoch = max(1, round(examples / config.train.batch_size))
    self.steps = config.train.steps or (
      self.steps_per_epoch * config.train.epochs
    )
    self._optimizer = make_optimizer(
      {'all': ('audio_encoder', 'classifier')},
      steps=self.steps,
      rates={},
      **config.optimizer,
    )
    self._step = compile_step(
      functools.partial(_step, self._model, self._optimizer),
      mesh,
      shard_optimizer=config.mesh.shard_optimizer,
    )
    self._logits = compile_prediction(
      functools.partial(_logits, self._model), mesh
    )

  def initial_state(self) -> tuple[TrainState, list[str]]:
    variables = self._model.initialise(self._config.seed)
    variables = {c: dict(tree) for c, tree in variables.items()}
    folder = self._config.start.audio_encoder
    if folder and not self._config.fake_data:
      load_encoder(variables, folder, 'audio_encoder')
    state = place_state(
      self._mesh,
      TrainState.create(variables, self._optimizer),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )
    return state, [self._about]

  def abstract_state(self) -> TrainState:
    variables = self._model.initialise(0)
    return abstract_state(
      self._mesh,
      TrainState.create(variables, self._optimizer),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )

  def train_data(self) -> RoutedData:
    return RoutedData([Stream('sounds', self._batches(), 1)])

  def train_step(self, state: TrainState, stream: str, batch: dict):
    del stream
    return self._step(state, place_batch(self._mesh, _arrays(batch)))

  def examples(self, stream: str, batch: dict) -> list[str]:
    del stream
    if self._config.fake_data:
      return [f'fake example {number}' for number in batch['recording']]
    return [self._train.names[number] for number in batch['recording']]

  def evaluate(self, state: TrainState) -> dict[str, float]:
    if self._config.fake_data:
      return {}
    correct, losses = [], []
    loading = self._loading(self._config.evaluation.batch_size)
    for batch in sounds.held_out_sounds(self._held_out, loading):
      placed = place_batch(self._mesh, _arrays(batch))
      logits = examples_of_process(self._logits(state.variables, placed))
      label, counts = batch['label'], batch['mask']
      loss = optax.softmax_cross_entropy_with_integer_labels(logits, label)
      correct.append(np.where(counts, logits.argmax(axis=1) == label, np.nan))
      losses.append(np.where(counts, np.asarray(loss), np.nan))
    return {
      f'held_out/{name}': float(np.nanmean(gather(np.concatenate(values))))
      for name, values in (('accuracy', correct), ('cross_entropy', losses))
    }

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    del state
    return {}

  def export(
    self, folder: str | os.PathLike, state: TrainState, origin: dict
  ) -> None:
    """Writes the encoder, for `start.audio_encoder` of another run."""
    config = self._config.model
    network = DAVE(
      modality='audio',
      depth=config.depth,
      width=config.width,
      shortcut=config.shortcut,
    )
    variables = {
      collection: {
        'audio_encoder': jax.tree.map(np.asarray, tree['audio_encoder'])
      }
      for collection, tree in state.variables.items()
    }
    store.save(
      folder,
      network,
      variables,
      origin=origin | {'labels': list(self._labels)},
      contents='encoders',
    )

  def _batches(self):
    config = self._config
    loading = self._loading(config.train.batch_size)
    if config.fake_data:
      return sounds.fake_sounds(loading, seed=config.seed)
    return sounds.train_sounds(
      self._train,
      loading,
      seed=config.seed,
      speed=config.data.speed,
      gain=config.data.gain,
      noise=config.data.noise,
    )

  def _loading(self, batch_size):
    return Loading(
      batch_size,
      jax.process_index(),
      jax.process_count(),
      workers=0,
      prefetch=self._config.data.prefetch,
    )


def _read(data: ConfigDict) -> tuple[LabelledSounds, LabelledSounds]:
  """Returns the sounds to train on and the held-out ones."""
  if data.tfds:
    both = tuple(
      sounds_of_tfds(data.folder, data.tfds, split)
      for split in ('train', 'validation')
    )
  else:
    both = sounds_of_folder(
      data.folder,
      held_out=_items(data.held_out),
      held_out_field=data.held_out_field,
    )
  if words := _items(data.words):
    both = tuple(part.of_words(words) for part in both)
  return both


def _examples(batch) -> jax.Array:
  return jax.vmap(clock.examples_of_chunk)(batch['log_mel'], batch['offsets'])


def _logits(model, variables, batch):
  return model.apply(variables, _examples(batch), train=False)


def _step(model, optimizer, state, batch):
  def mean_loss(params):
    logits, updated = model.apply(
      {'params': params, 'batch_stats': state.batch_stats},
      _examples(batch),
      train=True,
      mutable=['batch_stats'],
    )
    losses = optax.softmax_cross_entropy_with_integer_labels(
      logits, batch['label']
    )
    correct = logits.argmax(axis=1) == batch['label']
    metrics = {'loss': losses.mean(), 'accuracy': correct.mean()}
    return metrics['loss'], (updated['batch_stats'], metrics)

  gradients, (batch_stats, metrics) = jax.grad(mean_loss, has_aux=True)(
    state.params
  )
  state, optimizer_metrics = state.apply_gradients(
    gradients, batch_stats, optimizer, ('all',)
  )
  return state, metrics | optimizer_metrics


def _arrays(batch):
  return {key: batch[key] for key in ('log_mel', 'offsets', 'label')}


def _items(text: str) -> list[str]:
  return [item.strip() for item in text.split(',') if item.strip()]
