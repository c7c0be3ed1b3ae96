"""Tests of the command that builds data sets."""

import pytest

from dave_jax.datasets import prepare, store
from tests.datasets import layouts


def test_command_builds_and_prints_the_report(tmp_path, capsys):
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b'])
  status = prepare.main(
    [
      'mit1003',
      f'--source={tmp_path / "mit"}',
      f'--data_dir={tmp_path / "data"}',
      '--frame_size=64x96',
      '--processes=1',
    ]
  )
  assert status == 0
  printed = capsys.readouterr().out
  assert '4 fixations kept' in printed
  dataset = store.open_dataset(tmp_path / 'data', 'mit1003')
  assert dataset.name == 'mit1003/default_64x96_q95'
  assert dataset.settings['frame_size'] == [64, 96]


def test_missing_files_are_printed_and_nothing_is_built(tmp_path, capsys):
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b'])
  (tmp_path / 'mit/ALLFIXATIONMAPS/a_fixMap.jpg').unlink()
  arguments = ['mit1003', f'--source={tmp_path / "mit"}']
  status = prepare.main([*arguments, f'--data_dir={tmp_path / "data"}'])
  assert status == 1
  error = capsys.readouterr().err
  assert 'a.jpeg (a_fixMap.jpg)' in error
  assert '--partial' in error
  assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['mit2000'], 'expected a data set of davos/raw, davos/stavis'),
    (['stavis/dhf1k'], 'followed by diem or coutrot1'),
    (['osie', '--set=sigma=3'], 'with a field of name, pixels_per_degree'),
    (['osie', '--set=pixels_per_degree=x'], 'expected a number'),
    (['davos', '--set=screen=3'], 'cannot be set'),
    (['osie', '--frame_size=256'], 'such as 256x320'),
    (['osie', '--set=seed'], 'FIELD=VALUE'),
    (['osie', '--jpeg_quality=0'], 'at least 1 x 1 pixels'),
    (['osie', '--source=/nowhere'], 'no such folder'),
    (['osie', '--name=a/b'], 'expected --name to be letters'),
    (['folder', '--set=time_unit=min'], 'expected time_unit auto, s or ms'),
  ],
)
def test_wrong_argument_is_an_error_without_a_traceback(
  tmp_path, capsys, arguments, message
):
  status = prepare.main(
    [f'--source={tmp_path}', f'--data_dir={tmp_path}', *arguments]
  )
  assert status == 1
  assert message in capsys.readouterr().err


def test_list_has_every_set_with_its_licence(capsys):
  assert prepare.main(['--list']) == 0
  printed = capsys.readouterr().out
  for name in prepare.names():
    assert f'\n{name}\n' in f'\n{printed}'
  assert printed.count('Licence: ') == len(prepare.names())
  assert len(prepare.names()) == 18


@pytest.mark.parametrize('name', prepare.names())
def test_every_set_has_a_citation_and_a_homepage(tmp_path, name):
  info = prepare.make_builder(name, tmp_path).info
  assert info.description
  assert info.redistribution_info.license
  made = ('sounding_shapes', 'sounding_images')
  if name not in ('scene500', 'folder', *made):
    assert info.citation.startswith('@')
    assert info.homepage.startswith('http')


@pytest.mark.parametrize('name', ['davos', 'stavis/diem', 'folder'])
def test_name_alone_prints_how_to_get_the_set(name, capsys):
  assert prepare.main([name]) == 0
  printed = capsys.readouterr().out
  for label in ('Official page', 'Size', 'Licence', 'Download', 'FOLDER'):
    assert f'  {label}: ' in printed
  command = f'prepare {name} --source=FOLDER --data_dir=data'
  assert f'Command: python -m dave_jax.datasets.{command}' in printed
  assert 'screen' not in printed.partition('Settings')[2]


def test_build_without_a_source_says_what_it_needs(tmp_path, capsys):
  assert prepare.main(['osie', f'--data_dir={tmp_path}']) == 1
  printed = capsys.readouterr()
  assert 'Official page: https://github.com/NUS-VIP' in printed.out
  assert 'expected --source' in printed.err


def test_named_build_is_replaced_only_if_told(tmp_path, capsys):
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b'])
  arguments = [
    *('mit1003', '--name=mine', '--processes=1', '--frame_size=32x40'),
    *(f'--source={tmp_path / "mit"}', f'--data_dir={tmp_path / "data"}'),
  ]
  assert prepare.main(arguments) == 0
  assert 'Done: ' in capsys.readouterr().out
  assert prepare.main(arguments) == 1
  assert '--overwrite' in capsys.readouterr().err
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b', 'c'])
  assert prepare.main([*arguments, '--overwrite']) == 0
  dataset = store.open_dataset(tmp_path / 'data', 'mit1003')
  assert dataset.name == 'mit1003/mine'
  assert len(dataset.clips('train')) == 3
