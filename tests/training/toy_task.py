"""A task without a network: tests of the training loop take milliseconds."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from dave_jax.training.task import TrainState


class ToyData:
  """Counts batches."""

  def __init__(self):
    self.closed = False
    self._next = 0

  def __next__(self):
    self._next += 1
    return 'images', {'frame': np.array([self._next])}

  def state(self):
    return {'next': self._next}

  def restore(self, position):
    self._next = position['next']

  def close(self):
    self.closed = True


class ToyTask:
  """Adds the number of the batch to its one parameter, see `task.Task`.

  Attributes:
    spoil: {step: 'loss', 'gradient_norm' or 'params'}, what becomes NaN there.
    data: The data of the last start.
    calls: Names of the calls of the loop, in order.
  """

  def __init__(self, *, steps, best=None, spoil=None):
    self.steps = steps
    self.steps_per_epoch = 2
    self.best = best
    self.spoil = spoil or {}
    self.data = None
    self.calls = []

  def initial_state(self):
    state = TrainState(
      step=jnp.int32(0),
      params={'a': {'kernel': jnp.zeros(2)}},
      batch_stats={},
      opt_state={},
    )
    return state, ['a: zeros']

  def abstract_state(self):
    return jax.tree.map(
      ocp.utils.to_shape_dtype_struct, self.initial_state()[0]
    )

  def train_data(self):
    self.data = ToyData()
    return self.data

  def train_step(self, state, stream, batch):
    del stream
    step = int(state.step) + 1
    spoilt = self.spoil.get(step)
    params = jax.tree.map(lambda x: x + batch['frame'][0], state.params)
    if spoilt == 'params':
      params = jax.tree.map(lambda x: x * jnp.nan, params)
    metrics = {'loss': jnp.float32(step), 'gradient_norm': jnp.float32(1)}
    if spoilt in metrics:
      metrics[spoilt] = jnp.float32(jnp.nan)
    return state.replace(step=jnp.int32(step), params=params), metrics

  def examples(self, stream, batch):
    return [f'{stream} {number}' for number in batch['frame']]

  def evaluate(self, state):
    self.calls.append(f'evaluate {int(state.step)}')
    return {self.best: float(state.step)} if self.best else {}

  def pictures(self, state):
    del state
    return {}

  def export(self, folder, state, origin):
    del state
    folder.mkdir()
    (folder / 'model.json').write_text(json.dumps({'origin': origin}))
