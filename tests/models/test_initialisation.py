"""Fresh weights."""

import jax
import numpy as np
import pytest
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.models.sound_classifier import SoundClassifier


@pytest.mark.parametrize(
  'model',
  [
    DAVE(depth=10, width=8, shortcut='B', decoder_batch_norm=True),
    SoundClassifier(labels=40, depth=10, width=8),
  ],
)
def test_has_the_distribution_of_he_et_al(model):
  """To four standard errors of what JAX draws; batch norm is the identity."""
  actual = traverse_util.flatten_dict(model.initialise(0))
  # JAX's fastest generator: which one does not matter here.
  key = jax.random.key(0, impl='unsafe_rbg')
  for path, values in actual.items():
    assert values.dtype == np.float32
    if path[-1] == 'kernel':
      tolerance = 4 * np.sqrt(1 / values.size)
      mode = 'fan_out' if path[1].endswith('_encoder') else 'fan_in'
      draw = jax.nn.initializers.variance_scaling(2.0, mode, 'normal')
      np.testing.assert_allclose(
        values.std(),
        draw(key, values.shape).std(),
        rtol=tolerance,
        err_msg=path,
      )
      assert abs(values.mean()) < 4 * values.std() / np.sqrt(values.size)
    else:
      identity = {'scale': 1, 'bias': 0, 'mean': 0, 'var': 1}
      np.testing.assert_array_equal(values, identity[path[-1]])


def test_numbers_come_from_numpy():
  """So they are the same on every platform: by NumPy from seed and path."""
  variables = traverse_util.flatten_dict(
    DAVE(modality='video', depth=10, width=2).initialise(3)
  )
  assert all(isinstance(values, np.ndarray) for values in variables.values())
  path = ('params', 'video_encoder', 'layer1_0', 'conv1', 'kernel')
  generator = np.random.default_rng([3, *'/'.join(path).encode()])
  expected = generator.standard_normal((3, 3, 3, 2, 2), np.float32)
  np.testing.assert_allclose(
    variables[path], expected * (2 / 54) ** 0.5, rtol=1e-6
  )


def test_every_seed_and_variable_has_its_own_numbers():
  seen = set()
  for seed in (0, 1):
    flat = traverse_util.flatten_dict(DAVE(depth=10, width=2).initialise(seed))
    kernels = [v for path, v in flat.items() if path[-1] == 'kernel']
    first = {float(kernel.flat[0] / kernel.std()) for kernel in kernels}
    assert len(first) == len(kernels)
    assert not first & seen
    seen |= first


def test_modules_of_two_networks_share_their_numbers():
  """Numbers depend on path and shape, not on the other modules."""
  both = DAVE(depth=10, width=2).initialise(0)['params']
  video = DAVE(modality='video', depth=10, width=2).initialise(0)['params']
  for name in ('video_encoder', 'saliency'):
    jax.tree.map(np.testing.assert_array_equal, both[name], video[name])
