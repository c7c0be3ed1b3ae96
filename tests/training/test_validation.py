"""The order of work in validation."""

import types

import jax
import numpy as np
import pytest

from dave_jax.training import validation as validation_lib
from dave_jax.training.sharding import make_mesh
from dave_jax.training.validation import Validation, ValidationSet


class _Batches:
  """Batches of one example each."""

  still = True

  def __init__(self, calls, count):
    self._calls = calls
    self._numbers = iter(range(count))

  def __iter__(self):
    return self

  def __next__(self):
    number = next(self._numbers)
    return {'frame': np.array([number]), 'x': np.full((1, 2, 2), number)}

  def close(self):
    self._calls.append('close')


@pytest.fixture
def calls(monkeypatch):
  """The predictions, fetches and closes, in order."""
  calls = []

  def compile_prediction(predict, mesh):
    del predict, mesh

    def call(variables, batch):
      del variables
      calls.append(f'predict {int(batch["frame"][0])}')
      return batch['x'] * 10

    return call

  fetch = validation_lib.examples_of_process

  def examples_of_process(maps):
    calls.append(f'fetch {int(maps[0, 0, 0]) // 10}')
    return fetch(maps)

  monkeypatch.setattr(validation_lib, 'compile_prediction', compile_prediction)
  monkeypatch.setattr(
    validation_lib, 'examples_of_process', examples_of_process
  )
  return calls


def _maps(calls, count):
  batches = ValidationSet(lambda: _Batches(calls, count), scorer=None)
  model = types.SimpleNamespace(modality='audio_visual')
  validation = Validation(model, make_mesh(1), {'set': batches})
  return validation._maps('set', {})


def test_next_batch_is_predicted_before_a_map_is_fetched(calls):
  for number, (batch, maps) in enumerate(_maps(calls, 3)):
    calls.append(f'score {number}')
    assert batch['frame'] == number
    np.testing.assert_array_equal(maps, np.full((1, 2, 2), 10 * number))
  assert calls == [
    *('predict 0', 'predict 1', 'fetch 0', 'score 0'),
    *('predict 2', 'fetch 1', 'score 1'),
    *('fetch 2', 'score 2', 'close'),
  ]


def test_one_batch_is_predicted_and_fetched(calls):
  assert [maps.shape for _, maps in _maps(calls, 1)] == [(1, 2, 2)]
  assert calls == ['predict 0', 'fetch 0', 'close']


def test_programs_that_must_not_queue_finish_first(calls, monkeypatch):
  """Several processes on CPUs deadlock otherwise."""
  monkeypatch.setattr(validation_lib, 'deadlocks_if_queued', lambda mesh: True)
  monkeypatch.setattr(
    jax, 'block_until_ready', lambda maps: calls.append('wait') or maps
  )
  list(_maps(calls, 2))
  waits = [calls[n + 1] for n, c in enumerate(calls) if c.startswith('predict')]
  assert waits == ['wait', 'wait']
