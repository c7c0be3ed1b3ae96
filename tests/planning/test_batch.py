"""What plans make of batches that chips cannot share."""

from dave_jax.planning.batch import fit_batches
from tests.runs import tiny_config


def _config(**fields):
  return tiny_config(
    **{'model.frame_size': (256, 320), 'train.batch_size': 10} | fields
  )


def test_a_batch_that_divides_stays():
  config = _config()
  assert fit_batches(config, {'data': 5}) == []
  assert config.train.batch_size == 10


def test_one_that_does_not_grows():
  config = _config()
  notes = fit_batches(config, {'data': 16})
  assert config.train.batch_size == 16
  assert 'evaluation.batch_size 10' in notes[0]
  assert 'planned with 16' in notes[1]


def test_parts_that_come_one_after_another_divide_it_too():
  config = _config(**{'train.accumulate': 4, 'data.validation': ''})
  (note, *_) = fit_batches(config, {'data': 2})
  assert config.train.batch_size == 16
  assert 'by 8 parts' in note
