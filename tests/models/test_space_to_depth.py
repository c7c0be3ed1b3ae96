"""The same numbers as the strided convolution it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dave_jax.kernels.conv3d import conv3d
from dave_jax.models import space_to_depth


@pytest.mark.parametrize('k', [2, 3, 6, 7])
@pytest.mark.parametrize('edge', [(0, 0), (1, 1), (3, 3), (2, 1)])
def test_same_numbers_as_strided(k, edge):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 4, 12, 16, 3), dtype=np.float32)
  kernel = rng.standard_normal((3, k, k, 3, 5), dtype=np.float32)
  padding = ((1, 1), edge, edge)
  assert space_to_depth.applies(x, (1, 2, 2))
  expected = lax.conv_general_dilated(
    x, kernel, (1, 2, 2), padding, dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC')
  )
  np.testing.assert_allclose(
    space_to_depth.convolve(x, kernel, padding), expected, atol=1e-4
  )


def test_applies_to_the_stem_alone():
  stem, deeper = jnp.zeros((1, 16, 32, 32, 3)), jnp.zeros((1, 8, 8, 8, 64))
  assert space_to_depth.applies(stem, (1, 2, 2))
  assert not space_to_depth.applies(stem, (1, 1, 1))
  assert not space_to_depth.applies(stem[:, :, :31], (1, 2, 2))
  assert not space_to_depth.applies(deeper, (1, 2, 2))


@pytest.mark.parametrize('platform, channels', [('tpu', 12), ('cuda', 3)])
def test_platforms_get_their_own_form(platform, channels):
  """The channels that the lowered convolution's kernel takes."""

  def stem(x, kernel):
    return conv3d(x, kernel, strides=(1, 2, 2), padding=((3, 3),) * 3)

  shapes = [
    jax.ShapeDtypeStruct(shape, jnp.float32)
    for shape in [(1, 16, 32, 32, 3), (7, 7, 7, 3, 8)]
  ]
  lowered = jax.jit(stem).trace(*shapes).lower(lowering_platforms=(platform,))
  (line,) = [
    line for line in lowered.as_text().splitlines() if 'convolution(' in line
  ]
  assert f'x{channels}x8xf32>' in line
