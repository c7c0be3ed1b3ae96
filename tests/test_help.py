"""`--help` of the command lines."""

import subprocess
import sys

import pytest

# Each takes from a tenth of a second to two seconds to import.
_HEAVY = {
  *('jax', 'flax', 'orbax', 'optax', 'tensorflow_datasets', 'grain'),
  *('av', 'cv2', 'PIL', 'jinja2', 'matplotlib', 'scipy'),
}


@pytest.mark.parametrize('module', ['predict', 'evaluate', 'report', 'main'])
def test_help_imports_nothing_heavy(module):
  script = f"""
import runpy, sys
sys.argv = ['{module}', '--help']
try:
  runpy.run_module('dave_jax.{module}', run_name='__main__', alter_sys=True)
except SystemExit as end:
  print('modules:', *sys.modules)
  sys.exit(end.code)
"""
  done = subprocess.run(
    [sys.executable, '-c', script], capture_output=True, text=True, check=True
  )
  text, _, modules = done.stdout.rpartition('modules:')
  assert f'python -m dave_jax.{module}' in text
  assert not _HEAVY & set(modules.split())
