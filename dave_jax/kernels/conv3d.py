"""One 3D convolution, computed in the form that suits the machine."""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from dave_jax.kernels import conv_cpu
from dave_jax.models import space_to_depth

Padding = Sequence[tuple[int, int]]
_FAN_OUT = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')


_NATIVE = contextvars.ContextVar('native_convolutions', default=False)


def conv3d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: Sequence[int] = (1, 1, 1),
  padding: Padding,
) -> jax.Array:
  """Convolves in time, height and width.

  XLA's own convolution on GPUs and TPUs, where on TPUs the stem's few channels
  are taken together (`dave_jax.models.space_to_depth`); on CPUs, where XLA's is
  several times slower than the machine, `dave_jax.kernels.conv_cpu`. Which of
  them is decided when a program is compiled for a platform.

  Args:
    x: [b, t, h, w, c_in].
    kernel: [k_t, k_h, k_w, c_in, c_out], of x's type.
    strides: Steps in time, height and width.
    padding: Zeros before and after, in time, height and width.

  Returns:
    [b, t', h', w', c_out], of x's type.
  """
  strides = tuple(strides)
  padding = tuple((low, high) for low, high in padding)
  if native():
    return conv3d_native(x, kernel, strides=strides, padding=padding)
  return _conv3d(x, kernel, strides, padding)


def conv3d_native(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: Sequence[int] = (1, 1, 1),
  padding: Padding,
) -> jax.Array:
  """Does as `conv3d`, with XLA's convolution on every platform."""
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  )


def native() -> bool:
  """Whether `native_convolutions` holds."""
  return _NATIVE.get()


@contextlib.contextmanager
def native_convolutions() -> Iterator[None]:
  """Makes what is traced inside use XLA's own forms, for comparisons.

  Convolution and max pooling; a function already jitted keeps the form it was
  first traced with.
  """
  token = _NATIVE.set(True)
  try:
    yield
  finally:
    _NATIVE.reset(token)


def _tpu(x, kernel, *, strides, padding):
  if space_to_depth.applies(x, strides):
    return space_to_depth.convolve(x, kernel, padding)
  return conv3d_native(x, kernel, strides=strides, padding=padding)


def _convolve(x, kernel, strides, padding, precise):
  form = {'strides': strides, 'padding': padding}
  return lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, kernel: conv_cpu.forward(
      x, kernel, strides, padding, precise=precise
    ),
    tpu=functools.partial(_tpu, **form),
    default=functools.partial(conv3d_native, **form),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv3d(x, kernel, strides, padding):
  return _convolve(x, kernel, strides, padding, precise=False)


def _conv3d_forward(x, kernel, strides, padding):
  # Gradients change by percents where rounding moves a value across a ReLU's
  # zero or between two maxima of a pool: the fewer the better. The gradients'
  # own rounding does no such thing.
  y = _convolve(x, kernel, strides, padding, precise=True)
  return y, (x, kernel)


def _conv3d_backward(strides, padding, residuals, dy):
  x, kernel = residuals
  form = {'strides': strides, 'padding': padding}

  def input_gradient(convolve):
    return lambda dy, kernel: jax.linear_transpose(
      lambda x: convolve(x, kernel, **form), x
    )(dy)[0]

  def kernel_gradient(convolve):
    return lambda x, dy: jax.linear_transpose(
      lambda kernel: convolve(x, kernel, **form), kernel
    )(dy)[0]

  # Two calls, so that a gradient nobody asks for is not computed.
  dx = lax.platform_dependent(
    dy,
    kernel,
    cpu=lambda dy, kernel: conv_cpu.input_gradient(
      dy, kernel, x.shape, strides, padding
    ),
    tpu=input_gradient(_tpu),
    default=input_gradient(conv3d_native),
  )
  dkernel = lax.platform_dependent(
    x,
    dy,
    cpu=lambda x, dy: conv_cpu.kernel_gradient(
      x, dy, kernel.shape, strides, padding
    ),
    tpu=kernel_gradient(_tpu),
    default=kernel_gradient(conv3d_native),
  )
  return dx, dkernel


_conv3d.defvjp(_conv3d_forward, _conv3d_backward)


class Conv3D(nn.Module):
  """A 3D convolution without bias; its one parameter is `kernel`.

  Attributes:
    features: Channels that come out.
    kernel_size: Taps in time, height and width.
    strides: Steps in time, height and width.
    padding: Zeros before and after, in time, height and width.
    dtype: Type of the computation and of the result.
    param_dtype: Type of the parameter.
    kernel_init: Initialiser; the default is He et al. (2015), fan out.
  """

  features: int
  kernel_size: Sequence[int]
  strides: Sequence[int] = (1, 1, 1)
  padding: Padding = ((0, 0), (0, 0), (0, 0))
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32
  kernel_init: Callable[..., jax.Array] = _FAN_OUT

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, t, h, w, c] to [b, t', h', w', features]."""
    shape = (*self.kernel_size, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape, self.param_dtype)
    return conv3d(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      strides=self.strides,
      padding=self.padding,
    )
