"""Which clips a network has seen while it was trained.

DAVoS consists of videos of DIEM and of Coutrot's databases, which other sets
share: 8 of the 17 videos of DIEM that papers test with are in DAVoS's training
fold. A network records the keys of what it was trained on (`keys`).
"""

import re
from collections.abc import Collection, Iterable

from dave_jax.datasets import folds
from dave_jax.datasets.schema import Clip

_COUTROT = re.compile(r'coutrot(\d)')


def keys(clips: Iterable[Clip]) -> set[str]:
  """Returns what identifies clips across data sets.

  'diem/NAME' and 'coutrot1/42' for videos that several sets have,
  'SOURCE:SPLIT' for all clips of another source.
  """
  return {_key(clip) for clip in clips}


def seen(clips: Iterable[Clip], trained_on: Collection[str]) -> list[str]:
  """Returns the names of clips whose key is in `trained_on`."""
  return [clip.name for clip in clips if _key(clip) in trained_on]


def davos_training() -> set[str]:
  """Returns the keys of the clips that DAVoS trains with."""
  found = set()
  for clip in folds.davos():
    if clip.split == 'train':
      key = f'diem/{clip.name}'
      if clip.coutrot:
        key = 'coutrot{}/{}'.format(*clip.coutrot)
      found.add(key)
  return found


def _key(clip):
  number = re.search(r'(\d+)$', clip.name)
  if _COUTROT.fullmatch(clip.source) and number:
    return f'{clip.source}/{int(number[1])}'
  if clip.source == 'diem':
    return f'diem/{clip.name}'
  return f'{clip.source}:{clip.split}'
