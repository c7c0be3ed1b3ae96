"""Batches that a mesh can share."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from dave_jax.training.sharding import DATA


def fit_batches(config: ConfigDict, shape: Mapping[str, int]) -> list[str]:
  """Makes the training batch of a config one that a mesh divides.

  Args:
    config: Its `train.batch_size` grows where it has to.
    shape: {'data': how many devices the mesh has}.

  Returns:
    Sentences on what training would refuse, and what would do instead.
  """
  train, evaluated = config.train, config.evaluation.batch_size
  notes = []
  if config.data.validation and evaluated % shape[DATA]:
    notes.append(
      f'evaluation.batch_size {evaluated} is not divisible by {shape[DATA]} '
      'parts, so that training would refuse it'
    )
  parts = shape[DATA] * train.accumulate
  asked = train.batch_size
  if asked % parts == 0:
    return notes
  train.batch_size = -(-asked // parts) * parts
  notes.append(
    f'train.batch_size {asked} is not divisible by {parts} parts, so that '
    f'training would refuse it: planned with {train.batch_size}'
  )
  return notes
