"""Convolution of constant clips against that of the repeated image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.kernels.conv3d import lax_conv3d
from dave_jax.models.constant_clip import convolve_constant_clip
from dave_jax.models.dave import DAVE


@pytest.mark.parametrize('frames', [8, 16])
def test_agrees_with_convolving_the_copies(frames):
  rng = np.random.default_rng(0)
  image = jnp.asarray(rng.normal(size=(2, 1, 10, 12, 3)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(7, 7, 7, 3, 4)), jnp.float32)
  copies = jnp.broadcast_to(image, (2, frames, 10, 12, 3))
  expected = lax_conv3d(
    copies, kernel, strides=(1, 2, 2), padding=((3, 3),) * 3
  )
  actual = convolve_constant_clip(image, kernel, frames=frames)
  assert actual.shape == expected.shape
  np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.usefixtures('quick_to_compile')
def test_network_maps_an_image_as_its_copies():
  """In training: the maps, and the updated batch statistics."""
  model = DAVE(
    modality='video', depth=10, width=4, frame_size=(32, 64), lax_kernels=True
  )
  variables = model.initialise(0)
  image = jax.random.normal(jax.random.key(0), (2, 1, 32, 64, 3))
  copies = jnp.broadcast_to(image, (2, 16, 32, 64, 3))

  @jax.jit
  def apply(video):
    return model.apply(variables, video, train=True, mutable=['batch_stats'])

  (maps, state), (expected, expected_state) = apply(image), apply(copies)
  np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    state,
    expected_state,
  )
