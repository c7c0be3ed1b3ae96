"""The command line of programs that take a config."""

import pathlib
import pkgutil
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from dave_jax import VERSION, configs

_CONFIG = config_flags.DEFINE_config_file(
  'config',
  None,
  'Config file, or the name of a packaged config such as davos. Each field can '
  'be overridden, as --config.train.batch_size=20.',
)
_FAILED = 1


def config() -> ConfigDict:
  """Returns the config that --config names, with overridden fields."""
  return _CONFIG.value


def config_name() -> str:
  """Returns the name of the config, such as 'davos', or 'davos_video'."""
  path, _, variant = flags.FLAGS['config'].config_filename.partition(':')
  return '_'.join(filter(None, [pathlib.Path(path).stem, variant]))


def run(main: Callable[[list[str]], int], program: str, usage: str) -> NoReturn:
  """Parses the command line, calls `main` and exits with its status.

  A wrong command line ends the program with a message and status 1.

  Args:
    main: Takes the command line without its flags.
    program: Name of the program, which messages begin with.
    usage: Text that --help shows before the flags.
  """

  def parse(argv):
    if '--version' in argv:
      print(VERSION)
      sys.exit()
    if not {'--help', '--helpfull', '-h'}.isdisjoint(argv):
      modules = flags.FLAGS.flags_by_module_dict()
      ours = [m for m in modules if m == argv[0] or m.startswith('dave_jax')]
      print(usage, *map(flags.FLAGS.module_help, ours), sep='\n')
      sys.exit()
    try:
      rest = flags.FLAGS(_resolve(argv))
      if rest[1:]:
        raise ValueError(f'expected --NAME=VALUE, got {" ".join(rest[1:])}')
      if _CONFIG.value is None:
        raise ValueError('expected --config=FILE, got none')
    except (flags.Error, AttributeError, OSError, TypeError, ValueError) as e:
      print(f'{program}: {_explain(e)}', file=sys.stderr)
      sys.exit(_FAILED)
    return rest

  app.run(main, flags_parser=parse)


def _resolve(argv):
  """Replaces the name of a packaged config by its path.

  Raises:
    FileNotFoundError: There is no such config.
  """
  resolved = list(argv)
  for place, argument in enumerate(argv):
    if argument in ('--config', '-config') and place + 1 < len(argv):
      resolved[place + 1] = _config_path(argv[place + 1])
    elif argument.startswith(('--config=', '-config=')):
      flag, _, value = argument.partition('=')
      resolved[place] = f'{flag}={_config_path(value)}'
  return resolved


def _config_path(value):
  name, colon, variant = value.partition(':')
  if pathlib.Path(name).is_file():
    return value
  known = [module.name for module in pkgutil.iter_modules(configs.__path__)]
  if name not in known:
    raise FileNotFoundError(
      f'expected --config to name a file or one of {", ".join(known)}; got '
      f'{name!r}'
    )
  return f'{pathlib.Path(configs.__path__[0], name)}.py{colon}{variant}'


def _explain(error):
  """Returns what is wrong in words, without a traceback."""
  if isinstance(error, AttributeError):
    # From ml_collections: "'depht'\nDid you mean ...".
    while isinstance(error, BaseException) and error.args:
      error = error.args[0]
    field, *suggestion = str(error).splitlines()
    return ' '.join([f'the config has no field {field}.', *suggestion])
  text = str(error)
  # ml_collections puts the traceback of a config file into its error.
  if 'Traceback' in text:
    text = text.splitlines()[-1].partition(': ')[2]
  return text
