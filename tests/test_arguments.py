"""Options that are derived from the fields of a dataclass."""

import dataclasses
from typing import Literal

import pytest

from dave_jax.arguments import add_fields, make_parser


@dataclasses.dataclass(frozen=True)
class Baking:
  """How to bake.

  Attributes:
    dough: What to bake, 100% of it.
    degrees: Temperature of the oven, which may
      be lower for biscuits.
    width, height: Centimetres.
    fan: Whether the fan runs.
    rack: Place in the oven.
    timer: Minutes (default: until it is done).
    shape: Shape of the loaf.

  Raises:
    ValueError: The dough is raw.
  """

  dough: str
  degrees: float = 200.0
  width: int = 10
  height: int = 20
  fan: bool = True
  rack: Literal['low', 'high'] = 'low'
  timer: float | None = None
  shape: str = 'round'


@pytest.fixture
def parser():
  parser = make_parser('bake', __doc__)
  names = ' '.join(field.name for field in dataclasses.fields(Baking))
  add_fields(parser, Baking, names, shape=('round', 'long'))
  return parser


def test_defaults_are_those_of_the_fields(parser):
  args = parser.parse_args(['--dough=rye'])
  assert Baking(**vars(args)) == Baking('rye')


def test_values_have_the_types_of_the_fields(parser):
  args = parser.parse_args(
    [
      '--dough=rye',
      '--degrees=9',
      '--width=3',
      '--no-fan',
      '--rack=high',
      '--timer=2',
    ]
  )
  assert Baking(**vars(args)) == Baking(
    'rye', 9.0, 3, fan=False, rack='high', timer=2.0
  )


@pytest.mark.parametrize(
  'wrong', ['', '--dough=rye --rack=top', '--dough=rye --shape=square']
)
def test_missing_and_unknown_values_are_refused(parser, wrong, capsys):
  with pytest.raises(SystemExit):
    parser.parse_args(wrong.split())
  assert 'error' in capsys.readouterr().err


def test_help_is_the_docstring_with_the_defaults(parser):
  text = ' '.join(parser.format_help().split())
  for line in (
    'What to bake, 100% of it --',
    'which may be lower for biscuits (default: 200.0)',
    'Centimetres (default: 20)',
    'Whether the fan runs (default: True)',
    'Minutes (default: until it is done)',
    'usage: python -m bake',
  ):
    assert line in text, line
  assert 'raw' not in text
