"""3D convolution with an implementation for each platform."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from dave_jax.kernels import buffers, conv_cpu, conv_gpu

Padding = Sequence[tuple[int, int]]


def conv3d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: Sequence[int] = (1, 1, 1),
  padding: Padding,
  lax_kernels: bool = False,
) -> jax.Array:
  """Convolves over time, height and width.

  GPUs and TPUs use `lax.conv_general_dilated`. CPUs, where that reaches a
  fraction of the machine's arithmetic, use `dave_jax.kernels.conv_cpu`, and
  NVIDIA GPUs use `dave_jax.kernels.conv_gpu` for the few channels of a stem.
  The choice is made when a program is compiled for a platform.

  Args:
    x: [b, t, h, w, c_in].
    kernel: [k_t, k_h, k_w, c_in, c_out], of the same type as x.
    strides: Strides in time, height and width.
    padding: Zeros before and after, in time, height and width.
    lax_kernels: Whether CPUs use `lax.conv_general_dilated` too, which runs
      several times slower but compiles in a quarter of the time.

  Returns:
    [b, t', h', w', c_out], of the same type as x.
  """
  strides = tuple(strides)
  padding = tuple((low, high) for low, high in padding)
  if lax_kernels:
    return lax_conv3d(x, kernel, strides=strides, padding=padding)
  return _conv3d(x, kernel, strides, padding)


def lax_conv3d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: Sequence[int] = (1, 1, 1),
  padding: Padding,
) -> jax.Array:
  """Computes `conv3d` by `lax.conv_general_dilated` on every platform."""
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  )


def _by_platform(use, kernel_shape, strides, padding):
  """Returns the branches for accelerators: `use` of each one's convolution."""
  fixed = {'strides': strides, 'padding': padding}
  branches = {'default': use(functools.partial(lax_conv3d, **fixed))}
  if conv_gpu.applies(kernel_shape, strides):
    conv = functools.partial(conv_gpu.conv3d_few_channels, **fixed)
    branches['cuda'] = use(conv)
  return branches


def _forward(x, kernel, strides, padding, precise):
  return lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, kernel: conv_cpu.forward(
      x, kernel, strides, padding, precise=precise
    ),
    **_by_platform(lambda conv: conv, kernel.shape, strides, padding),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv3d(x, kernel, strides, padding):
  return _forward(x, kernel, strides, padding, precise=False)


def _conv3d_forward(x, kernel, strides, padding):
  # Gradients change by percents where rounding moves an activation across the
  # zero of a ReLU or changes the winner of a max pool, so round less here. The
  # rounding of the gradients themselves has no such effect.
  y = _forward(x, kernel, strides, padding, precise=True)
  return y, (x, kernel)


def _conv3d_backward(strides, padding, residuals, dy):
  x, kernel = residuals

  def input_gradient(conv):
    return lambda dy, kernel, _: jax.linear_transpose(
      lambda x: conv(x, kernel), x
    )(dy)[0]

  def kernel_gradient(conv):
    return lambda x, dy: jax.linear_transpose(
      lambda kernel: conv(x, kernel), kernel
    )(dy)[0]

  dkernel = lax.platform_dependent(
    x,
    dy,
    cpu=lambda x, dy: conv_cpu.kernel_gradient(
      x, dy, kernel.shape, strides, padding
    ),
    **_by_platform(kernel_gradient, kernel.shape, strides, padding),
  )
  # A separate call, so that XLA can remove it if it is not used.
  dx = lax.platform_dependent(
    dy,
    kernel,
    dkernel,
    cpu=lambda dy, kernel, dkernel: buffers.after(
      conv_cpu.input_gradient(dy, kernel, x.shape, strides, padding),
      # Or else XLA computes all kernels' gradients at the end, and keeps what
      # they are computed from until then.
      dkernel,
    ),
    **_by_platform(input_gradient, kernel.shape, strides, padding),
  )
  return dx, dkernel


_conv3d.defvjp(_conv3d_forward, _conv3d_backward)


class Conv3D(nn.Module):
  """3D convolution without bias; its only parameter is `kernel`, float32.

  Time, height and width are padded with zeros by half the kernel's size.

  Attributes:
    features: Number of output channels.
    size: Taps in each of time, height and width, odd.
    stride: Stride in each of them.
    dtype: Type of the computation and of the result.
    lax_kernels: See `conv3d`.
  """

  features: int
  size: int
  stride: int = 1
  dtype: Any = jnp.float32
  lax_kernels: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, t, h, w, c] to [b, t', h', w', features]."""
    shape = (*(self.size,) * 3, x.shape[-1], self.features)
    # He et al. (2015), fan-out.
    he = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')
    kernel = self.param('kernel', he, shape)
    return conv3d(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      strides=(self.stride,) * 3,
      padding=((self.size // 2,) * 2,) * 3,
      lax_kernels=self.lax_kernels,
    )
