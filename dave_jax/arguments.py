"""What the command lines without a config share."""

import argparse
import dataclasses
import inspect
import re
import types
import typing

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


def add_fields(group, kind: type, names: str, **choices) -> None:
  """Adds an option for each of some fields of a dataclass.

  Type and default are those of the field, the help is what the docstring of
  the class says of it.

  Args:
    group: Parser or group to add to.
    kind: The dataclass.
    names: Names of the fields, separated by spaces.
    **choices: Values that a field may have, if not stated by `Literal`.
  """
  fields = {field.name: field for field in dataclasses.fields(kind)}
  hints, texts = typing.get_type_hints(kind), _attributes(kind)
  for name in names.split():
    of_field, default = {}, fields[name].default
    if default is dataclasses.MISSING:
      of_field['required'] = True
      default = None
    hint = hints[name]
    if isinstance(hint, types.UnionType):  # Such as float | None.
      hint = typing.get_args(hint)[0]
    if hint is bool:
      of_field['action'] = argparse.BooleanOptionalAction
    elif typing.get_origin(hint) is typing.Literal:
      of_field['choices'] = typing.get_args(hint)
    else:
      of_field |= {'type': hint, 'choices': choices.get(name)}
    text = texts[name].replace('%', '%%')
    group.add_argument(f'--{name}', default=default, help=text, **of_field)


def _attributes(kind) -> dict[str, str]:
  """Returns {attribute: its description} of a class's docstring."""
  section = inspect.getdoc(kind).partition('Attributes:\n')[2]
  entries = re.split(r'\n(?=  \w)', '\n' + section.partition('\n\n')[0])
  pairs = (entry.partition(':') for entry in entries if entry.strip())
  return {
    name: ' '.join(text.split()).rstrip('.')
    for names, _, text in pairs
    for name in re.findall(r'\w+', names)
  }
