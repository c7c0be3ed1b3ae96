"""Adam in groups of modules, any of which a step may leave alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import optax

SCHEDULES = ('constant', 'cosine', 'linear')


@dataclasses.dataclass(frozen=True)
class Optimizer:
  """Adam whose groups of modules each have a state of their own.

  Moments and the count that corrects their bias belong to a group: a group that
  a step leaves out keeps all of them, and its parameters, bit for bit. The
  learning rate follows the steps of the whole run instead.

  Attributes:
    groups: {name of a group: its modules, the top level of the parameters}.
    learning_rate: Of the number of steps taken so far.
    transform: From gradients to updates before the learning rate.
    clip_norm: Largest norm of the gradient of all groups of a step together;
      0 does not clip.
    rates: {module: factor of its learning rate}; 1 where it is not named.
  """

  groups: Mapping[str, tuple[str, ...]]
  learning_rate: optax.Schedule
  transform: optax.GradientTransformation
  clip_norm: float
  rates: Mapping[str, float]

  def init(self, params: dict) -> dict[str, optax.OptState]:
    """Returns the state {group: its state} before the first step."""
    return {
      name: self.transform.init(self.of_group(name, params))
      for name in self.groups
    }

  def of_group(self, name: str, tree: dict) -> dict:
    """Returns the part {module: ...} of a tree by module."""
    return {module: tree[module] for module in self.groups[name]}

  def of_groups(self, names: Sequence[str], tree: dict) -> dict:
    """Returns the part of a tree by module that belongs to some groups."""
    return {
      module: tree[module] for name in names for module in self.groups[name]
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
    """Takes a step with some groups and leaves the others as they are.

    Args:
      gradients: By module, of those groups alone.
      opt_state: Of all groups.
      params: Of all modules.
      step: Steps of the run so far.
      groups: Which groups learn.

    Returns:
      New parameters and state of all groups, and {'gradient_norm',
      'learning_rate'}, the norm before it is clipped.
    """
    norm = optax.tree.norm(gradients)
    if self.clip_norm:
      scale = jnp.minimum(1.0, self.clip_norm / jnp.maximum(norm, 1e-12))
      gradients = jax.tree.map(lambda g: g * scale, gradients)
    rate = self.learning_rate(step)
    params, opt_state = dict(params), dict(opt_state)
    for name in groups:
      own = self.of_group(name, params)
      updates, opt_state[name] = self.transform.update(
        self.of_group(name, gradients), opt_state[name], own
      )
      updates = {
        module: optax.tree.scale(-rate * self.rates.get(module, 1.0), tree)
        for module, tree in updates.items()
      }
      params |= optax.apply_updates(own, updates)
    metrics = {
      'gradient_norm': norm,
      'learning_rate': jnp.asarray(rate, jnp.float32),
    }
    return params, opt_state, metrics


def adam(
  groups: Mapping[str, tuple[str, ...]],
  *,
  learning_rate: float,
  schedule: str,
  warmup: float,
  steps: int,
  b1: float,
  b2: float,
  epsilon: float,
  weight_decay: float,
  clip_norm: float,
  video_encoder_rate: float = 1.0,
) -> Optimizer:
  """Returns Adam, Kingma and Ba, arXiv 1412.6980.

  Args:
    groups, clip_norm: See `Optimizer`.
    learning_rate: At its highest.
    schedule: 'constant'; 'cosine' or 'linear' fall to 0 at the last step.
    warmup: Share of the steps over which it rises from 0, linearly; 0 to 1.
    steps: Of the whole run.
    b1, b2, epsilon: Decay of the moments, and what is added to the root.
    weight_decay: Decoupled (Loshchilov and Hutter, arXiv 1711.05101), times the
      learning rate, of kernels alone; 0 has none.
    video_encoder_rate: Factor of the learning rate of the video encoder.

  Raises:
    ValueError: There is no such schedule, or it is all warm-up.
  """
  if schedule not in SCHEDULES:
    raise ValueError(f'schedule {schedule!r} is none of {SCHEDULES}')
  if not 0 <= warmup < 1:
    raise ValueError(f'got warmup {warmup}, wanted a share: 0 or more, below 1')
  warmup_steps = round(warmup * steps)
  fall = steps - warmup_steps
  after = {
    'constant': lambda: optax.constant_schedule(learning_rate),
    'cosine': lambda: optax.cosine_decay_schedule(learning_rate, fall),
    'linear': lambda: optax.linear_schedule(learning_rate, 0.0, fall),
  }[schedule]()
  rate = after
  if warmup_steps:
    rise = optax.linear_schedule(0.0, learning_rate, warmup_steps)
    rate = optax.join_schedules([rise, after], [warmup_steps])
  transform = optax.scale_by_adam(b1=b1, b2=b2, eps=epsilon)
  if weight_decay:
    decay = optax.add_decayed_weights(weight_decay, mask=_kernels)
    transform = optax.chain(transform, decay)
  rates = {'video_encoder': video_encoder_rate}
  return Optimizer(groups, rate, transform, clip_norm, rates)


def _kernels(params):
  return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
