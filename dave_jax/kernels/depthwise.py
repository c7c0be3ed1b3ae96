"""Depthwise convolution, computed in the form that suits the machine."""

import functools

import jax
import jax.numpy as jnp
from jax import lax


def depthwise_conv(
  x: jax.Array, kernel: jax.Array, *, stride: int, lax_kernels: bool = False
) -> jax.Array:
  """Convolves each channel with its own kernel, padded as in TensorFlow.

  XLA's grouped convolution on GPUs and TPUs. On CPUs, where that one is many
  times slower than the machine, a sum of shifted products, which XLA fuses into
  one loop that is vectorised over the channels.

  Args:
    x: [n, h, w, c].
    kernel: [k, k, c] of odd k, of x's type.
    stride: 1, or 2 for even h and w.
    lax_kernels: Whether to use XLA's grouped convolution on every platform.

  Returns:
    [n, h / stride, w / stride, c], of x's type. 'SAME' padding: at stride 2 one
    row and one column less before than after.
  """
  if stride not in (1, 2) or (stride == 2 and (x.shape[1] | x.shape[2]) % 2):
    raise ValueError(
      f'expected stride 1, or stride 2 and an even height and width, got '
      f'stride {stride} for x of shape {x.shape}'
    )
  if lax_kernels:
    return depthwise_native(x, kernel, stride)
  return _depthwise(x, kernel, stride)


def depthwise_native(x, kernel, stride):
  """Does as `depthwise_conv`, with XLA's convolution on every platform."""
  k, _, c = kernel.shape
  return lax.conv_general_dilated(
    x,
    kernel[:, :, None],
    window_strides=(stride, stride),
    padding=[_padding(k, stride)] * 2,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    feature_group_count=c,
  )


def depthwise_shifted(x, kernel, stride):
  """Does as `depthwise_conv`, with shifted products on every platform."""
  k = kernel.shape[0]
  n, h, w, c = x.shape
  edges = _padding(k, stride)
  # Kept out of the fusion, whose loop it would fill with comparisons.
  padded = lax.optimization_barrier(jnp.pad(x, ((0, 0), edges, edges, (0, 0))))
  y = None
  for i in range(k):
    for j in range(k):
      window = lax.slice(
        padded,
        (0, i, j, 0),
        (n, i + h - stride + 1, j + w - stride + 1, c),
        (1, stride, stride, 1),
      )
      term = window * kernel[i, j]
      y = term if y is None else y + term
  return y


def _padding(k, stride):
  """Returns zeros before and after: k - stride of them, half and half."""
  total = k - stride
  return total // 2, total - total // 2


def _by_platform(shifted, native, *operands):
  return lax.platform_dependent(*operands, cpu=shifted, default=native)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _depthwise(x, kernel, stride):
  return _by_platform(
    lambda x, kernel: depthwise_shifted(x, kernel, stride),
    lambda x, kernel: depthwise_native(x, kernel, stride),
    x,
    kernel,
  )


def _forward(x, kernel, stride):
  return _depthwise(x, kernel, stride), (x, kernel)


def _backward(stride, residuals, dy):
  def gradients(form):
    def apply(x, kernel, dy):
      _, pullback = jax.vjp(lambda x, k: form(x, k, stride), x, kernel)
      return pullback(dy)

    return apply

  return _by_platform(
    gradients(depthwise_shifted), gradients(depthwise_native), *residuals, dy
  )


_depthwise.defvjp(_forward, _backward)
