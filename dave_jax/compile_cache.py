"""Compiled programs kept on disk, so that a second start compiles nothing."""

import os
import pathlib
import tempfile

import jax


def keep_compiled_programs() -> None:
  """Has JAX keep compiled programs in the user's cache folder.

  `JAX_COMPILATION_CACHE_DIR` names another folder; set but empty, it turns the
  cache off.
  """
  if 'JAX_COMPILATION_CACHE_DIR' in os.environ:
    return
  try:
    cache = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  except RuntimeError:
    # Containers run as users that have no home and that nobody knows.
    cache = pathlib.Path(tempfile.gettempdir()) / f'cache-{os.getuid()}'
  folder = pathlib.Path(cache) / 'dave_jax' / 'compiled'
  jax.config.update('jax_compilation_cache_dir', str(folder))
  # Everything that takes longer than reading it back.
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
