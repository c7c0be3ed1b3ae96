"""What the command lines without a config share."""

import argparse

from dave_jax import VERSION

DONE, FAILED, INTERRUPTED = 0, 1, 130  # Exit status.


class _Formatter(argparse.RawDescriptionHelpFormatter):
  """Shows the description as it is, and the defaults of options."""

  def _get_help_string(self, action):
    default = action.default
    if default in (None, [], argparse.SUPPRESS) or default is False:
      return action.help
    if '(default:' in action.help:
      return action.help
    return f'{action.help} (default: %(default)s)'


def make_parser(module: str, description: str) -> argparse.ArgumentParser:
  """Returns a parser with --version; help shows each option's default.

  Args:
    module: What `python -m` runs.
    description: The docstring of the module.
  """
  parser = argparse.ArgumentParser(
    prog=f'python -m {module}',
    description=description,
    formatter_class=_Formatter,
  )
  parser.add_argument('--version', action='version', version=VERSION)
  return parser
