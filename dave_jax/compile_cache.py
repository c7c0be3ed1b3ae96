"""JAX's persistent compilation cache: a second start compiles nothing."""

import os
import pathlib
import tempfile

import jax


def enable_compilation_cache() -> None:
  """Makes JAX keep compiled programs in the user's cache folder.

  The environment variable `JAX_COMPILATION_CACHE_DIR` selects another folder;
  if it is set but empty, nothing is cached.
  """
  if 'JAX_COMPILATION_CACHE_DIR' in os.environ:
    return
  try:
    cache = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  except RuntimeError:
    # In containers, the user may have no name and no home folder.
    cache = pathlib.Path(tempfile.gettempdir()) / f'cache-{os.getuid()}'
  folder = pathlib.Path(cache) / 'dave_jax' / 'compiled'
  jax.config.update('jax_compilation_cache_dir', str(folder))
  # Cache everything that takes longer to compile than to read.
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.1)
