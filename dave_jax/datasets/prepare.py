"""Builds a data set from its downloads.

  python -m dave_jax.datasets.prepare NAME --source=DIR --data_dir=DIR

NAME is one of the sets that --list shows. NAME alone prints where to get its
downloads, the folder they belong in and the command; synthetic sets need no
downloads. All missing files are listed before anything is built; then clips
are built in parallel. After an interruption, the same command resumes. The
result is DATA_DIR/NAME/CONFIG/VERSION/ with the records and report.txt; other
commands take NAME, for its newest build, or NAME/CONFIG.
"""

import dataclasses
import inspect
import os
import pathlib
import re
import sys
import textwrap

from absl import logging

from dave_jax.arguments import DONE, FAILED, INTERRUPTED, make_parser
from dave_jax.datasets import build_report as report_lib
from dave_jax.datasets.build import build
from dave_jax.datasets.builder import SaliencyBuilder
from dave_jax.datasets.records import Storage
from dave_jax.datasets.sets import BUILDERS, SETS

_TYPES = {int: 'a whole number', float: 'a number', str: 'text'}


def main(argv: list[str] | None = None) -> int:
  """Builds a data set and returns the exit status."""
  parser = _parser()
  args = parser.parse_args(argv)
  if args.list:
    print('\n\n'.join(instructions(name) for name in names()))
    return DONE
  if args.name is None:
    parser.error('expected NAME; --list shows the data sets')
  # TFDS warns of every changed setting, at length.
  logging.set_verbosity(logging.ERROR)
  try:
    builder = make_builder(
      args.name,
      args.data_dir or '',
      storage=Storage(
        frame_size=_size(args.frame_size), jpeg_quality=args.jpeg_quality
      ),
      settings=dict(map(_setting, args.set)),
      build_name=args.build_name,
    )
    synthetic = builder.builder_config.synthetic
    if args.data_dir is None or (args.source is None and not synthetic):
      print(instructions(args.name))
      if args.data_dir is None and args.source is None:
        return DONE
      missing = '--data_dir' if args.data_dir is None else '--source'
      print(f'prepare: expected {missing}, see above', file=sys.stderr)
      return FAILED
    report = build(
      builder,
      None if synthetic else pathlib.Path(args.source),
      processes=args.processes,
      partial=args.partial,
      overwrite=args.overwrite,
    )
  except (ValueError, OSError) as error:
    print(f'prepare: {error}', file=sys.stderr)
    return FAILED
  except KeyboardInterrupt:
    print(
      'prepare: interrupted; run the same command to resume', file=sys.stderr
    )
    return INTERRUPTED
  print(report_lib.as_text(report))
  print(f'Done: {builder.data_dir}')
  return DONE


def instructions(name: str) -> str:
  """Returns where to get a data set, its folder, and the command to build it.

  Raises:
    ValueError: There is no such set.
  """
  _, config = _find(name)
  command = f'python -m dave_jax.datasets.prepare {name}'
  lines = [
    name,
    f'  {config.description}',
    f'  Licence: {config.licence}',
  ]
  if not config.synthetic:
    command += ' --source=FOLDER'
    layout = inspect.getdoc(type(config.source)) or ''
    layout = layout.partition('\n\nAttributes:')[0]
    lines += [
      f'  Official page: {config.homepage or "not stated"}',
      f'  Size: {config.size}',
      *_wrapped(f'Download: {config.download}'),
      f'  FOLDER: {layout.splitlines()[0]}',
      *(f'    {line}'.rstrip() for line in layout.splitlines()[1:] if line),
    ]
  settings = [
    field.name
    for field in dataclasses.fields(config.source)
    if type(getattr(config.source, field.name)) in _TYPES
    and field.name not in ('name', 'set_name')
  ]
  if settings:
    lines += _wrapped(f'Settings (--set FIELD=VALUE): {", ".join(settings)}')
  lines.append(f'  Command: {command} --data_dir=data')
  return '\n'.join(lines)


def _wrapped(text):
  return textwrap.wrap(
    text,
    78,
    initial_indent='  ',
    subsequent_indent='    ',
    break_long_words=False,
    break_on_hyphens=False,
  )


