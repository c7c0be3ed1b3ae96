"""3D convolution of a stem as 2D convolutions, for CPUs.

XLA's CPU backend computes 2D convolutions of few channels at nearly the rate of
its matrix products and gathers the inputs under the taps by itself. The 3D
convolution is reduced to them in one of two ways:

- Winograd's algorithm in time halves the work: four output frames are sums of
  seven 2D convolutions, each of sums of eleven frames. Two windows of
  16x256x320x3 with 64 output channels take 0.33 s of two cores, where gathering
  as in `dave_jax.kernels.conv_cpu` takes 0.43 s.
- With few output channels, narrow matrix products take longer than the work
  that is saved. Then one 2D convolution computes two output frames, as its
  channels, from eight frames. Eight windows of 16x128x160x3 with 8 output
  channels take 0.165 s of one core; Winograd's algorithm takes 0.37 s and
  gathering 0.27 s.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dave_jax.kernels import buffers, winograd
from dave_jax.kernels.tiling import even_size

# Output channels up to which frames are computed in pairs. In ms, for four
# windows of 16x128x160x3, Winograd against pairs: 4: 182, 41; 16: 182, 128;
# 32: 203, 257.
_FEW_CHANNELS = 16
_PAIR = 2
# Memory of the results of the 2D convolutions of an iteration. 8 to 32 MiB are
# equally fast with Winograd's algorithm, and 1/4 MiB is the fastest for pairs.
_PIECE_BYTES = 8 << 20
_PAIR_PIECE_BYTES = 1 << 18
# Output frames of a Winograd tile; taps of a part of the kernel, and parts. One
# filter of all seven taps loses a decimal digit, two of four lose half of that.
# Tiles of two frames lose less, but take 1.4 times as long, and the gradients
# of the network agree with PyTorch's no better.
_TILE, _TAPS, _PARTS = 4, 4, 2
_FRAMES = _TILE + _PARTS * _TAPS - 1


def applies(
  kernel_shape: tuple[int, ...], strides: tuple[int, int, int], frames: int
) -> bool:
  """Returns whether a convolution has a stem's kernel.

  Args:
    kernel_shape: [k_t, k_h, k_w, c, n].
    strides: Strides in time, height and width.
    frames: Number of output frames.
  """
  return kernel_shape[0] == 7 and strides[0] == 1 and frames >= _TILE


def forward(
  x: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, int, int],
  padding: tuple[tuple[int, int], ...],
  out: tuple[int, int, int],
) -> jax.Array:
  """Convolves as `dave_jax.kernels.conv3d.conv3d`.

  The batch is not split: it may be sharded over devices.

  Args:
    x: [b, t, h, w, c].
    kernel: [7, k_h, k_w, c, n].
    strides: Strides in time (1), height and width.
    padding: Zeros before and after.
    out: Outputs in time, height and width.

  Returns:
    [b, *out, n], of the same type as x.
  """
  b, n = x.shape[0], kernel.shape[4]
  _, s_h, s_w = strides
  k_t, k_h, k_w = kernel.shape[:3]
  frames, rows, columns = out
  kernel = kernel.astype(jnp.float32)
  if n <= _FEW_CHANNELS:
    tile, frames_in, piece_bytes = _PAIR, _PAIR + k_t - 1, _PAIR_PIECE_BYTES
    kernels = [_pair_kernel(kernel)]
    inputs, outputs = _frames_as_channels, _channels_as_frames
  else:
    tile, frames_in, piece_bytes = _TILE, _FRAMES, _PIECE_BYTES
    kernels = _transform_kernel(kernel)
    inputs, outputs = _transform_frames, _untransform_frames
  tiles = -(-frames // tile)
  row_bytes = 4 * len(kernels) * b * columns * kernels[0].shape[-1]
  piece = even_size(rows, max(1, piece_bytes // row_bytes))
  pieces = -(-rows // piece)
  y = buffers.to_overwrite((b, tiles * tile, pieces * piece, columns, n), x)
  # XLA chooses a faster variant of the convolution if it has padding, even
  # negative: 326 ms for the stem of two windows, 373 ms if it pads the width
  # itself and 394 ms without padding. So there is one column too many.
  x = _pad_to(
    x,
    padding,
    (
      (tiles - 1) * tile + frames_in,
      (pieces * piece - 1) * s_h + k_h,
      (columns - 1) * s_w + k_w + 1,
    ),
  )
  size = (b, frames_in, (piece - 1) * s_h + k_h, *x.shape[3:])

  def place(i):
    """Returns the first frame and row of piece i."""
    return i // pieces * tile, i % pieces * piece

  def convolve(i):
    """Returns the inputs of the 2D convolutions of piece i, and the results."""
    frame, row = place(i)
    part = lax.dynamic_slice(x, (0, frame, row * s_h, 0, 0), size)
    arrays = inputs(part.astype(jnp.float32))
    return arrays, [
      lax.conv_general_dilated(
        array,
        kernel,
        (s_h, s_w),
        ((0, 0), (0, -1)),
        dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      )
      for array, kernel in zip(arrays, kernels, strict=True)
    ]

  count = tiles * pieces
  at_once = _pieces_at_once(count, len(kernels))

  def step(i, carry):
    y, _ = carry
    numbers = [at_once * i + k for k in range(at_once)]
    computed = [convolve(number) for number in numbers]
    for number, (_, convolved) in zip(numbers, computed, strict=True):
      frame, row = place(number)
      for j, output in enumerate(outputs(convolved)):
        y = lax.dynamic_update_slice(
          y, output.astype(y.dtype)[:, None], (0, frame + j, row, 0, 0)
        )
    return y, computed if at_once > 1 else ()

  held = ()
  if at_once > 1:
    held = jax.tree.map(
      lambda like: jnp.zeros(like.shape, like.dtype),
      [jax.eval_shape(convolve, 0)] * at_once,
    )
  y, held = lax.fori_loop(0, count // at_once, step, (y, held))
  y = buffers.keep(y, jax.tree.leaves(held))
  return y[:, :frames, :rows]


def _pieces_at_once(count, convolutions):
  """Returns how many of `count` pieces an iteration computes.

  One core computes each 2D convolution of three channels. XLA's CPU runtime
  hands operations to other cores if more than eight of them are ready, which
  those of two pieces are, and share no memory, see `buffers.keep`: the stem of
  two windows then takes 0.36 s of two cores instead of 0.55 s.
  """
  return 2 if convolutions > 1 and count % 2 == 0 else 1


def _pad_to(x, padding, sizes):
  """Pads time, height and width with zeros before, and after to the sizes."""
  config = [
    (low, size - low - n, 0)
    for (low, _), size, n in zip(padding, sizes, x.shape[1:4], strict=True)
  ]
  unpadded = (0, 0, 0)
  zero = jnp.zeros((), x.dtype)
  return lax.pad(x, zero, [unpadded, *config, unpadded])


def _pair_kernel(kernel):
  """Returns the kernel that maps eight frames to two, [k_h, k_w, 8 c, 2 n]."""
  shifted = [
    jnp.pad(kernel, ((j, _PAIR - 1 - j), *((0, 0),) * 4)) for j in range(_PAIR)
  ]
  kernel = jnp.concatenate(shifted, axis=-1).transpose(1, 2, 0, 3, 4)
  return kernel.reshape(*kernel.shape[:2], -1, kernel.shape[-1])


def _frames_as_channels(x):
  """Returns the only input of `_pair_kernel`, [b, h, w, 8 c]."""
  b, frames, h, w, c = x.shape
  x = x.transpose(0, 2, 3, 1, 4).reshape(b, h, w, frames * c)
  return [lax.optimization_barrier(x)]


def _channels_as_frames(convolved):
  return jnp.split(convolved[0], _PAIR, axis=-1)


def _transform_kernel(kernel):
  """Returns the kernel at each Winograd point, [k_h, k_w, parts * c, n]."""
  k_t, k_h, k_w, c, n = kernel.shape
  missing = _PARTS * _TAPS - k_t
  kernel = jnp.pad(kernel, ((0, missing), *((0, 0),) * 4))
  kernel = kernel.reshape(_PARTS, _TAPS, k_h, k_w, c, n)
  points = winograd.transform_taps(kernel, _TILE, axis=1)
  points = points.transpose(1, 2, 3, 0, 4, 5)
  return [point.reshape(k_h, k_w, _PARTS * c, n) for point in points]


def _transform_frames(x):
  """Returns the frames at each Winograd point, [b, h, w, parts * c].

  The parts of the kernel become channels, so that the convolutions sum them.
  """
  _, _, b = winograd.matrices(_TILE, _TAPS)
  return [
    # The barrier keeps XLA from computing the sums inside the convolution.
    lax.optimization_barrier(
      jnp.concatenate(
        [
          _weighted_sum(row, [x[:, start + i] for i in range(len(row))])
          for start in range(0, _PARTS * _TAPS, _TAPS)
        ],
        axis=-1,
      )
    )
    for row in b
  ]


def _untransform_frames(points):
  a, _, _ = winograd.matrices(_TILE, _TAPS)
  return [_weighted_sum(weights, points) for weights in a]


def _weighted_sum(weights, arrays):
  terms = [
    array * np.asarray(weight, array.dtype)
    for weight, array in zip(weights, arrays, strict=True)
    if weight
  ]
  return functools.reduce(jnp.add, terms)
