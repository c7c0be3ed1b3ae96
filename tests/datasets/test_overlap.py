"""Clips that a network has seen while it was trained."""

import dataclasses

from dave_jax.datasets import overlap
from tests.data import sets


def _clip(name, source, split='train'):
  entry = sets.make_clip(name, frames=1, rate=25.0).entry
  return dataclasses.replace(entry, source=source, split=split)


def test_diem_test_set_of_other_papers_overlaps(data):
  """The 17 videos; which are in DAVoS's training fold is in its own list."""
  lines = (data / 'stavis_folds' / 'DIEM_list_test_fps.txt').read_text().split()
  names = [word for word in lines if not word.replace('.', '').isdigit()]
  assert len(names) == 17
  clips = [_clip(name, 'diem', 'test') for name in names]
  assert len(overlap.seen(clips, overlap.davos_training())) == 8


def test_coutrots_clips_go_by_number():
  # clip_42 is in DAVoS's training fold, as clip 42 of database 1.
  clips = [_clip('clip42', 'coutrot1'), _clip('clip42', 'avad')]
  assert overlap.seen(clips, overlap.davos_training()) == ['clip42']
  assert overlap.keys([_clip('clip_e_07', 'coutrot2')]) == {'coutrot2/7'}


def test_video_is_known_in_whatever_set_it_was_trained_on():
  """STAViS's DIEM and DAVoS share videos; other sets go by their splits."""
  trained_on = overlap.keys(
    [_clip('one_1280x720', 'diem'), _clip('0001', 'crowdsal')]
  )
  assert trained_on == {'diem/one_1280x720', 'crowdsal:train'}
  scored = [
    _clip('one_1280x720', 'diem', 'test'),
    _clip('two_1280x720', 'diem', 'train'),
    _clip('0001', 'crowdsal', 'test'),
    _clip('0002', 'crowdsal', 'train'),
  ]
  assert overlap.seen(scored, trained_on) == ['one_1280x720', '0002']
