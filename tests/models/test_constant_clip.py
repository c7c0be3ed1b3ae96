"""Still images through the stem, for windows of frames that are alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.kernels.conv3d import conv3d_native
from dave_jax.models.constant_clip import convolve_still
from dave_jax.models.dave import DAVE


@pytest.mark.parametrize('frames', [8, 16])
def test_still_convolves_as_its_copies_do(frames):
  rng = np.random.default_rng(0)
  image = jnp.asarray(rng.normal(size=(2, 1, 10, 12, 3)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(7, 7, 7, 3, 4)), jnp.float32)
  copies = jnp.broadcast_to(image, (2, frames, 10, 12, 3))
  wanted = conv3d_native(
    copies, kernel, strides=(1, 2, 2), padding=((3, 3),) * 3
  )
  found = convolve_still(image, kernel, frames=frames)
  assert found.shape == wanted.shape
  np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-4)


@pytest.mark.usefixtures('quick_to_compile')
def test_network_sees_a_still_as_its_copies():
  """Maps, and the statistics that training with them leaves."""
  model = DAVE(modality='video', depth=10, width=4, frame_size=(32, 64))
  variables = model.initialise(0)
  image = jax.random.normal(jax.random.key(0), (2, 1, 32, 64, 3))
  copies = jnp.broadcast_to(image, (2, 16, 32, 64, 3))

  @jax.jit
  def apply(video):
    return model.apply(variables, video, train=True, mutable=['batch_stats'])

  (maps, state), (wanted, wanted_state) = apply(image), apply(copies)
  np.testing.assert_allclose(maps, wanted, rtol=1e-4, atol=1e-4)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    state,
    wanted_state,
  )
