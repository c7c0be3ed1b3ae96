"""Convolution of a clip whose frames are all the same image."""

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.kernels.conv3d import conv3d


def convolve_constant_clip(
  image: jax.Array,
  kernel: jax.Array,
  *,
  frames: int,
  lax_kernels: bool = False,
) -> jax.Array:
  """Convolves `frames` copies of an image, with the stem's strides.

  The output is the same at every frame except near the temporal padding. At
  each frame it is the 2D convolution of the image with the sum of those
  temporal taps that fall inside the clip: 16 frames and 7 taps give 7 different
  outputs, for a sixteenth of the work of the full convolution.

  Args:
    image: [b, 1, h, w, c].
    kernel: [k, k_h, k_w, c, features], all sizes odd and k < frames.
    frames: Length of the clip.
    lax_kernels: See `conv3d`.

  Returns:
    [b, frames, h / 2, w / 2, features]: strides (1, 2, 2), zero padding of half
    the kernel's size.
  """
  taps, k_h, k_w, c, features = kernel.shape
  reach = taps // 2
  # One frame of each kind: the first few, one in the middle, the last few.
  frame = np.array([*range(reach + 1), *range(frames - reach, frames)])
  source = frame[:, None] + np.arange(taps) - reach
  inside = jnp.asarray((source >= 0) & (source < frames), kernel.dtype)
  sums = jnp.einsum('nk,kabcf->abcnf', inside, kernel)
  y = conv3d(
    image,
    sums.reshape(1, k_h, k_w, c, taps * features),
    strides=(1, 2, 2),
    padding=((0, 0), (k_h // 2, k_h // 2), (k_w // 2, k_w // 2)),
    lax_kernels=lax_kernels,
  )
  b, _, h, w, _ = y.shape
  y = y.reshape(b, h, w, taps, features)
  y = jnp.moveaxis(y, 3, 1)
  middle = jnp.broadcast_to(
    y[:, reach : reach + 1], (b, frames - 2 * reach, h, w, features)
  )
  return jnp.concatenate([y[:, :reach], middle, y[:, reach + 1 :]], axis=1)
