"""What a run was started with, for whoever reads its results later."""

import datetime
import importlib.metadata
import pathlib
import subprocess

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

import dave_jax

_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain')


def run_facts(config: ConfigDict, mesh: Mesh, step: int) -> dict:
  """Returns time, config, versions, git revision and devices, for JSON."""
  device = mesh.devices.flat[0]
  return {
    'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    'step': step,
    'config': config.to_dict(),
    'versions': {
      'dave-jax': dave_jax.__version__,
      **{name: importlib.metadata.version(name) for name in _PACKAGES},
    },
    'git_revision': _git_revision(),
    'devices': f'{mesh.devices.size} x {device.device_kind}',
    'mesh': dict(mesh.shape),
    'processes': jax.process_count(),
  }


def _git_revision() -> str | None:
  """Returns the revision of the source, '+' where it was changed since."""
  folder = pathlib.Path(__file__).parent

  def git(*args):
    return subprocess.run(
      ['git', '-C', folder, *args],
      capture_output=True,
      check=True,
      text=True,
    ).stdout.strip()

  try:
    revision = git('rev-parse', 'HEAD')
    return revision + '+' * bool(git('status', '--porcelain', '-uno'))
  except (OSError, subprocess.CalledProcessError):
    return None
