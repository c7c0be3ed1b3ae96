"""Training steps with dynamic routing (section 3.2 of the paper).

A batch takes one of two routes. On AUDIO_VISUAL all modules are trained. On
VISUAL, the route of still images and silent video, the visual features go
directly into the decoder, and the audio modules keep their parameters, batch
statistics and optimizer state bit for bit.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import model_inputs
from dave_jax.training.optimizer import Optimizer
from dave_jax.training.task import TrainState

AUDIO_VISUAL = 'audio_visual'
VISUAL = 'visual'
ROUTES = (AUDIO_VISUAL, VISUAL)

# Modules that the visual route does not use.
AUDIO_MODULES = ('audio_encoder', 'combined_embedding')

Loss = Callable[[jax.Array, dict], tuple[jax.Array, dict[str, jax.Array]]]


def groups(
  model: DAVE, frozen: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
  """Returns the optimizer's groups of modules: 'visual' and 'audio'.

  A network of one modality has a single group, 'all'. Frozen modules are in no
  group: their parameters stay as they are.
  """
  modules = {path[1] for path in model.variable_shapes()} - set(frozen)
  modules = tuple(sorted(modules))
  if model.modality != 'audio_visual':
    return {'all': modules}
  return {
    'visual': tuple(m for m in modules if m not in AUDIO_MODULES),
    'audio': AUDIO_MODULES,
  }


@dataclasses.dataclass(frozen=True)
class RoutedSteps:
  """The training step of each route, and one that selects between them.

  The loss is the mean over the examples with fixations.

  Attributes:
    model: The network.
    optimizer: With the groups of `groups(model)`.
    loss: From maps [b, h, w] and the batch to the loss of each example [b] and
      its terms {name: [b]}.
    accumulate: Number of micro-batches that a batch is split into to save
      memory. The loss is that of the whole batch; batch norm normalizes each
      micro-batch by itself.
  """

  model: DAVE
  optimizer: Optimizer
  loss: Loss
  accumulate: int

  def audio_visual(self, state: TrainState, batch: dict):
    """Takes a step that trains all modules."""
    return self._step(state, batch, visual_only=False)

  def visual(self, state: TrainState, batch: dict):
    """Takes a step that neither uses nor trains the audio modules."""
    return self._step(
      state, batch, visual_only=self.model.modality == 'audio_visual'
    )

  def routed(self, state: TrainState, batch: dict):
    """Takes the step of the batch's route, selected on the device.

    Args:
      state: State before the step.
      batch: {'route': int32 [], an index into ROUTES, and a batch for each of
        ROUTES}. Only the batch of the route is used.
    """
    return lax.cond(
      batch['route'] == ROUTES.index(AUDIO_VISUAL),
      lambda s, b: self.audio_visual(s, b[AUDIO_VISUAL]),
      lambda s, b: self.visual(s, b[VISUAL]),
      state,
      batch,
    )

  def _step(self, state, batch, visual_only):
    updated = tuple(
      name
      for name in self.optimizer.groups
      if not (visual_only and name == 'audio')
    )
    trainable = self.optimizer.select(updated, state.params)
    gradients, batch_stats, metrics = self._gradients(
      trainable, state, batch, visual_only
    )
    state, optimizer_metrics = state.apply_gradients(
      gradients, batch_stats, self.optimizer, updated
    )
    return state, metrics | optimizer_metrics

  def _gradients(self, trainable, state, batch, visual_only):
    """Returns the gradients of the batch's loss, batch statistics, metrics."""
    fixated = _fixated(batch).sum()

    def gradient(batch_stats, part):
      return jax.grad(self._share_of_loss, has_aux=True)(
        trainable, state.params, batch_stats, part, fixated, visual_only
      )

    if self.accumulate == 1:
      gradients, (stats, metrics) = gradient(state.batch_stats, batch)
      return gradients, stats, metrics

    def add(carry, part):
      total, stats = carry
      gradients, (stats, metrics) = gradient(stats, part)
      return (jax.tree.map(jnp.add, total, gradients), stats), metrics

    zeros = jax.tree.map(jnp.zeros_like, trainable)
    (gradients, stats), metrics = lax.scan(
      add, (zeros, state.batch_stats), jax.tree.map(self._split, batch)
    )
    return gradients, stats, jax.tree.map(lambda m: m.sum(axis=0), metrics)

  def _split(self, values):
    """Splits [b, ...] into micro-batches [accumulate, b / accumulate, ...].

    Each contains examples of every device, so that none has to be moved.
    """
    b, *rest = values.shape
    values = values.reshape(b // self.accumulate, self.accumulate, *rest)
    return jnp.moveaxis(values, 1, 0)

  def _share_of_loss(
    self, trainable, params, batch_stats, part, fixated, visual_only
  ):
    """Returns the share of a micro-batch in the loss and metrics of a batch.

    Args:
      trainable: Parameters to differentiate with respect to.
      params: All parameters.
      batch_stats: Batch statistics before the micro-batch.
      part: The micro-batch.
      fixated: Number of examples with fixations in the whole batch.
      visual_only: Whether to take the visual route.
    """
    video, audio = model_inputs(self.model, part, visual_only=visual_only)
    maps, updated = self.model.apply(
      {'params': params | trainable, 'batch_stats': batch_stats},
      video,
      audio,
      train=True,
      visual_only=visual_only,
      mutable=['batch_stats'],
    )
    losses, terms = self.loss(maps, part)
    weights = _fixated(part) / jnp.maximum(fixated, 1)
    metrics = {name: (term * weights).sum() for name, term in terms.items()}
    metrics |= {
      'loss': (losses * weights).sum(),
      # Fraction of maps that are all zeros.
      'blank_maps': (maps.max(axis=(1, 2)) == 0).mean() / self.accumulate,
    }
    stats = dict(batch_stats) | updated.get('batch_stats', {})
    return metrics['loss'], (stats, metrics)


def _fixated(batch) -> jax.Array:
  """Returns 1 for examples with fixations and 0 for others, float32 [b]."""
  return (batch['density'].sum(axis=(1, 2)) > 0).astype(jnp.float32)
