"""Figures of steps: when the host asks the device for them."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dave_jax.training.ledger import Ledger, NotFinite


class _Task:
  def examples(self, kind, batch):
    return [f'{kind} {number}' for number in batch['frame']]


def _ledger(rows):
  return Ledger(_Task(), types.SimpleNamespace(train=rows.extend))


def _add(ledger, step, loss):
  batch = {'frames': np.zeros((2, 1, 8, 8, 3)), 'frame': np.array([step, 7])}
  ledger.add(step, 'images', batch, {'loss': jnp.float32(loss)})


def test_steps_are_asked_for_once_when_rows_are_wanted(monkeypatch):
  asked = []
  fetch = jax.device_get
  monkeypatch.setattr(jax, 'device_get', lambda x: asked.append(x) or fetch(x))
  rows = []
  ledger = _ledger(rows)
  for step, loss in ((1, 2.0), (2, 4.0), (3, 6.0)):
    _add(ledger, step, loss)
  assert (asked, rows) == ([], [])
  assert ledger.settle() == 4.0
  assert len(asked) == 1
  assert [(row['step'], row['loss']) for row in rows] == [
    (1, 2.0),
    (2, 4.0),
    (3, 6.0),
  ]
  assert ledger.settle() is None


def test_loss_that_is_no_number_is_told_with_its_step_and_examples():
  rows = []
  ledger = _ledger(rows)
  _add(ledger, 1, 1.0)
  _add(ledger, 2, float('nan'))
  with pytest.raises(NotFinite, match='step 2 is nan') as error:
    ledger.settle()
  assert 'images 2\n  images 7' in str(error.value)
  assert [row['step'] for row in rows] == [1, 2]
