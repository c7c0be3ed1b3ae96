"""Turns a batch of the data pipeline into network inputs, on the device."""

import jax

from dave_jax.media import clock
from dave_jax.models.dave import DAVE
from dave_jax.models.normalisation import normalise


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