def make_builder(
  name: str,
  data_dir: str | os.PathLike,
  *,
  storage: Storage | None = None,
  settings: dict[str, str] | None = None,
  build_name: str | None = None,
) -> SaliencyBuilder:
  """Returns the builder of a data set.

  Args:
    name: Name of the set, such as 'osie' or 'stavis/diem'.
    data_dir: The folder of built data sets.
    storage: How records are stored.
    settings: Fields of the source to change, as text.
    build_name: Name of the build, NAME/BUILD_NAME; None derives it from the
      configuration and what is changed in it.

  Raises:
    ValueError: There is no such set or field, or a value is not allowed.
  """
  set_name, config = _find(name)
  source, changes = config.source, []
  for field, text in (settings or {}).items():
    source = dataclasses.replace(source, **{field: _value(source, field, text)})
    changes.append(f'{field}_{text}')
  if storage is not None and storage != config.storage:
    height, width = storage.frame_size
    changes.append(f'{height}x{width}_q{storage.jpeg_quality}')
    config = dataclasses.replace(config, storage=storage)
  if build_name is not None:
    if not re.fullmatch(r'[A-Za-z]\w*', build_name):
      raise ValueError(
        'expected --name to be letters, digits and _, beginning with a letter, '
        f"got '{build_name}'"
      )
    config = dataclasses.replace(config, name=build_name, source=source)
  elif changes:
    changed = re.sub(r'[^\w.]', '_', '_'.join([config.name, *changes]))
    config = dataclasses.replace(config, name=changed, source=source)
  kind = BUILDERS[set_name]
  return kind(config=config, data_dir=data_dir, file_format='array_record')


def _find(name):
  """Returns (name of the set, configuration) of a data set."""
  set_name, _, config_name = name.partition('/')
  if set_name not in SETS:
    raise ValueError(
      f"expected a data set of {', '.join(names())}; got '{name}'"
    )
  configs = {config.name: config for config in SETS[set_name]}
  config = configs.get(config_name or SETS[set_name][0].name)
  if config is None:
    raise ValueError(
      f"expected {set_name}/ followed by {' or '.join(configs)}, got '{name}'"
    )
  return set_name, config


def names() -> list[str]:
  """Returns the names of all data sets."""
  return [
    name if len(configs) == 1 else f'{name}/{config.name}'
    for name, configs in SETS.items()
    for config in configs
  ]


def _setting(text):
  field, equals, value = text.partition('=')
  if not equals:
    raise ValueError(f'expected --set FIELD=VALUE, got --set {text}')
  return field, value


def _value(source, field, text):
  """Returns a field's new value, of the type of its old one."""
  known = {f.name: getattr(source, f.name) for f in dataclasses.fields(source)}
  if field not in known:
    raise ValueError(
      f'expected --set with a field of {", ".join(known)}; got {field}'
    )
  kind = float if known[field] is None else type(known[field])
  if kind not in _TYPES:
    raise ValueError(f'{field} cannot be set from the command line')
  try:
    return kind(text)
  except ValueError as error:
    raise ValueError(
      f'--set {field}={text}: expected {_TYPES[kind]}'
    ) from error


def _size(text):
  try:
    height, width = map(int, text.split('x'))
  except ValueError as error:
    raise ValueError(
      f'--frame_size={text}: expected height x width, such as 256x320'
    ) from error
  return height, width


def _parser():
  parser = make_parser('dave_jax.datasets.prepare', __doc__)
  add = parser.add_argument
  add('name', nargs='?', metavar='NAME', help='data set; see --list')
  add('--list', action='store_true', help='list all data sets')
  add('--source', metavar='FOLDER', help='folder of the downloads')
  add('--data_dir', metavar='FOLDER', help='folder of built data sets')
  add(
    '--name',
    dest='build_name',
    metavar='BUILD',
    help='name of this build, which is then NAME/BUILD (default: derived from '
    'what is changed)',
  )
  add(
    '--overwrite',
    action='store_true',
    help='replace a build of the same name, once the new one is complete',
  )
  add(
    '--processes',
    type=int,
    default=os.cpu_count() or 1,
    help='clips to read in parallel (default: number of processors)',
  )
  add(
    '--partial',
    action='store_true',
    help='leave out, and list, clips that are missing or cannot be read',
  )
  add(
    '--frame_size',
    metavar='HxW',
    default='256x320',
    help='height x width that frames are stored in',
  )
  add(
    '--jpeg_quality',
    type=int,
    default=95,
    help='JPEG quality of frames, 1 to 100',
  )
  add(
    '--set',
    action='append',
    default=[],
    metavar='FIELD=VALUE',
    help='change a setting of the source, such as pixels_per_degree=48',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
