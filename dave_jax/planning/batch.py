"""Batches that a mesh can share."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from dave_jax.data.transforms import TARGET_STRIDE
from dave_jax.training.mesh import DATA, SPACE


def fit_batches(config: ConfigDict, shape: Mapping[str, int]) -> list[str]:
  """Makes the training batch of a config one that a mesh divides.

  Args:
    config: Its `train.batch_size` grows where it has to.
    shape: {'data', 'space'}: how many parts the mesh has.

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
  chips = shape[DATA] * shape[SPACE]
  rows = config.model.frame_size[0] // TARGET_STRIDE
  keeping = [
    n
    for n in range(1, chips + 1)
    if chips % n == 0
    and rows % n == 0
    and asked % (chips // n * train.accumulate) == 0
  ]
  if keeping:
    n = min(keeping)
    notes.append(
      f'mesh.space={n}, which leaves mesh.data={chips // n}, keeps {asked}'
    )
  return notes
