"""Optimizers with groups of modules; a step may update a subset of them."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import optax

from dave_jax.checks import check_choice
from dave_jax.training.muon import scale_by_muon

OPTIMIZERS = ('adam', 'muon')
SCHEDULES = ('constant', 'cosine', 'linear')


@dataclasses.dataclass(frozen=True)
class Optimizer:
  """A gradient transformation with separate state for each group of modules.

  A group that a step leaves out keeps its parameters and its state (moments and
  the count of their bias correction) bit for bit. The learning rate follows
  the steps of the whole run, not the steps of a group.

  Attributes:
    groups: {group: its modules, names at the top level of the parameters}.
    learning_rate: Schedule over the steps of the run.
    transform: From gradients to updates, without the learning rate.
    clip_norm: Maximum global norm of the gradients of all groups that a step
      updates; 0 disables clipping.
    rates: {module: factor of its learning rate}; 1 for modules not named.
  """

  groups: Mapping[str, tuple[str, ...]]
  learning_rate: optax.Schedule
  transform: optax.GradientTransformation
  clip_norm: float
  rates: Mapping[str, float]

  def init(self, params: dict) -> dict[str, optax.OptState]:
    """Returns the initial state of each group."""
    return {
      name: self.transform.init(self.select([name], params))
      for name in self.groups
    }

  def select(self, groups: Sequence[str], tree: dict) -> dict:
    """Returns the entries {module: ...} of the modules of some groups."""
    return {
      module: tree[module] for name in groups for module in self.groups[name]
    }

  def update(
    self,
    gradients: dict,
    opt_state: dict[str, optax.OptState],
    params: dict,
    step: jax.Array,
    *,
    groups: Sequence[str],
  ) -> tuple[dict, dict[str, optax.OptState], dict[str, jax.Array]]:
    """Updates some groups and leaves the others as they are.

    Args:
      gradients: Gradients of the modules of these groups.
      opt_state: State of all groups.
      params: Parameters of all modules.
      step: Number of steps taken in the run.
      groups: The groups to update.

    Returns:
      New parameters and new state of all groups, and the metrics
      'gradient_norm' (before clipping) and 'learning_rate'.
    """
    norm = optax.tree.norm(gradients)
    if self.clip_norm:
      clip = optax.clip_by_global_norm(self.clip_norm)
      gradients, _ = clip.update(gradients, clip.init(gradients))
    rate = self.learning_rate(step)
    params, opt_state = dict(params), dict(opt_state)
    for name in groups:
      selected = self.select([name], params)
      updates, opt_state[name] = self.transform.update(
        self.select([name], gradients), opt_state[name], selected
      )
      updates = {
        module: optax.tree.scale(-rate * self.rates.get(module, 1.0), tree)
        for module, tree in updates.items()
      }
      params |= optax.apply_updates(selected, updates)
    metrics = {
      'gradient_norm': norm,
      'learning_rate': jnp.asarray(rate, jnp.float32),
    }
    return params, opt_state, metrics


def make_optimizer(
  groups: Mapping[str, tuple[str, ...]],
  *,
  name: str,
  learning_rate: float,
  schedule: str,
  warmup: float,
  steps: int,
  b1: float,
  b2: float,
  epsilon: float,
  momentum: float,
  update_rms: float,
  weight_decay: float,
  clip_norm: float,
  rates: Mapping[str, float],
) -> Optimizer:
  """Returns Adam (Kingma and Ba, arXiv 1412.6980) or Muon.

  Args:
    groups, clip_norm, rates: See `Optimizer`.
    name: 'adam'; or 'muon' for the kernels of several outputs, see
      `dave_jax.training.muon`, and Adam for all other parameters.
    learning_rate: Peak value.
    schedule: 'constant', or 'cosine' or 'linear' decay to 0 at the last step.
    warmup: Fraction of the steps, 0 or more and below 1, over which the
      learning rate increases linearly from 0.
    steps: Number of steps of the whole run.
    b1, b2: Decay rates of Adam's moments.
    epsilon: Added to the root of Adam's second moment.
    momentum, update_rms: Of Muon, before the learning rate; see
      `scale_by_muon`.
    weight_decay: Decoupled weight decay (Loshchilov and Hutter, arXiv
      1711.05101), multiplied by the learning rate; applied to kernels, not to
      biases and scales.

  Raises:
    ValueError: The name or the schedule is unknown, or `warmup` or `momentum`
      out of range.
  """
  check_choice('optimizer.name', name, OPTIMIZERS)
  for field, value in (('warmup', warmup), ('momentum', momentum)):
    if not 0 <= value < 1:
      raise ValueError(
        f'expected optimizer.{field} of 0 or more and below 1, got {value}'
      )
  transform = optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon)
  if name == 'muon':
    transform = optax.partition(
      {'muon': scale_by_muon(momentum, update_rms), 'adam': transform},
      _transform_names,
    )
  if weight_decay:
    decay = optax.add_decayed_weights(weight_decay, mask=_kernels)
    transform = optax.chain(transform, decay)
  rate = _schedule(schedule, learning_rate, round(warmup * steps), steps)
  return Optimizer(groups, rate, transform, clip_norm, rates)


def _transform_names(params):
  """Returns the transformation of each parameter."""
  return jax.tree.map(
    lambda leaf: 'muon' if leaf.ndim > 1 and leaf.shape[-1] > 1 else 'adam',
    params,
  )


def _schedule(name, peak, warmup_steps, steps) -> optax.Schedule:
  if name == 'constant':
    return optax.warmup_constant_schedule(
      0.0 if warmup_steps else peak, peak, warmup_steps
    )
  if name == 'cosine':
    return optax.warmup_cosine_decay_schedule(
      0.0 if warmup_steps else peak, peak, warmup_steps, steps
    )
  if name == 'linear':
    decay = optax.linear_schedule(peak, 0.0, steps - warmup_steps)
    warmup = optax.linear_schedule(0.0, peak, max(1, warmup_steps))
    return optax.join_schedules([warmup, decay], [warmup_steps])
  raise ValueError(f'expected optimizer.schedule in {SCHEDULES}, got {name!r}')


def _kernels(params):
  return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
