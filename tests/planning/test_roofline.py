"""The bound on a step's time, against hand computation."""

import pytest

from dave_jax.planning.chips import CHIPS, Chip
from dave_jax.planning.roofline import Costs, roofline

_CHIP = Chip(
  name='made up',
  maker='gpu',
  memory=1e9,
  memory_rate=1e9,
  bfloat16_rate=4e12,
  float32_rate=1e12,
  network_rate=1e8,
  machine=2,
  between_rate=1e7,
)


def _bound(costs, dtype='float32', chips=2):
  return roofline(costs, _CHIP, dtype=dtype, chips=chips)


def test_the_slowest_resource_is_the_bound():
  # By hand: 3e12 / 1e12, 2e9 / 1e9, 1e8 / 1e8.
  found = _bound(Costs(flops=3e12, bytes_moved=2e9, bytes_sent=1e8))
  assert (found.compute, found.memory, found.network) == (3, 2, 1)
  assert (found.seconds, found.limit) == (3, 'compute')


def test_bfloat16_multiplies_faster_and_moves_no_less():
  costs = Costs(flops=3e12, bytes_moved=2e9, bytes_sent=0)
  found = _bound(costs, dtype='bfloat16')
  assert (found.compute, found.memory) == (0.75, 2)
  assert found.limit == 'memory'


def test_between_machines_sending_is_slower():
  costs = Costs(flops=3e12, bytes_moved=2e9, bytes_sent=1e8)
  found = _bound(costs, chips=3)
  assert (found.network, found.limit) == (10, 'network')


@pytest.mark.parametrize('chip', CHIPS.values(), ids=CHIPS)
def test_chips_have_rates_of_their_kind(chip):
  # A unit slipped by a factor of a thousand would leave these.
  assert 10e9 < chip.memory < 200e9
  assert 1e11 < chip.memory_rate < 1e13
  assert 5e13 < chip.float32_rate <= chip.bfloat16_rate < 2e15
  assert 1e10 < chip.network_rate < chip.memory_rate
