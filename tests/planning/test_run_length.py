"""How many steps a config's epochs are said to have."""

import pytest

from dave_jax.planning.run_length import examples_of, steps_of
from tests.runs import tiny_config


def _config(tmp_path, **fields):
  return tiny_config(
    **{'data.data_dir': str(tmp_path), 'train.schedule': 'epochs'} | fields
  )


def test_sets_that_are_not_on_disk_are_assumed_and_said_to_be(tmp_path):
  counts, sentences = examples_of(_config(tmp_path), {})
  # 93 videos of 151,091 frames: 9,492 windows of 16 where each is counted.
  assert counts['audio_visual'] == pytest.approx(9492, rel=1e-3)
  assert counts['images'] == 10_000
  assert all('not on disk' in sentence for sentence in sentences)


def test_what_is_told_comes_first(tmp_path):
  counts, sentences = examples_of(_config(tmp_path), {'images': 7})
  assert counts['images'] == 7
  assert any('as told' in sentence for sentence in sentences)


def test_a_set_of_unknown_size_is_asked_for(tmp_path):
  config = _config(tmp_path, **{'data.images': 'osie:train'})
  with pytest.raises(ValueError, match=r'osie:train.*--examples='):
    examples_of(config, {})


def test_epochs_take_turns(tmp_path):
  config = _config(tmp_path, **{'train.batch_size': 10, 'train.epochs': 5})
  # By hand: 3 epochs of 10 batches and 2 of 4.
  steps = steps_of(config, {'audio_visual': 100, 'images': 40})
  assert steps == {'audio_visual': 30, 'visual': 8}


def test_a_number_of_steps_is_shared_alike(tmp_path):
  config = _config(
    tmp_path,
    **{'train.batch_size': 10, 'train.epochs': 2, 'train.steps': 70},
  )
  steps = steps_of(config, {'audio_visual': 100, 'images': 40})
  assert steps == {'audio_visual': 50, 'visual': 20}
