"""Tests of the published splits."""

import collections

import pytest

from dave_jax.datasets import folds
from dave_jax.datasets.davos import stavis_name


def test_davos_has_the_official_folds():
  splits = collections.Counter(clip.split for clip in folds.davos())
  assert splits == {'train': 93, 'val': 29, 'test': 29}
  assert len({clip.name for clip in folds.davos()}) == 151
  assert {clip.rate for clip in folds.davos()} == {25, 30}


def test_davos_categories_have_the_published_counts():
  # Nature/Social/Misc of the official sheet.
  expected = {'train': (18, 37, 37), 'val': (6, 16, 7), 'test': (10, 11, 8)}
  for split, numbers in expected.items():
    categories = [c.category for c in folds.davos() if c.split == split]
    counted = tuple(categories.count(name) for name in folds.CATEGORIES)
    assert counted == numbers
    assert categories.count('') == (split == 'train')


def test_only_clip_42_has_no_category():
  without = [clip.name for clip in folds.davos() if not clip.category]
  assert without == ['clip_42']


def test_davos_is_76_60_15_of_its_sources():
  sources = collections.Counter(
    clip.coutrot[0] if clip.coutrot else 0 for clip in folds.davos()
  )
  assert sources == {0: 76, 1: 60, 2: 15}


def test_shipped_folds_are_those_of_the_original_lists(data):
  for split in ('train', 'val', 'test'):
    text = (data / 'ave_splits' / f'{split}.txt').read_text()
    shipped = {clip.name for clip in folds.davos() if clip.split == split}
    assert shipped == set(text.split())


def test_every_davos_clip_is_in_the_stavis_release(data):
  listed = {
    name: folds.stavis(data / 'stavis_folds', name)
    for name in ('DIEM', 'Coutrot_db1', 'Coutrot_db2')
  }
  for clip in folds.davos():
    set_name, name = stavis_name(clip)
    # Its lists say 24.99975 and 29.9997 for 25 and 30.
    assert listed[set_name][name].rate == pytest.approx(clip.rate, rel=1e-4)


def test_folds_of_the_stavis_release_are_unions_of_splits(data):
  folder = data / 'stavis_folds'
  for name in ('AVAD', 'Coutrot_db1', 'Coutrot_db2', 'ETMD_av', 'SumMe'):
    listed = folds.stavis(folder, name)
    splits = {n: folds.stavis_split(clip, 3) for n, clip in listed.items()}
    for part in ('train', 'test'):
      for fold in (1, 2, 3):
        lines = (folder / f'{name}_list_{part}_{fold}_fps.txt').read_text()
        wanted = {line.split()[0] for line in lines.splitlines() if line}
        chosen = folds.fold_split(set(splits.values()), part, fold).split('+')
        found = {n for n, split in splits.items() if split in chosen}
        assert found == wanted, (name, part, fold)


def test_diem_of_the_stavis_release_has_64_training_and_17_test_clips(data):
  listed = folds.stavis(data / 'stavis_folds', 'DIEM')
  splits = [folds.stavis_split(clip, 1) for clip in listed.values()]
  assert (splits.count('train'), splits.count('test')) == (64, 17)
  assert folds.fold_split(set(splits), 'test', 1) == 'test'


def test_unknown_fold_is_an_error():
  with pytest.raises(ValueError, match='among train, test'):
    folds.fold_split(['train', 'test'], 'val', 1)


def test_error_of_a_fold_list_shows_the_line(tmp_path):
  (tmp_path / 'AVAD_list_train_1_fps.txt').write_text('V1 200 25\nV2 many 25\n')
  with pytest.raises(ValueError, match="got 'V2 many 25'"):
    folds.stavis(tmp_path, 'AVAD')
