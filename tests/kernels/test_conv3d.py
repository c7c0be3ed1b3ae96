"""3D convolution on CPUs against `lax.conv_general_dilated`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.kernels import conv_gpu, conv_stem, tiling
from dave_jax.kernels.conv3d import conv3d, lax_conv3d
from tests.kernels.convolutions import (
  CASES,
  assert_close,
  draw_arrays,
  value_and_gradients,
)

pytestmark = pytest.mark.usefixtures('quick_to_compile')


@pytest.mark.parametrize('case', CASES)
def test_value_and_gradients_agree_with_lax(case, monkeypatch):
  # Small pieces, so that even these arrays are split into several.
  monkeypatch.setattr(tiling, 'PIECE_BYTES', 1 << 16)
  monkeypatch.setattr(conv_stem, '_PIECE_BYTES', 1 << 14)
  monkeypatch.setattr(conv_stem, '_PAIR_PIECE_BYTES', 1 << 12)
  *_, strides, padding = CASES[case]
  arrays = draw_arrays(*CASES[case])
  ours = value_and_gradients(conv3d, strides, padding)(*arrays)
  lax_results = value_and_gradients(lax_conv3d, strides, padding)(*arrays)
  for name, a, b in zip(('y', 'dx', 'dkernel'), ours, lax_results, strict=True):
    assert a.shape == b.shape, name
    assert a.dtype == b.dtype == jnp.float32
    assert_close(a, b, 1e-4)


@pytest.mark.parametrize('case', ['stem', 'stem, few frames', 'no padding'])
def test_convolution_for_gpus_agrees_with_lax(case):
  _, kernel_shape, strides, padding = CASES[case]
  assert conv_gpu.applies(kernel_shape, strides)
  arrays = draw_arrays(*CASES[case])
  ours, expected = (
    value_and_gradients(convolve, strides, padding)(*arrays)
    for convolve in (conv_gpu.conv3d_few_channels, lax_conv3d)
  )
  for a, b in zip(ours, expected, strict=True):
    assert a.shape == b.shape
    assert_close(a, b, 1e-5)


@pytest.mark.parametrize('case', ['winograd', 'stem, few frames', 'pointwise'])
def test_bfloat16_in_and_out(case):
  """Rounding to bfloat16 costs 2**-8 of the value, once in and once out."""
  *_, strides, padding = CASES[case]
  arrays = [a.astype(jnp.bfloat16) for a in draw_arrays(*CASES[case])]
  ours = value_and_gradients(conv3d, strides, padding)(*arrays)
  wide = [a.astype(jnp.float32) for a in arrays]
  lax_results = value_and_gradients(lax_conv3d, strides, padding)(*wide)
  for a, b in zip(ours, lax_results, strict=True):
    assert a.dtype == jnp.bfloat16
    assert_close(a, b, 2**-7)


def _float64(case, seed=0):
  """Returns value and gradients of a case by lax in float64."""
  *_, strides, padding = CASES[case]
  arrays = [np.asarray(a, np.float64) for a in draw_arrays(*CASES[case], seed)]
  with jax.enable_x64(True):
    exact = value_and_gradients(lax_conv3d, strides, padding)(*arrays)
    return [np.asarray(a) for a in exact]


@pytest.mark.parametrize(
  'case, most',
  [
    ('winograd', 3),
    ('winograd, larger tiles in time', 3),
    ('winograd, one tap in time', 3),
    ('stem', 4),
    ('stem, pairs of frames', 1.5),
  ],
)
def test_under_differentiation_rounds_about_as_plain_sums(case, most):
  """Forward, at most `most` times the deviation of lax from float64.

  The Winograd tiles of 4x4 that are used without differentiation have 4.1
  times, those of gradients up to 16 times. Gradients of a network jump where
  rounding moves a ReLU or a maximum.
  """
  *_, strides, padding = CASES[case]
  arrays = draw_arrays(*CASES[case])
  exact = _float64(case)[0]
  rounding = [
    np.std(value_and_gradients(form, strides, padding)(*arrays)[0] - exact)
    for form in (conv3d, lax_conv3d)
  ]
  assert rounding[0] < most * rounding[1]


@pytest.mark.parametrize('case', ['winograd', 'stem', 'strided', 'one frame'])
def test_float64_in_and_out(case):
  """The products are computed in float32, the results are float64."""
  *_, strides, padding = CASES[case]
  arrays = [np.asarray(a, np.float64) for a in draw_arrays(*CASES[case])]
  with jax.enable_x64(True):
    ours = value_and_gradients(conv3d, strides, padding)(*arrays)
    for a, b in zip(ours, _float64(case), strict=True):
      assert a.dtype == np.float64
      np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max(), rtol=0)


def test_gradients_agree_with_central_differences():
  """Which are exact, since a convolution is linear."""
  x_shape, kernel_shape, strides, padding = CASES['uneven padding']
  x, kernel, dy = draw_arrays(*CASES['uneven padding'])

  @jax.jit
  def total(x, kernel):
    y = conv3d(x, kernel, strides=strides, padding=padding)
    return (y * dy).sum()

  gradients = jax.grad(total, (0, 1))(x, kernel)
  rng = np.random.default_rng(1)
  step_x = jnp.asarray(rng.standard_normal(x_shape), jnp.float32)
  step_kernel = jnp.asarray(rng.standard_normal(kernel_shape), jnp.float32)
  slope_x = (total(x + step_x, kernel) - total(x - step_x, kernel)) / 2
  slope_kernel = (
    total(x, kernel + step_kernel) - total(x, kernel - step_kernel)
  ) / 2
  np.testing.assert_allclose((gradients[0] * step_x).sum(), slope_x, rtol=1e-4)
  np.testing.assert_allclose(
    (gradients[1] * step_kernel).sum(), slope_kernel, rtol=1e-4
  )
