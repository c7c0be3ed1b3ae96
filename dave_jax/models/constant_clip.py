"""The stem's convolution over a still image that stands for many frames."""

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.kernels.conv3d import conv3d


def convolve_still(
  image: jax.Array, kernel: jax.Array, *, frames: int
) -> jax.Array:
  """Returns what the stem's convolution gives of copies of an image.

  Frames that are alike give frames that are alike, but for those where taps
  reach past the first or the last: of 16 frames and 7 taps there are 7 kinds,
  each the image under the sum of the taps that fall on frames, a sixteenth of
  the work of convolving the copies.

  Args:
    image: [b, 1, h, w, c].
    kernel: [k, k_h, k_w, c, features] of odd sizes, k below `frames`.
    frames: How many copies.

  Returns:
    [b, frames, h / 2, w / 2, features]: stride 2 in height and width, and as
    much of zeros around as keeps the size otherwise.
  """
  taps, k_h, k_w, c, features = kernel.shape
  reach = taps // 2
  # Of each kind of frame, the taps that fall on frames.
  places = [*range(reach + 1), *range(frames - reach, frames)]
  seen = np.array(places)[:, None] + np.arange(taps) - reach
  on = jnp.asarray((seen >= 0) & (seen < frames), kernel.dtype)
  sums = jnp.einsum('nk,kabcf->abcnf', on, kernel)
  y = conv3d(
    image,
    sums.reshape(1, k_h, k_w, c, taps * features),
    strides=(1, 2, 2),
    padding=((0, 0), (k_h // 2, k_h // 2), (k_w // 2, k_w // 2)),
  )
  b, _, h, w, _ = y.shape
  y = y.reshape(b, h, w, taps, features)
  y = jnp.moveaxis(y, 3, 1)
  middle = jnp.broadcast_to(
    y[:, reach : reach + 1], (b, frames - 2 * reach, h, w, features)
  )
  return jnp.concatenate([y[:, :reach], middle, y[:, reach + 1 :]], axis=1)
