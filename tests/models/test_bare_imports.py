"""The network runs where only JAX, Flax, Optax and NumPy are installed."""

import subprocess
import sys
import textwrap

import pytest

# Third-party modules that data, media and reports need.
_BLOCKED = (
  'absl',
  'array_record',
  'av',
  'cv2',
  'grain',
  'librosa',
  'matplotlib',
  'ml_collections',
  'scipy',
  'simplejpeg',
  'soxr',
  'tensorboardX',
  'tensorflow_datasets',
)


@pytest.mark.slow
def test_network_and_step_import_on_a_bare_machine():
  script = textwrap.dedent(f"""
    import jax, flax.linen, optax  # They may import some of these themselves.
    import sys
    for name in list(sys.modules):
      if name.partition('.')[0] in {_BLOCKED}:
        del sys.modules[name]
    sys.modules.update(dict.fromkeys({_BLOCKED}))  # Makes their import fail.
    import importlib
    import pkgutil
    import dave_jax.kernels
    import dave_jax.models
    for package in (dave_jax.kernels, dave_jax.models):
      for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f'{{package.__name__}}.{{module.name}}')
    import dave_jax.training.losses
    import dave_jax.training.steps
    assert 'normalise' in dir(dave_jax)
    dave_jax.normalise
  """)
  done = subprocess.run(
    [sys.executable, '-c', script], capture_output=True, text=True, check=False
  )
  assert done.returncode == 0, done.stderr
