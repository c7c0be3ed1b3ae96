"""Clips that a network trained on DAVoS has seen."""

import dataclasses

from dave_jax.datasets.folds import in_davos_training
from tests.data import sets


def _clip(name, source):
  entry = sets.make_clip(name, frames=1, rate=25.0).entry
  return dataclasses.replace(entry, source=source)


def test_diem_test_set_of_other_papers_overlaps(data):
  """The 17 videos; which are in DAVoS's training fold is in its own list."""
  lines = (data / 'stavis_folds' / 'DIEM_list_test_fps.txt').read_text().split()
  names = [word for word in lines if not word.replace('.', '').isdigit()]
  assert len(names) == 17
  found = in_davos_training([_clip(name, 'diem') for name in names])
  assert len(found) == 8


def test_coutrots_clips_go_by_number():
  # clip_42 is in DAVoS's training fold, as clip 42 of database 1.
  clips = [_clip('clip42', 'coutrot1'), _clip('clip42', 'avad')]
  assert in_davos_training(clips) == ['clip42']
