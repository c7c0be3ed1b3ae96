"""Schedules, clipping and weight decay; test_steps.py tests the groups."""

import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training.optimizer import make_optimizer

PARAMS = {'a': {'kernel': jnp.ones((2, 2)), 'bias': jnp.ones(2)}}


SETTINGS = {
  'name': 'adam',
  'learning_rate': 0.1,
  'schedule': 'constant',
  'warmup': 0.0,
  'steps': 100,
  'b1': 0.9,
  'b2': 0.999,
  'epsilon': 1e-8,
  'momentum': 0.9,
  'update_rms': 0.2,
  'weight_decay': 0.0,
  'clip_norm': 0.0,
  'rates': {},
}


def make_adam(**fields):
  """Returns Adam for PARAMS with a constant learning rate of 0.1."""
  return make_optimizer({'all': ('a',)}, **SETTINGS | fields)


def _step(optimizer, gradient, step=0):
  gradients = {'a': {'kernel': gradient, 'bias': jnp.zeros(2)}}
  return optimizer.update(
    gradients, optimizer.init(PARAMS), PARAMS, step, groups=('all',)
  )


@pytest.mark.parametrize(
  ('schedule', 'warmup', 'expected'),
  [
    # By hand at steps 0, 5, 10, 55 and 100 of 100.
    ('constant', 0.0, [0.1, 0.1, 0.1, 0.1, 0.1]),
    ('constant', 0.1, [0.0, 0.05, 0.1, 0.1, 0.1]),
    ('linear', 0.1, [0.0, 0.05, 0.1, 0.05, 0.0]),
    ('linear', 0.0, [0.1, 0.095, 0.09, 0.045, 0.0]),
    ('cosine', 0.1, [0.0, 0.05, 0.1, 0.05, 0.0]),
    # 0.05 (1 + cos(pi step / 100)).
    ('cosine', 0.0, [0.1, 0.0993844, 0.0975528, 0.0421783, 0.0]),
  ],
)
def test_learning_rate_follows_the_run(schedule, warmup, expected):
  optimizer = make_adam(schedule=schedule, warmup=warmup)
  rates = [optimizer.learning_rate(step) for step in (0, 5, 10, 55, 100)]
  np.testing.assert_allclose(rates, expected, atol=1e-7)


def test_gradients_are_clipped_to_the_norm():
  """The first moment is 0.1 of a gradient of norm 6 before, 3 after."""
  _, state, metrics = _step(make_adam(clip_norm=3.0), jnp.full((2, 2), 3.0))
  np.testing.assert_allclose(metrics['gradient_norm'], 6)
  np.testing.assert_allclose(state['all'].mu['a']['kernel'], 0.15, rtol=1e-6)


def test_small_gradients_are_not_clipped():
  _, state, _ = _step(make_adam(clip_norm=30.0), jnp.full((2, 2), 3.0))
  np.testing.assert_allclose(state['all'].mu['a']['kernel'], 0.3, rtol=1e-6)


def test_weight_decay_applies_to_kernels_only():
  """Without a gradient a kernel is multiplied by 1 - rate * decay."""
  params, *_ = _step(make_adam(weight_decay=0.5), jnp.zeros((2, 2)))
  np.testing.assert_allclose(params['a']['kernel'], 1 - 0.1 * 0.5)
  np.testing.assert_allclose(params['a']['bias'], 1)


def test_the_rate_of_a_module_scales_its_updates_alone():
  """Adam's first update is the learning rate, 0.1, against the gradient."""
  tree = {'kernel': jnp.ones((2, 2))}
  params = {'video_encoder': tree, 'head': tree}
  optimizer = make_optimizer(
    {'all': ('video_encoder', 'head')},
    **SETTINGS | {'rates': {'video_encoder': 0.25}},
  )
  params, *_ = optimizer.update(
    params, optimizer.init(params), params, 0, groups=('all',)
  )
  np.testing.assert_allclose(params['head']['kernel'], 0.9, rtol=1e-6)
  found = params['video_encoder']['kernel']
  np.testing.assert_allclose(found, 1 - 0.25 * 0.1, rtol=1e-6)


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('schedule', 'steps', r"schedule in .*, got 'steps'"),
    ('warmup', 1.0, 'below 1, got 1.0'),
    ('warmup', -0.1, 'below 1, got -0.1'),
    ('momentum', 1.0, 'momentum of .* below 1, got 1.0'),
    ('name', 'sgd', "optimizer.name: expected one of adam, muon, got 'sgd'"),
  ],
)
def test_wrong_settings_are_refused(field, value, message):
  with pytest.raises(ValueError, match=message):
    make_adam(**{field: value})
