"""What the networks expect of frames."""

import jax
import jax.numpy as jnp

# Of Kinetics, as the published model uses them; red, green, blue, 0 to 255.
MEAN = (110.63666788, 103.16065604, 96.29023126)
STANDARD_DEVIATION = (38.7568578, 37.88248729, 40.02898126)


def normalise(frames: jax.Array) -> jax.Array:
  """Returns frames [..., 3] of 0 to 255 as the encoders take them, float32.

  Runs inside the compiled program, so that frames travel as bytes.
  """
  mean = jnp.array(MEAN, jnp.float32)
  scale = 1 / jnp.array(STANDARD_DEVIATION, jnp.float32)
  return (frames.astype(jnp.float32) - mean) * scale
