import pytest

from dave_jax.datasets import prepare, store
from tests.datasets import layouts


def test_the_command_builds_and_prints_its_report(tmp_path, capsys):
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


def test_what_is_missing_is_printed_and_nothing_built(tmp_path, capsys):
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
    (['mit2000'], 'wanted one of davos/raw, davos/stavis'),
    (['stavis/dhf1k'], 'it has diem, coutrot1'),
    (['osie', '--set=sigma=3'], 'wanted one of name, pixels_per_degree'),
    (['osie', '--set=pixels_per_degree=x'], 'wanted float'),
    (['davos', '--set=screen=3'], 'cannot be set'),
    (['osie', '--frame_size=256'], 'such as 256x320'),
    (['osie', '--set=seed'], 'FIELD=VALUE'),
    (['osie', '--jpeg_quality=0'], 'at least 1 x 1 pixels'),
    (['osie', '--source=/nowhere'], 'no such folder'),
  ],
)
def test_a_wrong_argument_is_said_shortly(tmp_path, capsys, arguments, message):
  status = prepare.main(
    [f'--source={tmp_path}', f'--data_dir={tmp_path}', *arguments]
  )
  assert status == 1
  assert message in capsys.readouterr().err


def test_the_list_has_every_set_with_its_licence(capsys):
  assert prepare.main(['--list']) == 0
  printed = capsys.readouterr().out
  for name in prepare.names():
    assert f'\n{name}\n' in f'\n{printed}'
  assert printed.count('Licence: ') == len(prepare.names())
  assert len(prepare.names()) == 17


@pytest.mark.parametrize('name', prepare.names())
def test_every_set_says_where_it_comes_from(tmp_path, name):
  info = prepare.make_builder(name, tmp_path).info
  assert info.description
  assert info.redistribution_info.license
  made = ('sounding_shapes', 'sounding_images')
  if name not in ('scene500', 'folder', *made):
    assert info.citation.startswith('@')
    assert info.homepage.startswith('http')
