"""3D convolution on CPUs against `lax.conv_general_dilated`."""

import re
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dave_jax.kernels import conv_gpu, conv_stem, tiling
from dave_jax.kernels.conv3d import (
  Conv3D,
  conv3d,
  lax_conv3d,
)

pytestmark = pytest.mark.usefixtures('quick_to_compile')
SAME = ((1, 1),) * 3
STEM = ((3, 3),) * 3
# Shapes of x and kernel, strides, padding. Each takes another code path.
CASES = {
  'winograd': ((1, 3, 24, 28, 16), (3, 3, 3, 16, 24), (1, 1, 1), SAME),
  'winograd, larger tiles in time': (
    (1, 8, 12, 16, 8),
    (3, 3, 3, 8, 8),
    (1, 1, 1),
    SAME,
  ),
  'winograd, broken tiles': (
    (2, 4, 25, 27, 16),
    (3, 3, 3, 16, 16),
    (1, 1, 1),
    SAME,
  ),
  'winograd, one tap in time': (
    (1, 2, 24, 24, 16),
    (1, 3, 3, 16, 16),
    (1, 1, 1),
    ((0, 0), (1, 1), (1, 1)),
  ),
  'stem': ((1, 16, 20, 24, 3), (7, 7, 7, 3, 8), (1, 2, 2), STEM),
  'stem, frames left over': (
    (2, 6, 9, 11, 1),
    (7, 7, 7, 1, 4),
    (1, 2, 2),
    STEM,
  ),
  'stem, few frames': ((1, 3, 9, 10, 3), (7, 7, 7, 3, 4), (1, 2, 2), STEM),
  'gathered': ((2, 4, 6, 10, 8), (3, 3, 3, 8, 12), (1, 1, 1), SAME),
  'strided': ((1, 8, 12, 14, 8), (3, 3, 3, 8, 16), (2, 2, 2), SAME),
  'strided, odd': ((2, 7, 11, 9, 4), (3, 3, 3, 4, 6), (2, 2, 2), SAME),
  'two frames': ((1, 2, 5, 6, 8), (3, 3, 3, 8, 8), (1, 1, 1), SAME),
  'one frame': ((2, 1, 5, 6, 8), (3, 3, 3, 8, 8), (1, 1, 1), SAME),
  'two frames to one': ((1, 2, 6, 6, 4), (3, 3, 3, 4, 8), (2, 2, 2), SAME),
  'frames of padding alone': (
    (1, 1, 4, 4, 2),
    (1, 3, 3, 2, 2),
    (1, 1, 1),
    ((1, 0), (1, 1), (1, 1)),
  ),
  'uneven padding': (
    (1, 5, 7, 8, 3),
    (2, 4, 3, 3, 5),
    (1, 3, 2),
    ((0, 1), (2, 0), (0, 3)),
  ),
  'no padding': (
    (1, 5, 7, 8, 3),
    (3, 3, 3, 3, 5),
    (1, 1, 1),
    ((0, 0),) * 3,
  ),
  'stride longer than the kernel': (
    (1, 7, 8, 9, 3),
    (1, 2, 1, 3, 4),
    (2, 3, 2),
    ((0, 0),) * 3,
  ),
  'pointwise': ((2, 3, 4, 5, 6), (1, 1, 1, 6, 7), (1, 1, 1), ((0, 0),) * 3),
  'pointwise, strided': (
    (2, 3, 5, 4, 6),
    (1, 1, 1, 6, 7),
    (2, 2, 2),
    ((0, 0),) * 3,
  ),
}


def _arrays(x_shape, kernel_shape, strides, padding, seed=0):
  rng = np.random.default_rng(seed)

  def draw(shape, scale=1.0):
    return jnp.asarray(scale * rng.standard_normal(shape), jnp.float32)

  x = draw(x_shape)
  kernel = draw(kernel_shape, np.prod(kernel_shape[:4]) ** -0.5)
  out = jax.eval_shape(
    lambda: lax_conv3d(x, kernel, strides=strides, padding=padding)
  )
  return x, kernel, draw(out.shape)


def _value_and_gradients(convolve, strides, padding):
  def run(x, kernel, dy):
    y, back = jax.vjp(
      lambda x, kernel: convolve(x, kernel, strides=strides, padding=padding),
      x,
      kernel,
    )
    return y, *back(dy)

  return jax.jit(run)


def _assert_close(actual, expected, relative):
  scale = np.abs(np.asarray(expected, np.float32)).max()
  np.testing.assert_allclose(
    np.asarray(actual, np.float32),
    np.asarray(expected, np.float32),
    atol=relative * scale,
    rtol=0,
  )


