"""How many threads BLAS uses."""

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import json
import numpy
import threadpoolctl
from dave_jax.blas import use_one_blas_thread

def threads():
  found = threadpoolctl.threadpool_info()
  return [f['num_threads'] for f in found if f['user_api'] == 'blas']

before = threads()
use_one_blas_thread()
print(json.dumps([before, threads()]))
"""


def test_blas_is_limited_to_one_thread_until_the_program_ends(environment):
  done = subprocess.run(
    [sys.executable, '-c', _PROGRAM],
    env=environment,
    capture_output=True,
    text=True,
    check=True,
  )
  before, after = json.loads(done.stdout)
  if not before:
    pytest.skip('threadpoolctl does not know the BLAS of this NumPy')
  assert after == [1] * len(before)
