"""One 3D convolution, computed in the form that suits the machine."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

Padding = Sequence[tuple[int, int]]
_FAN_OUT = nn.initializers.variance_scaling(2.0, 'fan_out', 'normal')


def conv3d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: Sequence[int] = (1, 1, 1),
  padding: Padding,
) -> jax.Array:
  """Convolves in time, height and width.

  Args:
    x: [b, t, h, w, c_in].
    kernel: [k_t, k_h, k_w, c_in, c_out], of x's type.
    strides: Steps in time, height and width.
    padding: Zeros before and after, in time, height and width.

  Returns:
    [b, t', h', w', c_out], of x's type.
  """
  return lax.conv_general_dilated(
    x,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  )


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
