"""Steps of training by dynamic routing (paper, section 3.2).

A batch takes one of two routes. On AUDIO_VISUAL everything learns. On VISUAL,
that of still images and silent video, the visual features go straight into the
decoder, and the modules of sound keep their parameters, batch statistics and
optimiser state bit for bit.
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

# Modules that stay as they are on the visual route.
AUDIO_MODULES = ('audio_encoder', 'combined_embedding')

Loss = Callable[[jax.Array, dict], tuple[jax.Array, dict[str, jax.Array]]]


def groups(
  model: DAVE, frozen: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
  """Returns the groups that the optimiser knows: 'visual' and 'audio'.

  A network of one modality has the one group 'all'. Modules that are frozen are
  in no group: their parameters stay as they are.
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
  """The two branches of a step, and the one that chooses between them.

  Attributes:
    model: The network.
    optimizer: With the groups of `groups(model)`.
    loss: From maps [b, h, w] and the batch to a value for each example [b] and
      its terms {name: [b]}.
    accumulate: In how many parts a batch is computed, one after another, to
      save memory; batch statistics are those of a part.
  """

  model: DAVE
  optimizer: Optimizer
  loss: Loss
  accumulate: int

  def audio_visual(self, state: TrainState, batch: dict):
    """Takes a step in which everything learns."""
    return self._step(state, batch, visual_only=False)

  def visual(self, state: TrainState, batch: dict):
    """Takes a step in which sound is neither heard nor trained."""
    return self._step(
      state, batch, visual_only=self.model.modality == 'audio_visual'
    )

  def routed(self, state: TrainState, batch: dict):
    """Takes the step of the batch's route, chosen on the device.

    Args:
      state: Before the step.
      batch: {'route': int32 [], place in ROUTES; and for each of ROUTES its
        batch}, of which only the one of the route is looked at.
    """
    return lax.cond(
      batch['route'] == ROUTES.index(AUDIO_VISUAL),
      lambda s, b: self.audio_visual(s, b[AUDIO_VISUAL]),
      lambda s, b: self.visual(s, b[VISUAL]),
      state,
      batch,
    )

  def _step(self, state, batch, visual_only):
    learning = tuple(
      name
      for name in self.optimizer.groups
      if not (visual_only and name == 'audio')
    )
    trainable = self.optimizer.of_groups(learning, state.params)
    gradients, batch_stats, metrics = self._gradients(
      trainable, state.params, state.batch_stats, batch, visual_only
    )
    params, opt_state, more = self.optimizer.update(
      gradients, state.opt_state, state.params, state.step, groups=learning
    )
    state = state.replace(
      step=state.step + 1,
      params=params,
      batch_stats=batch_stats,
      opt_state=opt_state,
    )
    return state, metrics | more

  def _gradients(self, trainable, params, batch_stats, batch, visual_only):
    gradient = jax.grad(self._mean_loss, has_aux=True)
    if self.accumulate == 1:
      gradients, aux = gradient(
        trainable, params, batch_stats, batch, visual_only
      )
      return gradients, *aux
    parts = jax.tree.map(self._part, batch)

    def add(carry, part):
      total, stats = carry
      gradients, (stats, metrics) = gradient(
        trainable, params, stats, part, visual_only
      )
      return (jax.tree.map(jnp.add, total, gradients), stats), metrics

    zeros = jax.tree.map(jnp.zeros_like, trainable)
    (total, stats), metrics = lax.scan(add, (zeros, batch_stats), parts)
    gradients = jax.tree.map(lambda g: g / self.accumulate, total)
    return gradients, stats, jax.tree.map(jnp.mean, metrics)

  def _part(self, values):
    """Splits [b, ...] into [parts, b / parts, ...].

    Every part takes of each device's examples, so that none has to move.
    """
    b, *rest = values.shape
    values = values.reshape(b // self.accumulate, self.accumulate, *rest)
    return jnp.moveaxis(values, 1, 0)

  def _mean_loss(self, trainable, params, batch_stats, batch, visual_only):
    """Returns the mean over the examples that somebody looked at."""
    video, audio = model_inputs(self.model, batch, visual_only=visual_only)
    maps, updated = self.model.apply(
      {'params': params | trainable, 'batch_stats': batch_stats},
      video,
      audio,
      train=True,
      visual_only=visual_only,
      mutable=['batch_stats'],
    )
    losses, terms = self.loss(maps, batch)
    counts = (batch['density'].sum(axis=(1, 2)) > 0).astype(jnp.float32)
    total = jnp.maximum(counts.sum(), 1)

    def mean(values):
      return (values * counts).sum() / total

    metrics = {name: mean(values) for name, values in terms.items()}
    metrics |= {
      'loss': mean(losses),
      'blank_maps': (maps.max(axis=(1, 2)) == 0).mean(),
    }
    stats = dict(batch_stats) | updated.get('batch_stats', {})
    return metrics['loss'], (stats, metrics)
