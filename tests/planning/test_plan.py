"""Plans of a tiny config: for GPUs by estimate, for TPUs by their compiler."""

import importlib.util
import json

import jax
import pytest

from dave_jax.planning import programs, topology
from dave_jax.planning.plan import make_plans
from dave_jax.planning.report import write_plan
from dave_jax.training.sharding import make_mesh
from tests.runs import tiny_config


def _config(tmp_path, **fields):
  return tiny_config(
    **{
      'data.data_dir': str(tmp_path),
      'train.schedule': 'epochs',
      'train.batch_size': 4,
    }
    | fields
  )


@pytest.fixture(scope='module')
def planned(tmp_path_factory):
  """A plan for four GPUs, its folder and its text."""
  folder = tmp_path_factory.mktemp('plan')
  # Sound alone has one route: half to compile.
  config = _config(folder, **{'model.modality': 'audio', 'data.images': ''})
  (plan,) = make_plans(config, 'a100:4', examples={}, trials=0)
  return plan, folder, write_plan(folder, plan)


def test_a_plan_for_gpus_says_that_it_is_an_estimate(planned):
  plan, _, text = planned
  assert plan.estimate
  assert 'An estimate' in text
  assert 'TensorFloat-32' in text


def test_a_tiny_network_fits(planned):
  plan, _, text = planned
  assert plan.fits
  assert 0 < plan.needed < 1e9
  assert '**Fits**' in text


def test_what_is_written_is_the_plan(planned):
  _, folder, text = planned
  facts = json.loads((folder / 'plan.json').read_text())
  assert (folder / 'plan.md').read_text() == text
  assert facts['topology']['chips'] == 4
  assert facts['batch_size'] == 4
  (route,) = facts['routes'].values()
  assert route['bound_seconds'] > 0
  assert facts['hours'] == pytest.approx(
    route['bound_seconds'] * route['steps'] / 3600
  )
  assert facts['chip_hours'] == 4 * facts['hours']
  assert sorted(path.name for path in folder.iterdir()) == [
    'plan.json',
    'plan.md',
  ]


def test_chips_send_the_gradients_of_all_parameters(planned):
  plan, _, _ = planned
  (route,) = plan.routes.values()
  (sent,) = route.program.collectives
  # A parameter of float32 is 4 bytes, of 3 arguments, with Adam's two moments.
  memory = route.program.memory
  assert 0.25 < sent.size * 3 / memory.arguments < 1
  assert sent.sent == 1.5 * sent.size


@pytest.mark.parametrize('name', ['v9:4x4', 'v5e', 'h100:0', 'v5e:4x'])
def test_an_unknown_machine_is_refused_with_those_known(name):
  with pytest.raises(ValueError, match=r'not known.*v5e:4x4.*h100:8'):
    topology.parse_topology(name)


def test_a_slice_has_as_many_sides_as_its_network():
  with pytest.raises(ValueError, match='3 sides, wanted 2'):
    topology.parse_topology('v5e:2x2x1')
  assert topology.parse_topology('v4:2x2x4').chips == 16


def test_without_its_compiler_a_plan_says_what_to_install(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  monkeypatch.delenv('TPU_LIBRARY_PATH', raising=False)
  machine = topology.parse_topology('v5e:4x4')
  with pytest.raises(ValueError, match=r'pip install "dave-jax\[tpu\]"'):
    topology.compile_only_devices(machine)


def test_other_tasks_have_no_plan(tmp_path):
  config = _config(tmp_path, task='sound_classification')
  with pytest.raises(ValueError, match='no plan'):
    next(make_plans(config, 'h100:4', examples={}, trials=0))


@pytest.mark.parametrize(
  ('said', 'needed'),
  [
    # libtpu up to 2025, and 0.0.52.
    (
      'Ran out of memory in memory space hbm. Used 20.5G of 15.75G hbm. '
      'Exceeded hbm capacity by 4.75G.',
      20.5 * 2**30,
    ),
    (
      'E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory '
      'required for HLO temporaries (30.28G) exceeds available HBM (15.75G).',
      30.28 * 2**30,
    ),
    ('no number', None),
  ],
)
def test_the_compiler_says_how_much_was_missing(said, needed):
  assert programs.DoesNotFit(f'RESOURCE_EXHAUSTED: {said}').needed == needed


def test_a_tpu_step_is_compiled_without_a_tpu(tmp_path, monkeypatch):
  pytest.importorskip('libtpu', reason='needs pip install "dave-jax[tpu]"')
  # libtpu reads them too, and ends the process at one of CPUs.
  monkeypatch.delenv('XLA_FLAGS', raising=False)
  machine = topology.parse_topology('v5e:2x2')
  devices = topology.compile_only_devices(machine)
  config = _config(tmp_path, **{'model.modality': 'audio', 'data.images': ''})
  (lowered,) = programs.lower_steps(
    config, make_mesh(-1, devices), routing='cond'
  ).values()
  # Convolutions in three dimensions, where on this CPU they have two.
  assert '[b, 0, 1, 2, f]x[0, 1, 2, i, o]' in lowered.as_text()
  program = programs.compile_step(lowered, 4, parts=1)
  assert program.costs.flops > 0
  assert [entry.kind for entry in program.collectives] == ['all-reduce']
  assert jax.default_backend() == 'cpu'
