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
    (
      ['folder', '--set=time_unit=min'],
      'time_unit: expected one of auto, s, ms',
    ),
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
  assert len(prepare.names()) == 25


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


def test_build_follows_its_folder_and_no_other(tmp_path, capsys):
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b'])
  layouts.write_mit1003(tmp_path / 'other', ['x'])
  data = tmp_path / 'data'

  def run(*arguments, source='mit'):
    status = prepare.main(
      [
        *('mit1003', '--name=mine', '--processes=1', '--frame_size=32x40'),
        *(f'--source={tmp_path / source}', f'--data_dir={data}', *arguments),
      ]
    )
    names = store.open_dataset(data, 'mit1003/mine').clips('train')
    printed = capsys.readouterr()
    return status, printed.out + printed.err, [clip.name for clip in names]

  assert run()[::2] == (0, ['a', 'b'])
  written = (data / 'mit1003/mine/1.0.0/report.json').stat().st_mtime_ns
  status, text, _ = run()
  assert status == 0
  assert 'is up to date' in text
  report = data / 'mit1003/mine/1.0.0/report.json'
  assert report.stat().st_mtime_ns == written
  # A file came; another folder and other settings need to be confirmed.
  layouts.write_mit1003(tmp_path / 'mit', ['a', 'b', 'c'])
  status, text, names = run()
  assert (status, names) == (0, ['a', 'b', 'c'])
  assert 'files have changed' in text
  for change in ({'source': 'other'}, {}):
    arguments = () if change else ('--jpeg_quality=50',)
    status, text, names = run(*arguments, **change)
    assert (status, names) == (1, ['a', 'b', 'c'])
    assert '--overwrite' in text
  assert run('--overwrite', source='other')[::2] == (0, ['x'])
