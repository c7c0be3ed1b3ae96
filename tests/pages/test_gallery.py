"""The page that lists predictions."""

import pytest

from dave_jax.files import write_json, write_text
from dave_jax.pages.gallery import write_gallery

_STRANGE = '<b>"100%" & #1'


def _prediction(out, name, problems=0):
  folder = out / name
  write_text(folder / 'view.html', '')
  write_json(
    folder / 'view' / 'about.json',
    {
      'title': name,
      'seconds': 2.0,
      'maps': 50,
      'entropy': 4.5,
      'problems': problems,
    },
  )


@pytest.fixture
def out(tmp_path):
  _prediction(tmp_path, _STRANGE, problems=1)
  _prediction(tmp_path, 'street')
  (tmp_path / 'no prediction').mkdir()
  return tmp_path


def test_lists_all_pages_and_finds_names(open_page, out):
  page = open_page(write_gallery(out))
  assert page.locator('.card strong').all_text_contents() == [
    _STRANGE,
    'street',
  ]
  assert page.locator('.card .warning').count() == 1
  page.fill('#search', 'STR')
  assert page.text_content('#count') == '1'
  page.fill('#search', '')
  page.click('.card >> nth=0')
  assert page.url == (out / _STRANGE / 'view.html').as_uri()


def test_keeps_a_page_of_another_program(out):
  (out / 'index.html').write_text('<h1>My site</h1>')
  with pytest.raises(FileExistsError, match='another program'):
    write_gallery(out)
  (out / 'index.html').unlink()
  write_gallery(out)
  assert write_gallery(out) == out / 'index.html'


def test_nothing_to_list(tmp_path):
  assert write_gallery(tmp_path) is None
  assert not (tmp_path / 'index.html').exists()
