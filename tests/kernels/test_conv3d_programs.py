"""What `conv3d` compiles to, on each platform and inside transformations."""

import re
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from dave_jax.kernels import conv_cpu
from dave_jax.kernels.conv3d import Conv3D, conv3d
from dave_jax.models.dave import DAVE
from tests.kernels.convolutions import (
  CASES,
  assert_close,
  draw_arrays,
  value_and_gradients,
)

pytestmark = pytest.mark.usefixtures('quick_to_compile')


def _ranks_of_convolutions(text):
  found = re.findall(r'stablehlo\.convolution.*-> tensor<([\dx]+)xf32>', text)
  return [shape.count('x') + 1 for shape in found]


def test_only_gpus_convolve_few_channels_in_two_dimensions():
  """Lowers both passes of a stem and reads the ranks of its convolutions."""
  *_, strides, padding = CASES['stem']
  traced = value_and_gradients(conv3d, strides, padding).trace(
    *draw_arrays(*CASES['stem'])
  )

  def ranks(platform):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return set(_ranks_of_convolutions(text))

  assert ranks('cuda') == {4}
  assert ranks('tpu') == {5}


@pytest.mark.parametrize('case', ['winograd', 'stem', 'strided', 'one frame'])
@pytest.mark.parametrize('platform', ['cuda', 'tpu', 'cpu'])
def test_each_platform_gets_its_implementation(case, platform):
  *_, strides, padding = CASES[case]
  shapes = [
    jax.ShapeDtypeStruct(a.shape, a.dtype) for a in draw_arrays(*CASES[case])
  ]
  text = (
    value_and_gradients(conv3d, strides, padding)
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
  x, kernel, dy = draw_arrays(*CASES['gathered'])

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
      assert_close(a, factor * b, 1e-5)


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


def test_convolutions_of_a_stem_share_no_memory():
  """Counts what the loop of the compiled program carries.

  Fourteen convolutions, seven sums of frames for each of two pieces, run at
  once only if their inputs and results are among it.
  """
  *_, strides, padding = CASES['stem']
  x, kernel, *_ = draw_arrays(*CASES['stem'])
  program = (
    jax.jit(conv_cpu.forward, static_argnums=(2, 3))
    .lower(x, kernel, strides, padding)
    .compile()
    .as_text()
  )
  (carried,) = re.findall(r' = (.*) while\(', program)
  assert carried.count('f32[') >= 2 * 14


@pytest.mark.slow
def test_temporary_memory_of_a_training_step():
  """Arrays live no longer than they are needed, in the largest part of a step.

  21.6 MiB are measured, 27.1 MiB where kernels' gradients are left for the end,
  where loops share an array of zeros, and where the gradients of max pooling
  and of batch norm's moments are two arrays. The stem's output has 5 MiB.
  """
  model = DAVE(modality='video', depth=10, width=16, frame_size=(128, 160))

  def loss(params, statistics, video):
    maps, statistics = model.apply(
      {'params': params, 'batch_stats': statistics},
      video,
      train=True,
      mutable=['batch_stats'],
    )
    return (maps * maps).sum(), statistics

  variables = model.abstract_variables()
  gradient = jax.jit(
    jax.grad(loss, has_aux=True), compiler_options=conv_cpu.COMPILER_OPTIONS
  )
  program = gradient.lower(
    variables['params'],
    variables['batch_stats'],
    jax.ShapeDtypeStruct((1, 16, 128, 160, 3), jnp.float32),
  ).compile()
  assert program.memory_analysis().temp_size_in_bytes < 24 * 2**20
