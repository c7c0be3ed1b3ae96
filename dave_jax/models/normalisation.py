"""Normalises frames for the video encoders."""

import jax
import jax.numpy as jnp

# Per-channel statistics of Kinetics frames, in RGB order on a 0 to 255 scale,
# as used by the published model.
MEAN = (110.63666788, 103.16065604, 96.29023126)
STANDARD_DEVIATION = (38.7568578, 37.88248729, 40.02898126)


def normalise(frames: jax.Array) -> jax.Array:
  """Normalises RGB frames [..., 3] with values from 0 to 255 to float32.

  Call it inside the compiled program, so that frames are transferred as uint8.
  """
  mean = jnp.array(MEAN, jnp.float32)
  scale = 1 / jnp.array(STANDARD_DEVIATION, jnp.float32)
  return (frames.astype(jnp.float32) - mean) * scale