@pytest.mark.parametrize('case', CASES)
def test_value_and_gradients_agree_with_lax(case, monkeypatch):
  # Small pieces, so that even these arrays are split into several.
  monkeypatch.setattr(tiling, 'PIECE_BYTES', 1 << 16)
  monkeypatch.setattr(conv_stem, '_PIECE_BYTES', 1 << 14)
  *_, strides, padding = CASES[case]
  arrays = _arrays(*CASES[case])
  ours = _value_and_gradients(conv3d, strides, padding)(*arrays)
  lax_results = _value_and_gradients(lax_conv3d, strides, padding)(*arrays)
  for name, a, b in zip(('y', 'dx', 'dkernel'), ours, lax_results, strict=True):
    assert a.shape == b.shape, name
    assert a.dtype == b.dtype == jnp.float32
    _assert_close(a, b, 1e-4)


@pytest.mark.parametrize('case', ['stem', 'stem, few frames', 'no padding'])
def test_convolution_for_gpus_agrees_with_lax(case):
  _, kernel_shape, strides, padding = CASES[case]
  assert conv_gpu.applies(kernel_shape, strides)
  arrays = _arrays(*CASES[case])
  ours, expected = (
    _value_and_gradients(convolve, strides, padding)(*arrays)
    for convolve in (conv_gpu.conv3d_few_channels, lax_conv3d)
  )
  for a, b in zip(ours, expected, strict=True):
    assert a.shape == b.shape
    _assert_close(a, b, 1e-5)


def _ranks_of_convolutions(text):
  found = re.findall(r'stablehlo\.convolution.*-> tensor<([\dx]+)xf32>', text)
  return [shape.count('x') + 1 for shape in found]


def test_only_gpus_convolve_few_channels_in_two_dimensions():
  """Lowers both passes of a stem and reads the ranks of its convolutions."""
  *_, strides, padding = CASES['stem']
  traced = _value_and_gradients(conv3d, strides, padding).trace(
    *_arrays(*CASES['stem'])
  )

  def ranks(platform):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return set(_ranks_of_convolutions(text))

  assert ranks('cuda') == {4}
  assert ranks('tpu') == {5}


@pytest.mark.parametrize('case', ['winograd', 'stem, few frames', 'pointwise'])
def test_bfloat16_in_and_out(case):
  """Rounding to bfloat16 costs 2**-8 of the value, once in and once out."""
  *_, strides, padding = CASES[case]
  arrays = [a.astype(jnp.bfloat16) for a in _arrays(*CASES[case])]
  ours = _value_and_gradients(conv3d, strides, padding)(*arrays)
  wide = [a.astype(jnp.float32) for a in arrays]
  lax_results = _value_and_gradients(lax_conv3d, strides, padding)(*wide)
  for a, b in zip(ours, lax_results, strict=True):
    assert a.dtype == jnp.bfloat16
    _assert_close(a, b, 2**-7)


def _float64(case, seed=0):
  """Returns value and gradients of a case by lax in float64."""
  *_, strides, padding = CASES[case]
  arrays = [np.asarray(a, np.float64) for a in _arrays(*CASES[case], seed)]
  with jax.enable_x64(True):
    exact = _value_and_gradients(lax_conv3d, strides, padding)(*arrays)
    return [np.asarray(a) for a in exact]


@pytest.mark.parametrize(
  'case',
  [
    'winograd',
    'winograd, larger tiles in time',
    'winograd, one tap in time',
    'stem',
  ],
)
def test_under_differentiation_rounds_about_as_plain_sums(case):
  """At most 4 times the deviation of lax from float64.

  The Winograd tiles of 4x4 that are used without differentiation have 4.1
  times, those of gradients 11 times. Gradients of a network jump where rounding
  moves a ReLU or a maximum.
  """
  *_, strides, padding = CASES[case]
  arrays = _arrays(*CASES[case])
  exact = _float64(case)[0]
  rounding = [
    np.std(_value_and_gradients(form, strides, padding)(*arrays)[0] - exact)
    for form in (conv3d, lax_conv3d)
  ]
  assert rounding[0] < 4 * rounding[1]


