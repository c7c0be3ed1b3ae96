"""Where compiled programs are kept."""

import pathlib

import jax

from dave_jax.compile_cache import enable_compilation_cache


def test_users_without_a_home_get_a_cache_too(monkeypatch):
  """Containers run as user ids that have no entry in passwd."""

  def no_home():
    raise RuntimeError('Could not determine home directory.')

  updates = {}
  for name in ('JAX_COMPILATION_CACHE_DIR', 'XDG_CACHE_HOME'):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setattr(pathlib.Path, 'home', no_home)
  monkeypatch.setattr(jax.config, 'update', updates.__setitem__)
  enable_compilation_cache()
  folder = pathlib.Path(updates['jax_compilation_cache_dir'])
  assert folder.is_absolute() and folder.parts[-2:] == ('dave_jax', 'compiled')
