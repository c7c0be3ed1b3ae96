"""Checkpoints of half the size."""

import jax
import numpy as np

from dave_jax import convert
from dave_jax.models.dave import DAVE
from dave_jax.weights import model_folder
from tests.conftest import random_variables

MODULE = DAVE(width=2, depth=10)


def _size(folder):
  return sum(p.stat().st_size for p in folder.rglob('*') if p.is_file())


def test_half_precision_rounds_and_takes_less_space(tmp_path):
  """16 bits keep 11 binary digits: half of the last is 1 in 2048 at most."""
  whole, half = tmp_path / 'whole', tmp_path / 'half'
  variables = random_variables(MODULE)
  model_folder.save(whole, MODULE, variables, origin={'made': 'for a test'})
  assert convert.main([f'--checkpoint={whole}', f'--to_half={half}']) == 0
  assert _size(half) < 0.75 * _size(whole)
  stored = model_folder.load(half)
  assert stored.module == MODULE
  assert stored.origin == {'made': 'for a test'}

  def compare(found, wanted):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=2**-11, atol=1e-7)

  jax.tree.map(compare, stored.variables, variables)


def test_weights_that_16_bits_cannot_hold_are_refused(tmp_path, capsys):
  variables = random_variables(MODULE)
  variables['params']['saliency']['bias'][:] = 1e5
  model_folder.save(tmp_path / 'whole', MODULE, variables, origin={})
  arguments = [f'--checkpoint={tmp_path / "whole"}', f'--to_half={tmp_path}/h']
  assert convert.main(arguments) == 1
  assert 'got 100000' in capsys.readouterr().err