@pytest.mark.parametrize('case', ['winograd', 'stem', 'strided', 'one frame'])
def test_float64_in_and_out(case):
  """The products are computed in float32, the results are float64."""
  *_, strides, padding = CASES[case]
  arrays = [np.asarray(a, np.float64) for a in _arrays(*CASES[case])]
  with jax.enable_x64(True):
    ours = _value_and_gradients(conv3d, strides, padding)(*arrays)
    for a, b in zip(ours, _float64(case), strict=True):
      assert a.dtype == np.float64
      np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max(), rtol=0)


def test_gradients_agree_with_central_differences():
  """Which are exact, since a convolution is linear."""
  x_shape, kernel_shape, strides, padding = CASES['uneven padding']
  x, kernel, dy = _arrays(*CASES['uneven padding'])

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


@pytest.mark.parametrize('case', ['winograd', 'stem', 'strided', 'one frame'])
@pytest.mark.parametrize('platform', ['cuda', 'tpu', 'cpu'])
def test_each_platform_gets_its_implementation(case, platform):
  *_, strides, padding = CASES[case]
  shapes = [
    jax.ShapeDtypeStruct(a.shape, a.dtype) for a in _arrays(*CASES[case])
  ]
  text = (
    _value_and_gradients(conv3d, strides, padding)
    .trace(*shapes)
    .lower(lowering_platforms=(platform,))
    .as_text()
  )
  ours = text.count('dot_general') + text.count('stablehlo.while')
  if platform == 'cpu':
    assert 5 not in _ranks_of_convolutions(text) and ours > 0
  else:
    assert text.count('stablehlo.convolution') == 3 and ours == 0


def test_lax_kernels_are_part_of_the_jit_cache_key():
  """One jitted function compiles both forms of a module, in either order."""
  x = jnp.ones((1, 4, 8, 8, 4))
  modules = [
    Conv3D(4, 3, lax_kernels=lax_kernels) for lax_kernels in (False, True)
  ]
  variables = jax.eval_shape(modules[0].init, jax.random.key(0), x)
  apply = jax.jit(lambda m, v, x: m.apply(v, x), static_argnums=0)
  for order in (modules, modules[::-1]):
    for module in order:
      lowered = apply.trace(module, variables, x).lower(
        lowering_platforms=('cpu',)
      )
      by_lax = 'stablehlo.convolution' in lowered.as_text()
      assert by_lax == module.lax_kernels


def test_inside_checkpoint_and_cond():
  *_, strides, padding = CASES['gathered']
  x, kernel, dy = _arrays(*CASES['gathered'])

  def plain(x, kernel):
    y = conv3d(x, kernel, strides=strides, padding=padding)
    return (jnp.tanh(y) * dy).sum()

  @jax.jit
  def routed(twice, x, kernel):
    once = jax.checkpoint(plain)
    return lax.cond(twice, lambda *a: 2 * once(*a), once, x, kernel)

  gradient = jax.jit(jax.grad(plain, (0, 1)))(x, kernel)
  for twice, factor in ((False, 1), (True, 2)):
    actual = jax.grad(routed, (1, 2))(twice, x, kernel)
    for a, b in zip(actual, gradient, strict=True):
      _assert_close(a, factor * b, 1e-5)


@pytest.mark.slow
def test_sharded_batch_stays_sharded():
  """Activations are never gathered from other devices."""
  script = textwrap.dedent("""
    import jax
    jax.config.update('jax_num_cpu_devices', 4)
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
    from dave_jax.kernels.conv3d import conv3d

    mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
    rng = np.random.default_rng(0)
    for h, c, k, strides in ((24, 16, 3, (1, 1, 1)), (8, 8, 3, (2, 2, 2))):
      x = rng.standard_normal((4, 4, h, h, c), dtype=np.float32)
      kernel = rng.standard_normal((k, k, k, c, 16), dtype=np.float32)
      def loss(x, kernel):
        y = conv3d(x, kernel, strides=strides, padding=((k // 2,) * 2,) * 3)
        return (y ** 2).sum() / y.size
      step = jax.jit(jax.value_and_grad(loss, (0, 1)))
      whole = step(x, kernel)
      x = jax.device_put(x, NamedSharding(mesh, P('data')))
      kernel = jax.device_put(kernel, NamedSharding(mesh, P()))
      cut = step(x, kernel)
      text = step.lower(x, kernel).compile().as_text()
      assert 'all-gather' not in text and 'all-to-all' not in text
      assert 'all-reduce' in text
      assert cut[1][0].sharding.spec == P('data')
      for a, b in zip(jax.tree.leaves(cut), jax.tree.leaves(whole)):
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, atol=1e-4 * scale, rtol=0)
  """)
  subprocess.run([sys.executable, '-c', script], check=True, timeout=300)
