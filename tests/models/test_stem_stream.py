"""The streaming stem against the stem on whole windows."""

import jax
import numpy as np
import pytest

from dave_jax.models import stem_stream
from dave_jax.models.dave import DAVE
from dave_jax.models.resnet3d import ResNet3D, Stem
from tests.conftest import random_variables


def _random_encoder(width, seed=0):
  """Returns an encoder with random batch norm, with gains of both signs."""
  rng = np.random.default_rng(seed)
  encoder = ResNet3D(depth=10, width=width)
  variables = random_variables(DAVE(modality='video', depth=10, width=width))
  variables = {c: tree['video_encoder'] for c, tree in variables.items()}
  normal = rng.standard_normal((4, width)).astype(np.float32)
  variables['params']['stem']['bn'] = {'scale': normal[0], 'bias': normal[1]}
  variables['batch_stats']['stem']['bn'] = {
    'mean': normal[2],
    'var': np.abs(normal[3]) + 0.5,
  }
  return encoder, variables


def _window(frames, last):
  return frames[np.maximum(0, np.arange(last - 15, last + 1))]


@pytest.mark.parametrize('channels', [1, 3])
def test_every_window_agrees_with_the_stem(channels):
  """From the first frame, whose window repeats it, to more than two windows."""
  encoder, variables = _random_encoder(4)
  rng = np.random.default_rng(1)
  frames = rng.standard_normal((36, 32, 64, channels), dtype=np.float32)

  stem = Stem(encoder.width, encoder.dtype)
  stem_variables = {c: tree['stem'] for c, tree in variables.items()}

  @jax.jit
  def plain(window):
    return stem.apply(stem_variables, window[None], train=False)[0]

  weights = stem_stream.stem_weights(variables, channels)
  state = stem_stream.first_state(weights, frames[0])
  for last, frame in enumerate(frames):
    state, window = stem_stream.push(weights, state, frame)
    expected = plain(_window(frames, last))
    # The order of float32 sums differs.
    np.testing.assert_allclose(
      window, expected, atol=2e-6 * expected.max(), err_msg=f'frame {last}'
    )


def test_resumes_from_a_saved_state():
  _, variables = _random_encoder(2)
  weights = stem_stream.stem_weights(variables)
  rng = np.random.default_rng(2)
  frames = rng.standard_normal((20, 32, 32, 3), dtype=np.float32)
  state = stem_stream.first_state(weights, frames[0])
  for frame in frames[:18]:
    state, _ = stem_stream.push(weights, state, frame)
  saved = jax.tree.map(np.asarray, state)
  for frame in frames[18:]:
    state, window = stem_stream.push(weights, state, frame)
  for frame in frames[18:]:
    saved, again = stem_stream.push(weights, saved, frame)
  np.testing.assert_array_equal(window, again)


def test_network_accepts_the_output_of_the_stream():
  """The maps agree with those of the whole window to 1e-5 of their range."""
  model = DAVE(width=4, depth=10, lax_kernels=True)
  variables = random_variables(model)
  rng = np.random.default_rng(3)
  frames = rng.standard_normal((16, 64, 64, 3), dtype=np.float32)
  audio = rng.standard_normal((1, 16, 64, 64), dtype=np.float32)
  encoder = {c: variables[c]['video_encoder'] for c in variables}
  weights = stem_stream.stem_weights(encoder)
  state = stem_stream.first_state(weights, frames[0])
  for frame in frames:
    state, window = stem_stream.push(weights, state, frame)
  apply = jax.jit(model.apply, static_argnames=('train', 'from_stem'))
  expected = apply(variables, frames[None], audio, train=False)
  streamed = apply(variables, window[None], audio, train=False, from_stem=True)
  np.testing.assert_allclose(streamed, expected, atol=1e-5 * np.ptp(expected))
