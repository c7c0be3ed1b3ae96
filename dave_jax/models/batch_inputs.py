"""From a batch of the pipeline to what the networks take, on the device."""

import jax

from dave_jax.media import clock
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import normalise


def see_and_hear(
  model: DAVE, batch: dict, *, visual_only: bool
) -> tuple[jax.Array | None, jax.Array | None]:
  """Returns what the network takes of a batch, made on the device.

  Args:
    model: The network.
    batch: See `data.batches`.
    visual_only: Leaves sound out.

  Returns:
    Normalised video [b, 16, h, w, 3], of still images [b, 1, h, w, 3], and
    examples of sound [b, 16, 64, 64], each None where the network does not take
    it.
  """
  video = audio = None
  if model.modality != 'audio':
    video = normalise(batch['frames'])
  if model.modality != 'video' and not visual_only:
    cut = jax.vmap(clock.examples_of_chunk)
    audio = cut(batch['log_mel'], batch['offsets'])
  return video, audio


def predict_batch(
  model: DAVE, variables: dict, batch: dict, *, visual_only: bool
) -> jax.Array:
  """Returns the saliency maps [b, h / 8, w / 8] of a batch.

  Args:
    model: The network.
    variables: Its parameters and batch statistics.
    batch: See `data.batches`.
    visual_only: Whether an audio-visual network takes the route of images.
  """
  video, audio = see_and_hear(model, batch, visual_only=visual_only)
  return model.apply(
    variables, video, audio, train=False, visual_only=visual_only
  )
