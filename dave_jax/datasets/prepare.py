"""Builds a data set from its downloads.

  python -m dave_jax.datasets.prepare NAME --source=DIR --data_dir=DIR

NAME is one of the sets that --list shows; --source is the folder that its
downloads lie in, as --list says; sets that are made up take none. First all
that is missing is listed at once; then clips are built in parallel.
Interrupted, the same command goes on. In the end DATA_DIR/NAME/ holds the
records and report.txt.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import sys

from absl import logging

from dave_jax import VERSION
from dave_jax.datasets import build_report as report_lib
from dave_jax.datasets.build import build
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.davos import Davos
from dave_jax.datasets.dhf1k import Dhf1k
from dave_jax.datasets.folder import Folder
from dave_jax.datasets.images import Cat2000, Mit1003, Osie, Scene500
from dave_jax.datasets.records import Storage
from dave_jax.datasets.salicon import Salicon
from dave_jax.datasets.simulation.sounding_shapes import (
  SoundingImages,
  SoundingShapes,
)
from dave_jax.datasets.source import SyntheticSource
from dave_jax.datasets.stavis import Stavis

BUILDERS: dict[str, type[SaliencyBuilder]] = {
  'davos': Davos,
  'stavis': Stavis,
  'dhf1k': Dhf1k,
  'salicon': Salicon,
  'osie': Osie,
  'scene500': Scene500,
  'mit1003': Mit1003,
  'cat2000': Cat2000,
  'folder': Folder,
  'sounding_shapes': SoundingShapes,
  'sounding_images': SoundingImages,
}
DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: list[str] | None = None) -> int:
  """Builds as the command line says; returns the exit status."""
  parser = _parser()
  args = parser.parse_args(argv)
  if args.list:
    print(_listing())
    return DONE
  if None in (args.name, args.data_dir):
    parser.error('give NAME, --source and --data_dir')
  # TFDS warns of every changed setting, at length.
  logging.set_verbosity(logging.ERROR)
  try:
    builder = make_builder(
      args.name,
      args.data_dir,
      storage=Storage(
        frame_size=_size(args.frame_size), jpeg_quality=args.jpeg_quality
      ),
      settings=dict(map(_setting, args.set)),
    )
    made = isinstance(builder.builder_config.source, SyntheticSource)
    if args.source is None and not made:
      parser.error(f'{args.name} is read from downloads: give --source')
    report = build(
      builder,
      None if made else pathlib.Path(args.source),
      processes=args.processes,
      partial=args.partial,
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
  print(f'{builder.data_dir} is whole')
  return DONE


def make_builder(
  name: str,
  data_dir: str | os.PathLike,
  *,
  storage: Storage | None = None,
  settings: dict[str, str] | None = None,
) -> SaliencyBuilder:
  """Returns the builder of a data set.

  Args:
    name: Such as 'osie' or 'stavis/diem'.
    data_dir: The folder that data sets are in.
    storage: How records are stored.
    settings: Fields of the source to change, as text. What is changed is
      added to the set's name.

  Raises:
    ValueError: There is no such set or field, or it cannot take that value.
  """
  set_name, _, config_name = name.partition('/')
  if set_name not in BUILDERS:
    raise ValueError(
      f"there is no data set '{name}'; wanted one of {', '.join(names())}"
    )
  kind = BUILDERS[set_name]
  configs = {config.name: config for config in kind.BUILDER_CONFIGS}
  config = configs.get(config_name or kind.BUILDER_CONFIGS[0].name)
  if config is None:
    raise ValueError(
      f"{set_name} has no '{config_name}'; it has {', '.join(configs)}"
    )
  source, changes = config.source, []
  for field, text in (settings or {}).items():
    source = dataclasses.replace(source, **{field: _value(source, field, text)})
    changes.append(f'{field}_{text}')
  if storage is not None and storage != config.storage:
    height, width = storage.frame_size
    changes.append(f'{height}x{width}_q{storage.jpeg_quality}')
    config = dataclasses.replace(config, storage=storage)
  if changes:
    # Sets that differ lie beside each other.
    changed = re.sub(r'[^\w.]', '_', '_'.join([config.name, *changes]))
    config = dataclasses.replace(config, name=changed, source=source)
  return kind(config=config, data_dir=data_dir, file_format='array_record')


def names() -> list[str]:
  """Returns the names of all data sets."""
  return [
    name if len(kind.BUILDER_CONFIGS) == 1 else f'{name}/{config.name}'
    for name, kind in BUILDERS.items()
    for config in kind.BUILDER_CONFIGS
  ]


def _setting(text):
  field, equals, value = text.partition('=')
  if not equals:
    raise ValueError(f'got --set {text}, wanted --set FIELD=VALUE')
  return field, value


def _value(source, field, text):
  """Returns a field's new value, of the type of its old one."""
  known = {f.name: getattr(source, f.name) for f in dataclasses.fields(source)}
  if field not in known:
    raise ValueError(f'got --set {field}, wanted one of {", ".join(known)}')
  kind = float if known[field] is None else type(known[field])
  if kind not in (int, float, str):
    raise ValueError(f'{field} cannot be set from the command line')
  try:
    return kind(text)
  except ValueError as error:
    raise ValueError(f'--set {field}={text}: wanted {kind.__name__}') from error


def _size(text):
  try:
    height, width = map(int, text.split('x'))
  except ValueError as error:
    raise ValueError(
      f'--frame_size={text}: wanted height x width, such as 256x320'
    ) from error
  return height, width


def _listing():
  lines = []
  for name, kind in BUILDERS.items():
    for config in kind.BUILDER_CONFIGS:
      source: Config = config
      several = len(kind.BUILDER_CONFIGS) > 1
      lines.append(f'{name}/{config.name}' if several else name)
      lines.append(f'  {source.description}')
      layout = type(source.source).__doc__ or ''
      lines += [f'  {line.strip()}' for line in layout.strip().splitlines()]
      lines.append(f'  Licence: {source.licence}')
      lines.append('')
  return '\n'.join(lines)


def _parser():
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.datasets.prepare',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add('--version', action='version', version=VERSION)
  add('name', nargs='?', metavar='NAME', help='data set, see --list')
  add('--list', action='store_true', help='lists the data sets')
  add('--source', help='folder of downloads')
  add('--data_dir', help='folder that data sets are in')
  add(
    '--processes',
    type=int,
    default=os.cpu_count() or 1,
    help='clips read at a time (default: one a processor, %(default)s)',
  )
  add(
    '--partial',
    action='store_true',
    help='leaves out what is missing or cannot be read, and says so',
  )
  add(
    '--frame_size',
    default='256x320',
    help='height x width of frames: the input of the network (default: '
    '%(default)s)',
  )
  add(
    '--jpeg_quality',
    type=int,
    default=95,
    help='of frames, 1 to 100 (default: %(default)s)',
  )
  add(
    '--set',
    action='append',
    default=[],
    metavar='FIELD=VALUE',
    help='changes a field of the source, such as pixels_per_degree=48',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
