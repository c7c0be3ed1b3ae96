"""Clips that DAVoS trains with and other sets test with."""

import re
from collections.abc import Sequence

from dave_jax.datasets import folds
from dave_jax.datasets.schema import Clip


def in_davos_training(clips: Sequence[Clip]) -> list[str]:
  """Returns the names of clips that are in DAVoS's training fold.

  For example, 8 of the 17 videos of DIEM that other papers test with are in it.
  A network trained on DAVoS has seen them.

  Args:
    clips: Of DIEM (`source` 'diem') or Coutrot's databases ('coutrot1',
      'coutrot2'), as the builders name them; others are in no fold.
  """
  training = [clip for clip in folds.davos() if clip.split == 'train']
  names = {clip.name for clip in training if clip.coutrot is None}
  numbers = {clip.coutrot for clip in training}
  found = []
  for clip in clips:
    database = re.fullmatch(r'coutrot(\d)', clip.source)
    number = re.search(r'(\d+)$', clip.name)
    if database and number:
      seen = (int(database[1]), int(number[1])) in numbers
    else:
      seen = clip.source == 'diem' and clip.name in names
    if seen:
      found.append(clip.name)
  return found
