"""Training of the audio encoder as a classifier, as a task of the loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.data import audio_pipeline as sounds
from dave_jax.data.labelled_audio import (
  LabelledSounds,
  sounds_of_folder,
  sounds_of_tfds,
)
from dave_jax.media import clock
from dave_jax.models.dave import DAVE
from dave_jax.models.sound_classifier import SoundClassifier
from dave_jax.training.optimizer import adam
from dave_jax.training.routing import RoutedData, Stream
from dave_jax.training.sharding import (
  check_batch_size,
  compile_prediction,
  compile_step,
  examples_of_process,
  place_batch,
  place_state,
)
from dave_jax.training.start import load_encoder
from dave_jax.training.task import TrainState
from dave_jax.weights import model_folder as store

_FAKE_LABELS = [f'made-up label {n}' for n in range(10)]


class SoundClassification:
  """See `task.Task`; its config is in configs/speech_commands.py."""

  best = 'held_out/accuracy'

  def __init__(self, config: ConfigDict, mesh: Mesh):
    """Looks for the recordings.

    Raises:
      ValueError, OSError: A setting makes no sense, or data is not there.
    """
    self._config = config
    self._mesh = mesh
    train, data = config.train, config.data
    check_batch_size(mesh, 'train.batch_size', train.batch_size)
    check_batch_size(
      mesh, 'evaluation.batch_size', config.evaluation.batch_size
    )
    self._sounds = self._held_out = None
    self._labels = _FAKE_LABELS
    if not config.fake_data:
      self._sounds, self._held_out = _read(data)
      self._labels = self._sounds.labels
    model = config.model.to_dict()
    model['dtype'] = jnp.dtype(model['dtype'])
    self._model = SoundClassifier(labels=len(self._labels), **model)
    batches = self._train_batches()
    epoch = max(1, round(batches.examples / train.batch_size))
    self.steps_per_epoch = epoch
    self.steps = train.steps or epoch * train.epochs
    self._optimizer = adam(
      {'all': ('audio_encoder', 'classifier')},
      steps=self.steps,
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
    self.about = [f'{batches.examples} sounds of {len(self._labels)} labels']

  def initial_state(self) -> TrainState:
    """Returns the state before the first step."""
    variables = self._model.initialise(self._config.seed)
    variables = {c: dict(tree) for c, tree in variables.items()}
    folder = self._config.start.audio_encoder
    if folder and not self._config.fake_data:
      load_encoder(variables, folder, 'audio_encoder')
    params = variables['params']
    return place_state(
      self._mesh,
      TrainState(
        step=np.int32(0),
        params=params,
        batch_stats=variables['batch_stats'],
        opt_state=self._optimizer.init(params),
      ),
      shard_optimizer=self._config.mesh.shard_optimizer,
    )

  def train_data(self) -> RoutedData:
    """Returns the batches of this process, from the first on."""
    return RoutedData([Stream('sounds', self._train_batches(), 1)])

  def train_step(self, state, stream, batch):
    """Takes a step."""
    del stream
    return self._step(state, place_batch(self._mesh, _numbers(batch)))

  def examples(self, stream: str, batch: dict) -> list[str]:
    """Returns the files of a batch."""
    del stream
    if self._config.fake_data:
      return [f'made-up example {number}' for number in batch['recording']]
    return [self._sounds.names[number] for number in batch['recording']]

  def evaluate(self, state: TrainState) -> dict[str, float]:
    """Returns accuracy and cross-entropy on what is held out."""
    if self._config.fake_data:
      return {}
    variables = {'params': state.params, 'batch_stats': state.batch_stats}
    right, losses = [], []
    for batch in sounds.held_out_sounds(
      self._held_out,
      batch_size=self._config.evaluation.batch_size,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      prefetch=self._config.data.prefetch,
    ):
      placed = place_batch(self._mesh, _numbers(batch))
      logits = examples_of_process(self._logits(variables, placed))
      label, real = batch['label'], batch['mask']
      loss = np.array(
        optax.softmax_cross_entropy_with_integer_labels(logits, label)
      )
      right.append(np.where(real, logits.argmax(axis=1) == label, np.nan))
      losses.append(np.where(real, loss, np.nan))
    found = {'accuracy': right, 'cross_entropy': losses}
    return {
      f'held_out/{name}': _mean(np.concatenate(values))
      for name, values in found.items()
    }

  def pictures(self, state: TrainState) -> dict[str, np.ndarray]:
    """Returns none."""
    del state
    return {}

  def export(self, folder, state: TrainState, origin: dict) -> None:
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
      for collection, tree in (
        ('params', state.params),
        ('batch_stats', state.batch_stats),
      )
    }
    store.save(
      folder,
      network,
      variables,
      origin=origin | {'labels': list(self._labels)},
      contents='encoders',
    )

  def _train_batches(self):
    config = self._config
    if config.fake_data:
      return sounds.fake_sounds(
        labels=len(self._labels),
        batch_size=config.train.batch_size,
        seed=config.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
      )
    return sounds.train_sounds(
      self._sounds,
      batch_size=config.train.batch_size,
      seed=config.seed,
      speed=config.data.speed,
      gain=config.data.gain,
      noise=config.data.noise,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      prefetch=config.data.prefetch,
    )


def _read(data: ConfigDict) -> tuple[LabelledSounds, LabelledSounds]:
  """Returns the sounds to train on and those held out."""
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


def _logits(model, variables, batch):
  cut = jax.vmap(clock.examples_of_chunk)
  audio = cut(batch['log_mel'], batch['offsets'])
  return model.apply(variables, audio, train=False)


def _step(model, optimizer, state, batch):
  def mean_loss(params):
    cut = jax.vmap(clock.examples_of_chunk)
    logits, updated = model.apply(
      {'params': params, 'batch_stats': state.batch_stats},
      cut(batch['log_mel'], batch['offsets']),
      train=True,
      mutable=['batch_stats'],
    )
    losses = optax.softmax_cross_entropy_with_integer_labels(
      logits, batch['label']
    )
    right = logits.argmax(axis=1) == batch['label']
    metrics = {'loss': losses.mean(), 'accuracy': right.mean()}
    return metrics['loss'], (updated['batch_stats'], metrics)

  gradients, (batch_stats, metrics) = jax.grad(mean_loss, has_aux=True)(
    state.params
  )
  params, opt_state, more = optimizer.update(
    gradients, state.opt_state, state.params, state.step, groups=('all',)
  )
  state = state.replace(
    step=state.step + 1,
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
  )
  return state, metrics | more


def _numbers(batch):
  return {key: batch[key] for key in ('log_mel', 'offsets', 'label')}


def _mean(values) -> float:
  if jax.process_count() > 1:
    values = multihost_utils.process_allgather(values).reshape(-1)
  return float(np.nanmean(values))


def _items(text: str) -> list[str]:
  return [item.strip() for item in text.split(',') if item.strip()]
