"""Turns a batch of the data pipeline into network inputs, on the device."""

import jax
import jax.numpy as jnp

from dave_jax.media import clock
from dave_jax.models.dave import DAVE

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


def model_inputs(
  model: DAVE, batch: dict, *, visual_only: bool
) -> tuple[jax.Array | None, jax.Array | None]:
  """Returns the video and audio inputs of a network for a batch.

  Args:
    model: The network.
    batch: See `data.batches`.
    visual_only: Whether to leave the audio out.

  Returns:
    Normalised video [b, 16, h, w, 3], or [b, 1, h, w, 3] for still images, and
    log-mel examples [b, 16, 64, 64]. Each is None if the network does not use
    it.
  """
  video = audio = None
  if model.uses_video:
    video = normalise(batch['frames'])
  if model.uses_audio and not visual_only:
    gather = jax.vmap(clock.examples_of_chunk)
    audio = gather(batch['log_mel'], batch['offsets'])
  return video, audio


def predict_batch(
  model: DAVE, variables: dict, batch: dict, *, visual_only: bool
) -> jax.Array:
  """Returns the saliency maps [b, h / 8, w / 8] of a batch.

  Args:
    model: The network.
    variables: Its parameters and batch statistics.
    batch: See `data.batches`.
    visual_only: Whether an audio-visual network takes its visual-only route.
  """
  video, audio = model_inputs(model, batch, visual_only=visual_only)
  return model.apply(
    variables, video, audio, train=False, visual_only=visual_only
  )
