"""Schedules, clipping and decay; groups are in test_steps.py."""

import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training.optimizer import adam

PARAMS = {'a': {'kernel': jnp.ones((2, 2)), 'bias': jnp.ones(2)}}


def _adam(**fields):
  return adam(
    {'all': ('a',)},
    **{
      'learning_rate': 0.1,
      'schedule': 'constant',
      'warmup': 0.0,
      'steps': 100,
      'b1': 0.9,
      'b2': 0.999,
      'epsilon': 1e-8,
      'weight_decay': 0.0,
      'clip_norm': 0.0,
    }
    | fields,
  )


def _step(optimizer, gradient, step=0):
  gradients = {'a': {'kernel': gradient, 'bias': jnp.zeros(2)}}
  return optimizer.update(
    gradients, optimizer.init(PARAMS), PARAMS, step, groups=('all',)
  )


@pytest.mark.parametrize(
  ('schedule', 'warmup', 'wanted'),
  [
    # By hand at steps 0, 10, 55 and 100 of 100.
    ('constant', 0.0, [0.1, 0.1, 0.1, 0.1]),
    ('linear', 0.1, [0.0, 0.1, 0.05, 0.0]),
    ('cosine', 0.1, [0.0, 0.1, 0.05, 0.0]),
    ('linear', 0.0, [0.1, 0.09, 0.045, 0.0]),
  ],
)
def test_learning_rate_follows_the_run(schedule, warmup, wanted):
  optimizer = _adam(schedule=schedule, warmup=warmup)
  rates = [optimizer.learning_rate(step) for step in (0, 10, 55, 100)]
  np.testing.assert_allclose(rates, wanted, atol=1e-7)


def test_gradient_is_clipped_to_its_norm():
  """The first moment is a tenth of the gradient: of norm 6 before, 3 after."""
  _, state, metrics = _step(_adam(clip_norm=3.0), jnp.full((2, 2), 3.0))
  np.testing.assert_allclose(metrics['gradient_norm'], 6)
  np.testing.assert_allclose(state['all'].mu['a']['kernel'], 0.15, rtol=1e-6)


def test_small_gradient_is_not_clipped():
  _, state, _ = _step(_adam(clip_norm=30.0), jnp.full((2, 2), 3.0))
  np.testing.assert_allclose(state['all'].mu['a']['kernel'], 0.3, rtol=1e-6)


def test_decay_shrinks_kernels_alone():
  """Without gradient: 1 - rate times decay."""
  params, *_ = _step(_adam(weight_decay=0.5), jnp.zeros((2, 2)))
  np.testing.assert_allclose(params['a']['kernel'], 1 - 0.1 * 0.5)
  np.testing.assert_allclose(params['a']['bias'], 1)


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('schedule', 'steps', "schedule 'steps' is none of"),
    ('warmup', 1.0, 'got warmup 1.0'),
  ],
)
def test_settings_without_sense_are_refused(field, value, message):
  with pytest.raises(ValueError, match=message):
    _adam(**{field: value})
