"""Plans of training on TPUs: hand computations, and a compiled tiny step."""

import importlib.util
import os

import pytest

from configs import davos
from dave_jax import plan
from tests.runs import tiny_config


@pytest.mark.parametrize(
  'topology', ['v9:4x4', 'h100:8', 'v5e', 'v5e:4x', 'v5e:2x2x1', 'v4:2x2']
)
def test_an_unknown_topology_is_refused_with_examples(topology):
  with pytest.raises(ValueError, match=r'v5e, v5p.*v5e:4x4.*got'):
    plan.parse_topology(topology)


def test_a_topology_has_the_product_of_its_sides_in_chips():
  assert plan.parse_topology('v4:2x2x4') == (plan.CHIPS['v4'], 16)


@pytest.mark.parametrize('chip', plan.CHIPS.values(), ids=plan.CHIPS)
def test_published_rates_have_their_units(chip):
  """A unit wrong by a factor of a thousand would leave these ranges."""
  assert 10e9 < chip.memory < 200e9
  assert 1e11 < chip.memory_rate < 1e13
  assert 1e14 < chip.flop_rate < 2e15
  assert 1e10 < chip.network_rate < chip.memory_rate


def test_libtpu_is_asked_for_by_its_pip_command(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ValueError, match=r'pip install "dave-jax\[tpu\]"'):
    plan.describe_devices('v5e:4x4')


def test_each_resource_is_busy_for_its_cost_over_its_rate():
  chip = plan.Chip(1e9, 2e9, 1e12, 1e8, 2)
  program = plan.Program({}, 3e12, 2e9, [], 5e7)
  # By hand: 3e12 / 1e12, 2e9 / 2e9, 5e7 / 1e8.
  assert program.bounds(chip) == {'compute': 3, 'memory': 1, 'network': 0.5}


@pytest.mark.parametrize(
  ('line', 'kind', 'size', 'sent'),
  [
    # By hand, among 8 chips: 2 x 7 / 8 of 64 x 3 numbers of 4 bytes.
    (
      '%r = f32[64,3]{1,0:T(8,128)} all-reduce(%x), replica_groups=[1,8]<=[8]',
      'all-reduce',
      768,
      1344,
    ),
    # All results of a combined one: (40 + 32 + 4) bytes.
    (
      '%r = (f32[10]{0}, bf16[4,4]{1,0}, f32[]) all-reduce-start(%a, %b, %c)',
      'all-reduce',
      76,
      133,
    ),
    # Of 8 parts of 4 bytes a chip has one, and sends 7 / 8 of 32.
    ('%g = f32[8]{0} all-gather(%x)', 'all-gather', 32, 28),
    ('%g = (f32[1]{0}, f32[8]{0}) all-gather-start(%x)', 'all-gather', 32, 28),
    # Keeps one part of 8 and sends the 7 others.
    ('%s = f32[1]{0} reduce-scatter(%x)', 'reduce-scatter', 4, 28),
    ('%p = u8[2,3]{1,0} collective-permute(%x)', 'collective-permute', 6, 6),
    ('%a = pred[16]{0} all-to-all(%x)', 'all-to-all', 16, 14),
  ],
)
def test_a_collective_sends_its_share(line, kind, size, sent):
  """Lines as XLA writes them."""
  found = plan.read_collectives(f'  {line}', chips=8)
  assert found == [plan.Collectives(kind, 1, size, sent)]


def test_collectives_of_a_kind_are_added_up():
  line = '  %r = f32[2]{0} all-reduce(%x), to_apply=%add'
  done = '  %done = f32[10]{0} all-reduce-done(%start)'
  (found,) = plan.read_collectives(f'{line}\n{done}\n{line}', chips=2)
  assert (found.count, found.size, found.sent) == (2, 16, 16)


def test_published_run_has_its_number_of_steps():
  config = davos.get_config()
  config.train.batch_size = 16
  # By hand: 5 of 151091 / 16 / 16 steps with sound, 5 of 10000 / 16 without.
  assert plan.route_steps(config) == {'audio_visual': 2950, 'visual': 3125}


def test_given_steps_are_shared_by_the_routes():
  config = davos.get_config()
  config.data.images = 'osie:train'
  with pytest.raises(ValueError, match=r'osie:train.*--config\.train\.steps'):
    plan.route_steps(config)
  config.train.steps = 70
  assert plan.route_steps(config) == {'audio_visual': 35, 'visual': 35}


def test_other_tasks_have_no_plan():
  with pytest.raises(ValueError, match="task 'saliency'"):
    plan.make_plan(tiny_config(task='sound_classification'), 'v5e:2x2')


def test_indivisible_batch_is_refused():
  config = tiny_config(**{'train.batch_size': 3})
  pytest.importorskip('libtpu', reason='needs pip install "dave-jax[tpu]"')
  with pytest.raises(ValueError, match='not divisible by 4 devices'):
    plan.make_plan(config, 'v5e:2x2')


@pytest.mark.slow
def test_a_tpu_step_compiles_without_a_tpu():
  pytest.importorskip('libtpu', reason='needs pip install "dave-jax[tpu]"')
  before = dict(os.environ)
  # Sound alone has one route, which is the quickest to compile.
  config = tiny_config(
    **{
      'model.modality': 'audio',
      'data.images': '',
      'train.batch_size': 4,
      'train.steps': 36_000,
    }
  )
  text = plan.make_plan(config, 'v5e:2x2')
  assert dict(os.environ) == before
  rows = {
    cells[1].strip(): cells[2].strip()
    for cells in (line.split('|') for line in text.splitlines())
    if len(cells) > 3
  }
  assert float(rows['TFLOP']) > 0
  assert 'all-reduce' in rows['collectives (MB of results)']
  longest = max(
    float(rows[f'{r}, ms']) for r in ('compute', 'memory', 'network')
  )
  # By hand: 36,000 steps of t milliseconds take t / 100 hours.
  assert f'at least {longest / 100:.2g}' in text
