"""3D convolution and its gradients as matrix products, for CPUs.

XLA's CPU backend multiplies matrices at nearly the peak rate of the machine,
but its 3D convolutions are far slower, especially their gradients. Here a
convolution is a loop over pieces of its output. Each iteration gathers the
inputs under each tap (im2col) or, where that saves work, transforms tiles by
Winograd's algorithm; multiplies by the kernel; and writes the piece. A piece
fits the caches, and the next one reuses its memory, because pages newly mapped
by the operating system cost more than the arithmetic (1 to 3 GB/s at first
touch, 15 to 60 GB/s afterwards).
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from dave_jax.kernels import buffers, conv_stem
from dave_jax.kernels.tiling import choose_tiling, pad

# Compiler options for a training step on a CPU. The default schedule runs
# independent operations concurrently and keeps the inputs of the kernels'
# gradients alive: forward and backward pass of two windows of 256x320 took
# 1310 MiB by default and 796 MiB with this option.
COMPILER_OPTIONS = {
  'xla_cpu_scheduler_type': 'CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED'
}


def forward(
  x: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, int, int],
  padding: tuple[tuple[int, int], ...],
  *,
  flipped: bool = False,
  precise: bool = False,
) -> jax.Array:
  """Convolves as `dave_jax.kernels.conv3d.conv3d`.

  Args:
    x: [b, t, h, w, c].
    kernel: [k_t, k_h, k_w, c, n].
    strides: Strides in time, height and width.
    padding: Zeros before and after; negative numbers crop.
    flipped: Whether to reverse the kernel's taps and take its channels as
      [n, c], as the gradient of a convolution does.
    precise: Whether to keep the rounding error about that of plain sums.

  Returns:
    [b, t', h', w', n].
  """
  if math.prod(kernel.shape[:3]) == 1:
    return _pointwise(x, kernel, strides, padding, flipped)
  out = _output_size(x, kernel.shape, strides, padding)
  if kernel.shape[0] > 1 and out[0] <= 2:
    return _frame_by_frame(
      x, kernel, strides, padding, out[0], flipped, precise
    )
  if conv_stem.applies(kernel.shape, strides, out[0]) and not flipped:
    return conv_stem.forward(x, kernel, strides, padding, out)
  n = kernel.shape[3 if flipped else 4]
  tiling = choose_tiling(
    x.shape,
    out,
    kernel.shape[:3],
    n,
    strides,
    precise=precise,
    gradient=flipped,
  )
  padded = tiling.pad_input(x, padding)
  # [points, taps * c, n], or flipped [points, n, taps * c], which copies whole
  # rows. Transposing to c, n took longer than the product of a deep layer.
  matrices = tiling.matrices(kernel.astype(jnp.float32), flipped)
  contracted = ((2,), (2 if flipped else 1,))

  def step(i, y):
    total = 0
    for patches, matrix in zip(
      tiling.patches(padded, i), matrices, strict=True
    ):
      points, *shape, k = patches.shape
      total += lax.dot_general(
        patches.reshape(points, -1, k), matrix, (contracted, ((0,), (0,)))
      )
    piece = tiling.untile(total.reshape(points, *shape, n)).astype(x.dtype)
    return lax.dynamic_update_slice(y, piece, tiling.start(i))

  y = buffers.to_overwrite((x.shape[0], *tiling.size, n), x)
  y = _loop(tiling, step, y)
  return y[:, : out[0], : out[1], : out[2]]


def kernel_gradient(
  x: jax.Array,
  dy: jax.Array,
  kernel_shape: tuple[int, ...],
  strides: tuple[int, int, int],
  padding: tuple[tuple[int, int], ...],
) -> jax.Array:
  """Returns the gradient of the kernel, [k_t, k_h, k_w, c, n]."""
  kernel = jax.ShapeDtypeStruct(kernel_shape, x.dtype)
  if math.prod(kernel_shape[:3]) == 1:
    return jax.linear_transpose(
      lambda kernel: _pointwise(x, kernel, strides, padding, False), kernel
    )(dy)[0]
  out, n = dy.shape[1:4], dy.shape[4]
  if kernel_shape[0] > 1 and out[0] <= 2:
    return _kernel_frame_by_frame(x, dy, kernel_shape, strides, padding)
  tiling = choose_tiling(
    x.shape, out, kernel_shape[:3], n, strides, gradient=True
  )
  padded = tiling.pad_input(x, padding)
  dy = tiling.pad_output(dy)

  def step(i, totals):
    piece = lax.dynamic_slice(
      dy, tiling.start(i), (dy.shape[0], *tiling.piece, n)
    )
    piece = tiling.tile(piece.astype(jnp.float32))
    piece = piece.reshape(piece.shape[0], -1, n)
    if tiling.tiled:
      # XLA calls YNNPACK for products of this form and Eigen for the other:
      # 1.3 against 2.1 ms for 36 x 160 x 192 x 64, including the transposes.
      piece = lax.optimization_barrier(jnp.swapaxes(piece, 1, 2))
    products = []
    for part in tiling.patches(padded, i):
      patches = part.reshape(piece.shape[0], -1, part.shape[-1])
      if tiling.tiled:
        factors, contracted = (piece, patches), ((2,), (1,))
      else:
        factors, contracted = (patches, piece), ((1,), (1,))
      products.append(lax.dot_general(*factors, (contracted, ((0,), (0,)))))
    return jax.tree.map(jnp.add, totals, products)

  like = jax.ShapeDtypeStruct(kernel_shape, jnp.float32)
  shapes = jax.eval_shape(tiling.matrices, like)
  totals = [
    jnp.zeros((p, n, k) if tiling.tiled else (p, k, n), jnp.float32)
    for p, k, _ in (part.shape for part in shapes)
  ]
  totals = _loop(tiling, step, totals)
  if tiling.tiled:
    totals = [jnp.swapaxes(total, 1, 2) for total in totals]
  return jax.linear_transpose(tiling.matrices, like)(totals)[0].astype(x.dtype)


def input_gradient(
  dy: jax.Array,
  kernel: jax.Array,
  x_shape: tuple[int, ...],
  strides: tuple[int, int, int],
  padding: tuple[tuple[int, int], ...],
) -> jax.Array:
  """Returns the gradient of the input, [b, t, h, w, c].

  Inputs of the same phase of the strides meet the same taps, so each phase is
  a convolution of stride one with a part of the kernel. XLA's own form
  multiplies by zeros inserted between the outputs, eight times the work at
  stride two.
  """
  if math.prod(kernel.shape[:3]) == 1:
    return jax.linear_transpose(
      lambda x: _pointwise(x, kernel, strides, padding, False),
      jax.ShapeDtypeStruct(x_shape, dy.dtype),
    )(dy)[0]
  counts = [-(-n // s) for n, s in zip(x_shape[1:4], strides, strict=True)]
  phases = []
  for phase in itertools.product(*map(range, strides)):
    taps, pads = [], []
    for axis, s in enumerate(strides):
      place = phase[axis] + padding[axis][0]
      first = place % s
      k = len(range(first, kernel.shape[axis], s))
      low = k - 1 - place // s
      taps.append(slice(first, None, s))
      pads.append((low, counts[axis] + k - 1 - low - dy.shape[1 + axis]))
    part = kernel[tuple(taps)]
    if part.size:
      dx = forward(dy, part, (1, 1, 1), tuple(pads), flipped=True)
    else:
      dx = jnp.zeros((dy.shape[0], *counts, x_shape[4]), dy.dtype)
    phases.append(dx)
  if len(phases) == 1:
    return phases[0]
  dx = jnp.stack(phases).reshape(*strides, *phases[0].shape)
  dx = dx.transpose(3, 4, 0, 5, 1, 6, 2, 7)
  sizes = (n * s for n, s in zip(counts, strides, strict=True))
  dx = dx.reshape(dy.shape[0], *sizes, x_shape[4])
  return dx[:, : x_shape[1], : x_shape[2], : x_shape[3]]


def _pointwise(x, kernel, strides, padding, flipped):
  x = pad(x, padding)
  s_t, s_h, s_w = strides
  matrix = kernel[0, 0, 0].T if flipped else kernel[0, 0, 0]
  return x[:, ::s_t, ::s_h, ::s_w] @ matrix


def _frame_by_frame(x, kernel, strides, padding, frames, flipped, precise):
  """Convolves each output frame with only the taps that meet an input frame.

  In the deepest layer, whose single frame is padded to three, two of three taps
  meet only zeros; in the layer before, one of three does.
  """
  y = []
  low = padding[0][0]
  for frame in range(frames):
    start = frame * strides[0] - low
    first = max(0, -start)
    last = min(kernel.shape[0], x.shape[1] - start)
    taps = slice(first, last)
    if flipped:
      taps = slice(kernel.shape[0] - last, kernel.shape[0] - first)
    y.append(
      _one_frame(
        x[:, start + first : start + last],
        kernel[taps],
        (1, *strides[1:]),
        ((0, 0), *padding[1:]),
        flipped,
        precise,
      )
    )
  return jnp.concatenate(y, axis=1)


def _one_frame(x, kernel, strides, padding, flipped, precise):
  """Computes `forward` for as many temporal taps as frames."""
  frames, k_h, k_w, *channels = kernel.shape
  if frames == 0:
    out = _output_size(x, (0, k_h, k_w), strides, padding)
    n = channels[0 if flipped else 1]
    return jnp.zeros((x.shape[0], 1, *out[1:], n), x.dtype)
  y = 0
  for i in range(frames):
    tap = frames - 1 - i if flipped else i
    y = y + forward(
      x[:, i : i + 1],
      kernel[tap : tap + 1],
      strides,
      padding,
      flipped=flipped,
      precise=precise,
    )
  return y


def _kernel_frame_by_frame(x, dy, kernel_shape, strides, padding):
  gradients = []
  for tap in range(kernel_shape[0]):
    shape = (1, *kernel_shape[1:])
    total = jnp.zeros(shape, x.dtype)
    for frame in range(dy.shape[1]):
      i = frame * strides[0] + tap - padding[0][0]
      if 0 <= i < x.shape[1]:
        total += kernel_gradient(
          x[:, i : i + 1],
          dy[:, frame : frame + 1],
          shape,
          (1, *strides[1:]),
          ((0, 0), *padding[1:]),
        )
    gradients.append(total)
  return jnp.concatenate(gradients)


def _output_size(x, kernel_shape, strides, padding):
  return tuple(
    (n + sum(pads) - k) // s + 1
    for n, k, s, pads in zip(
      x.shape[1:4], kernel_shape[:3], strides, padding, strict=True
    )
  )


def _loop(tiling, step, first):
  return lax.fori_loop(0, math.prod(tiling.grid), step, first)
