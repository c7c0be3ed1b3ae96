"""Fixtures that more than one folder of tests needs."""

import functools
import importlib.util
import mmap
import os
import pathlib
import tempfile

import jax
import jaxlib
import numpy as np
import pytest
from flax import traverse_util

import dave_jax
from dave_jax.models.dave import DAVE
from dave_jax.weights import model_folder as store
from tests.browsing import browser, open_page  # noqa: F401, fixtures.
from tests.bucket_servers import protocol  # noqa: F401, a fixture.
from tests.media import clips
from tests.runs import ROOT

# XLA's older code generator for CPUs compiles a training step of a tiny network
# in 4 s where the newer takes 12, unoptimised, and in 11 instead of 18; steps
# take as long with either.
_QUICK_EMITTERS = '--xla_cpu_use_fusion_emitters=false'
# Files that take longest come first, so that no process waits for another's.
_LONGEST = (
  'test_train.py',
  'test_distributed.py',
  'test_bucket_runs.py',
  'test_preemption.py',
  'test_sharding.py',
  'test_study.py',
  'test_readme.py',
  'test_launch.py',
  'test_installed.py',
  'test_main.py',
  'test_conv3d.py',
  'test_saliency_model.py',
  'test_steps.py',
  'test_pipeline.py',
  'test_dave.py',
  'test_evaluate_network.py',
  'test_predict.py',
  'test_configs.py',
  'test_sound_classification.py',
  'test_efficientnet.py',
)


def pytest_configure(config):
  """Has the session's processes share the programs that they compile."""
  if not hasattr(config, 'workerinput'):
    # Processes that are started from here take these from the environment.
    if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
      folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
      config.add_cleanup(folder.cleanup)
      os.environ['JAX_COMPILATION_CACHE_DIR'] = folder.name
    os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
    quick = _QUICK_EMITTERS if _xla_knows(_QUICK_EMITTERS) else ''
    flags = f'{os.environ.get("XLA_FLAGS", "")} {quick}'
    os.environ['XLA_FLAGS'] = flags.strip()  # A blank is the name of a file.
  jax.config.update(
    'jax_compilation_cache_dir', os.environ['JAX_COMPILATION_CACHE_DIR']
  )
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)


def _xla_knows(flag):
  """Returns whether XLA has a flag; a process with an unknown one aborts."""
  # The names of flags that are gone remain, the functions that set them do not.
  name = f'set_{flag.removeprefix("--").partition("=")[0]}'.encode()
  for library in pathlib.Path(jaxlib.__file__).parent.glob('*.so'):
    with (
      library.open('rb') as file,
      mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
      if content.find(name) >= 0:
        return True
  return False


def pytest_collection_modifyitems(items):
  """Puts the longest files first."""
  order = {name: n for n, name in enumerate(_LONGEST)}
  items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope='session')
def shared() -> pathlib.Path:
  """Folder of goldens and real data beside the checkout; skips without it."""
  folder = ROOT.parent / 'shared'
  if not folder.is_dir():
    pytest.skip(f'needs the goldens and data folder {folder}')
  return folder


@pytest.fixture(scope='session')
def environment():
  """Environment of other processes; they compile as `quick_to_compile`."""
  return os.environ | {
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    'JAX_PLATFORMS': 'cpu',
  }


@pytest.fixture(scope='module')
def quick_to_compile():
  """Compiles in half the time, for tests that compute little.

  Our convolutions for CPUs then run ten times slower; those of XLA do not.
  """
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture
def optimised(quick_to_compile):
  """Undoes `quick_to_compile` for a test that computes much."""
  jax.config.update('jax_disable_most_optimizations', False)
  yield
  jax.config.update('jax_disable_most_optimizations', True)


@pytest.fixture(scope='session')
def goldens(shared) -> pathlib.Path:
  """Folder of figures that the original software computed."""
  return shared / 'goldens'


@pytest.fixture(scope='session')
def data(shared) -> pathlib.Path:
  """Folder of real photographs, gaze and clips."""
  return shared / 'data'


@pytest.fixture(scope='session')
def reference(goldens):
  """Module of the goldens that draws their seeded weights and inputs."""
  spec = importlib.util.spec_from_file_location(
    'reference_weights', goldens / 'reference_weights.py'
  )
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)

  def golden_state_dict():
    golden = np.load(goldens / 'dave_forward.npz')
    shapes = [
      tuple(int(n) for n in shape.split(',') if n) for shape in golden['shapes']
    ]
    return module.reference_state_dict(golden['names'], shapes)

  module.golden_state_dict = golden_state_dict
  return module


@functools.cache
def _variable_shapes(module):
  return module.variable_shapes()


def random_variables(module: DAVE, seed: int = 0) -> dict:
  """Returns random weights, sooner than `initialise` is compiled."""
  rng = np.random.default_rng(seed)
  flat = {}
  for path, shape in _variable_shapes(module).items():
    if path[-1] == 'kernel':
      values = rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
    else:
      values = np.full(shape, path[-1] in ('scale', 'var'))
    flat[path] = values.astype(np.float32)
  # A random last layer often gives nothing but zeros; this keeps it open.
  flat['params', 'saliency', 'bias'] += 5
  return traverse_util.unflatten_dict(flat)


def _checkpoint(folder, **fields):
  module = DAVE(depth=10, width=2, frame_size=(64, 96), **fields)
  store.save(
    folder, module, random_variables(module), origin={'made': 'at random'}
  )
  return folder


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
  """Folder of an audio-visual network."""
  return _checkpoint(tmp_path_factory.mktemp('checkpoints') / 'audio_visual')


@pytest.fixture(scope='session')
def model(checkpoint):
  return dave_jax.load(checkpoint)


@pytest.fixture(scope='session', params=['video', 'audio'])
def single_modality_model(request, tmp_path_factory):
  folder = tmp_path_factory.mktemp('checkpoints') / request.param
  return dave_jax.load(_checkpoint(folder, modality=request.param))


@pytest.fixture(scope='session')
def clip(tmp_path_factory):
  """40 frames at 25 a second, pictures and sound of noise."""
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 255, (40, 8, 12, 3), np.uint8)
  pictures = pictures.repeat(8, axis=1).repeat(8, axis=2)
  sound = rng.uniform(-0.5, 0.5, round(1.6 * 16000)).astype(np.float32)
  path = tmp_path_factory.mktemp('clips') / 'noise.mp4'
  return clips.write_clip(path, frames=pictures, sound=sound)
