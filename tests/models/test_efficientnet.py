"""EfficientNet-Lite0: against the published weights' numbers, and by itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.kernels import depthwise
from dave_jax.models import frame_features
from dave_jax.models.dave import DAVE
from dave_jax.models.normalisation import normalise

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.fixture(scope='module')
def network():
  return DAVE(
    video_backbone='efficientnet_lite0',
    depth=10,
    width=2,
    frame_size=(64, 96),
  )


@pytest.fixture(scope='module')
def variables(network):
  """Fresh weights, but for a frame mixing that does something."""
  variables = network.initialise(0)
  rng = np.random.default_rng(1)
  mixing = jax.tree.map(
    lambda leaf: rng.normal(0, 0.3, leaf.shape).astype(np.float32),
    variables['params']['frame_mixing'],
  )
  params = variables['params'] | {'frame_mixing': mixing}
  return variables | {'params': params}


@pytest.fixture(scope='module')
def forward(network):
  """The network in inference, compiled."""
  return jax.jit(
    functools.partial(network.apply, train=False),
    static_argnames=('visual_only', 'from_stem'),
  )


@pytest.mark.parametrize('kernel', [3, 5])
@pytest.mark.parametrize('stride', [1, 2])
def test_shifted_products_agree_with_grouped_convolution(kernel, stride):
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(2, 10, 14, 5)), jnp.float32)
  weights = jnp.asarray(rng.normal(size=(kernel, kernel, 5)), jnp.float32)

  def run(form):
    y, pullback = jax.vjp(lambda x, k: form(x, k, stride), x, weights)
    return y, *pullback(jnp.cos(y))

  expected = run(depthwise.depthwise_native)
  shifted = run(depthwise.depthwise_shifted)
  chosen = run(lambda x, k, s: depthwise.depthwise_conv(x, k, stride=s))
  for found in (shifted, chosen):
    for a, b in zip(found, expected, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_depthwise_convolution_refuses_odd_sizes_at_stride_two():
  with pytest.raises(ValueError, match='even height and width'):
    depthwise.depthwise_conv(
      jnp.zeros((1, 5, 6, 2)), jnp.zeros((3, 3, 2)), stride=2
    )


def test_constant_clip_equals_the_photograph(forward, variables):
  """Whatever the weights of the frame mixing: frames alike, no change."""
  rng = np.random.default_rng(2)
  image = normalise(rng.integers(0, 256, (1, 1, 64, 96, 3), np.uint8))
  clip = jnp.repeat(image, 16, axis=1)
  a, b = (
    forward(variables, video, visual_only=True) for video in (image, clip)
  )
  np.testing.assert_allclose(a, b, rtol=1e-4)


def test_fresh_frame_mixing_sees_the_newest_frame_alone(network, forward):
  variables = network.initialise(0)
  rng = np.random.default_rng(3)
  clip = normalise(rng.integers(0, 256, (1, 16, 64, 96, 3), np.uint8))
  a, b = (
    forward(variables, video, visual_only=True)
    for video in (clip, clip[:, -1:])
  )
  np.testing.assert_allclose(a, b, rtol=1e-4)


def test_moving_frames_change_the_map_once_mixing_has_learned(
  forward, variables
):
  rng = np.random.default_rng(3)
  clip = normalise(rng.integers(0, 256, (1, 16, 64, 96, 3), np.uint8))
  a, b = (
    forward(variables, video, visual_only=True)
    for video in (clip, clip[:, -1:])
  )
  assert float(jnp.abs(a - b).max()) > 1e-3 * float(a.max())


def test_a_stream_of_frames_equals_whole_windows(forward, variables):
  """The window of each frame; before the first, that one repeated."""
  rng = np.random.default_rng(4)
  images = rng.integers(0, 256, (20, 64, 96, 3), np.uint8)
  audio = jnp.asarray(rng.normal(size=(1, 16, 64, 64)), jnp.float32)

  @jax.jit
  def encode(image):
    return frame_features.encode_image(
      variables, image, features=16, dtype=jnp.float32, lax_kernels=False
    )

  stream = None
  for last, image in enumerate(images):
    stream = frame_features.push(encode, stream, image)
    if last not in (0, 5, 19):
      continue
    places = np.maximum(np.arange(last - 15, last + 1), 0)
    window = normalise(images[places])[None]
    whole = forward(variables, window, audio)
    streamed = forward(
      variables, frame_features.stacked([stream]), audio, from_stem=True
    )
    np.testing.assert_allclose(streamed, whole, rtol=1e-4)


def test_maps_are_distributions(forward, variables):
  image = np.full((1, 1, 64, 96, 3), 200, np.uint8)
  maps = forward(variables, normalise(image), visual_only=True)
  assert maps.shape == (1, 8, 12)
  np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-5)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'video_backbone': 'vgg'}, 'video_backbone: expected one of'),
    ({'modality': 'audio'}, 'audio-only'),
  ],
)
def test_unknown_backbones_are_refused(fields, message):
  fields = {'video_backbone': 'efficientnet_lite0'} | fields
  with pytest.raises(ValueError, match=message):
    DAVE(width=2, **fields).variable_shapes()
