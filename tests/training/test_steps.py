"""Training steps: what each route trains."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dave_jax.training.routing import CompiledSteps
from dave_jax.training.sharding import make_mesh, place_state
from dave_jax.training.steps import AUDIO_MODULES, AUDIO_VISUAL, VISUAL
from tests.training.conftest import make_batch, make_state, make_steps


@pytest.fixture(scope='module')
def branches():
  return make_steps()


@pytest.fixture(scope='module')
def compiled(branches):
  return {
    AUDIO_VISUAL: jax.jit(branches.audio_visual),
    VISUAL: jax.jit(branches.visual),
  }


@pytest.fixture(scope='module')
def states(branches, compiled, windows, images):
  """The initial state, after a step on windows, and after one on images."""
  start = make_state(branches)
  heard, _ = compiled[AUDIO_VISUAL](start, windows)
  seen, _ = compiled[VISUAL](heard, images)
  return [jax.tree.map(np.asarray, state) for state in (start, heard, seen)]


def _leaves(state, audio):
  """Returns {path: array} of the audio modules, or of all others."""
  found = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    name = jax.tree_util.keystr(path, simple=True, separator='/')
    is_audio = any(module in name for module in AUDIO_MODULES)
    is_audio = is_audio or name.startswith('opt_state/audio')
    if name != 'step' and is_audio == audio:
      found[name] = leaf
  return found


def _assert_close(found, expected, *, rtol=0.0, atol=0.0):
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_audio_modules_stay_bit_identical_on_the_visual_route(states):
  _, heard, seen = states
  before, after = _leaves(heard, True), _leaves(seen, True)
  assert before.keys() == after.keys()
  names = ' '.join(before)
  for part in ('params/audio_encoder', 'batch_stats/audio_encoder', 'count'):
    assert part in names
  assert 'mu/combined_embedding' in names and 'nu/audio_encoder' in names
  for name, value in before.items():
    assert value.tobytes() == after[name].tobytes(), name


def test_visual_modules_change_on_the_visual_route(states):
  _, heard, seen = states
  before, after = _leaves(heard, False), _leaves(seen, False)
  for name, value in before.items():
    assert (value != after[name]).any(), name


def test_every_leaf_changes_on_the_audio_visual_route(states):
  start, heard, _ = states
  for audio in (True, False):
    before, after = _leaves(start, audio), _leaves(heard, audio)
    for name, value in before.items():
      assert (value != after[name]).any(), name


def test_step_counts_all_routes(states):
  assert [int(state.step) for state in states] == [0, 1, 2]


def test_routed_step_is_a_cond_with_a_branch_for_each_route(branches, images):
  shapes = {AUDIO_VISUAL: images, VISUAL: images, 'route': np.int32(1)}
  shapes[AUDIO_VISUAL] = images | {
    'log_mel': np.zeros((2, 128, 64), np.float32),
    'offsets': np.zeros((2, 16), np.int32),
  }
  program = jax.make_jaxpr(branches.routed)(make_state(branches), shapes)
  (cond,) = [e for e in program.eqns if e.primitive.name == 'cond']
  convolutions = [
    str(branch).count('conv_general_dilated')
    for branch in cond.params['branches']
  ]
  # By hand: 9 convolutions in each encoder of depth 10, 3 in the decoder and 1
  # that combines both; each has two gradients, except the first of an encoder
  # with one. False, the visual route, is the first branch.
  visual = 3 * (9 + 3) - 1
  assert convolutions == [visual, visual + 3 * (9 + 1) - 1]


def test_cond_computes_the_same_as_separate_programs(
  branches, windows, images, states
):
  mesh = make_mesh(-1)
  dummy_batches = {
    route: {k: (v.shape, v.dtype) for k, v in batch.items()}
    for route, batch in ((AUDIO_VISUAL, windows), (VISUAL, images))
  }
  step = CompiledSteps(
    branches,
    mesh,
    routing='cond',
    shard_optimizer=False,
    dummy_batches=dummy_batches,
  )
  state = place_state(mesh, make_state(branches), shard_optimizer=False)
  state, _ = step(state, AUDIO_VISUAL, windows)
  state, _ = step(state, VISUAL, images)
  *_, separate = states
  for group in ('visual', 'audio'):
    # Moments are linear in the gradients. Gradients of parameters in front of
    # batch norm are rounding errors, which Adam would scale up.
    found, expected = state.opt_state[group].mu, separate.opt_state[group].mu
    tolerance = 1e-4 * max(
      np.abs(leaf).max() for leaf in jax.tree.leaves(expected)
    )
    _assert_close(found, expected, atol=tolerance)
  for encoder in ('video_encoder', 'audio_encoder'):
    _assert_close(
      state.batch_stats[encoder], separate.batch_stats[encoder], atol=1e-5
    )


@pytest.mark.parametrize(
  ('routing', 'routes', 'expected'),
  [
    ('auto', 2, 'static'),  # On a CPU.
    ('cond', 2, 'cond'),
    ('cond', 1, 'static'),  # There is a single route.
  ],
)
def test_routing_is_selected(branches, routing, routes, expected):
  dummy_batches = {route: {} for route in (AUDIO_VISUAL, VISUAL)[:routes]}
  mesh = make_mesh(-1)
  step = CompiledSteps(
    branches,
    mesh,
    routing=routing,
    shard_optimizer=False,
    dummy_batches=dummy_batches,
  )
  assert step.routing == expected


def test_unknown_routing_is_refused(branches):
  with pytest.raises(ValueError, match="got 'maybe'"):
    CompiledSteps(
      branches,
      make_mesh(-1),
      routing='maybe',
      shard_optimizer=False,
      dummy_batches={},
    )


def test_adam_counts_only_steps_of_the_audio_group(
  branches, windows, images, compiled
):
  """Two steps by hand, from the gradients, with a visual one in between."""
  state = make_state(branches)
  gradients = []

  def watched(state, route, batch):
    before = jax.tree.map(np.asarray, state)
    after, _ = compiled[route](state, batch)
    if route == AUDIO_VISUAL:
      # The first moment is 0.9 of the old one and 0.1 of the gradient.
      old = before.opt_state['audio'].mu['combined_embedding']['bias']
      new = after.opt_state['audio'].mu['combined_embedding']['bias']
      gradients.append((np.asarray(new) - 0.9 * old) / 0.1)
    return after

  path = ('combined_embedding', 'bias')
  bias = np.asarray(state.params[path[0]][path[1]], np.float64)
  for route, batch in (
    (AUDIO_VISUAL, windows),
    (VISUAL, images),
    (AUDIO_VISUAL, windows),
  ):
    state = watched(state, route, batch)
  mean, square = 0, 0
  for t, gradient in enumerate(gradients, start=1):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    corrected = mean / (1 - 0.9**t), square / (1 - 0.999**t)
    bias -= 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
  assert int(state.opt_state['audio'].count) == 2
  assert int(state.opt_state['visual'].count) == 3
  np.testing.assert_allclose(state.params[path[0]][path[1]], bias, atol=1e-5)


@pytest.mark.parametrize('modality', ['video', 'audio'])
def test_single_modality_networks_train_all_parameters(modality, windows):
  branches = make_steps(modality=modality)
  start = make_state(branches)
  state, metrics = jax.jit(branches.audio_visual)(start, windows)
  assert np.isfinite(metrics['loss'])
  for a, b in zip(
    jax.tree.leaves(start.params), jax.tree.leaves(state.params), strict=True
  ):
    assert (np.asarray(a) != np.asarray(b)).any()


def _gradient(branches, batch):
  """Returns the gradient of the loss of a batch, and the metrics.

  The optimizer is gradient descent with a learning rate of 0.01.
  """
  start = make_state(branches)
  state, metrics = jax.jit(branches.audio_visual)(start, batch)
  return jax.tree.map(
    lambda a, b: (np.asarray(a) - np.asarray(b)) / 0.01,
    start.params,
    state.params,
  ), metrics


def test_accumulated_gradients_weigh_examples_alike():
  """Micro-batches of two and of one example with fixations count 2 to 1."""
  batch = make_batch(4, still=False)
  batch['density'][3] = 0
  # Every other example: micro-batches of the examples 0 and 2, and of 1 and 3.
  parts = [{k: v[n::2] for k, v in batch.items()} for n in (0, 1)]
  # An audio encoder would take longer to compile and show no more.
  whole = make_steps(transform=optax.identity(), modality='video')
  (two, metrics_two), (one, metrics_one) = (_gradient(whole, p) for p in parts)
  accumulated = make_steps(
    accumulate=2, transform=optax.identity(), modality='video'
  )
  found, metrics = _gradient(accumulated, batch)
  for f, a, b in zip(*map(jax.tree.leaves, (found, two, one)), strict=True):
    expected = (2 * a + b) / 3
    scale = np.abs(expected).max()
    np.testing.assert_allclose(f, expected, atol=1e-3 * scale + 1e-4)
  np.testing.assert_allclose(
    metrics['loss'],
    (2 * metrics_two['loss'] + metrics_one['loss']) / 3,
    rtol=1e-5,
  )
  np.testing.assert_allclose(metrics['kl'], metrics['loss'], rtol=1e-6)


def test_examples_without_fixations_do_not_count(branches, compiled):
  """The loss of two examples is the mean of their losses."""
  batch = make_batch(2, still=True)
  losses = []
  for left_out in (0, 1, None):
    density = batch['density'].copy()
    if left_out is not None:
      density[left_out] = 0
    state = make_state(branches)
    _, metrics = compiled[VISUAL](state, batch | {'density': density})
    losses.append(float(metrics['loss']))
  second, first, both = losses
  assert not np.isclose(first, second)
  np.testing.assert_allclose((first + second) / 2, both, rtol=1e-5)


@pytest.mark.slow
def test_rematerialised_gradients_are_the_same(windows):
  plain = make_steps(transform=optax.identity())
  again = make_steps(transform=optax.identity(), rematerialise=True)
  start = make_state(plain)
  program = jax.make_jaxpr(again.audio_visual)(start, windows)
  assert 'remat' in str(program)
  a, _ = jax.jit(plain.audio_visual)(start, windows)
  b, _ = jax.jit(again.audio_visual)(start, windows)
  for x, y in zip(
    jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True
  ):
    np.testing.assert_allclose(x, y, atol=1e-5 * np.abs(x).max() + 1e-6)


def test_bfloat16_computes_with_float32_parameters(branches, windows):
  model = branches.model.clone(dtype=jnp.bfloat16)
  half = dataclasses.replace(branches, model=model)
  start = make_state(branches)
  program, (state, metrics) = jax.make_jaxpr(
    half.audio_visual, return_shape=True
  )(start, windows)
  before, after = (
    [leaf.dtype for leaf in jax.tree.leaves(tree)] for tree in (start, state)
  )
  assert before == after
  assert {str(dtype) for dtype in after} == {'float32', 'int32'}
  assert {str(leaf.dtype) for leaf in jax.tree.leaves(metrics)} == {'float32'}
  # The last layer and its two gradients stay float32.
  convolutions = re.findall(
    r'(\w+)\[[\d,]*\] = conv_general_dilated', str(program)
  )
  assert convolutions.count('f32') == 3
  assert convolutions.count('bf16') == 3 * (9 + 3 + 9 + 1) - 2 - 3
