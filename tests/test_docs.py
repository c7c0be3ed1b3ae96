"""Pages of the documentation agree with the programs."""

import re

import pytest

from dave_jax.datasets import prepare
from tests.runs import ROOT

PAGE = ROOT / 'docs' / 'data.md'
# Built exactly as stavis/diem, as the page says.
_ALIKE = {
  f'stavis/{n}' for n in ('coutrot1', 'coutrot2', 'avad', 'etmd', 'summe')
}


def _sections():
  """Returns the part of the page that `prepare NAME` prints too."""
  return ''.join(
    f'\n### {name}\n\n```text\n{prepare.instructions(name)}\n```\n'
    for name in prepare.names()
    if name not in _ALIKE
  )


def test_data_page_says_what_prepare_prints():
  """`python -m tests.test_docs` writes this part again."""
  assert PAGE.read_text().endswith(_sections())
  for name in _ALIKE:
    assert f'`{name}`' in PAGE.read_text()


@pytest.mark.slow
def test_notebook_runs(tmp_path, environment, monkeypatch):
  nbclient = pytest.importorskip('nbclient')
  nbformat = pytest.importorskip('nbformat')
  monkeypatch.setenv('PYTHONPATH', str(ROOT))
  for name in ('JAX_PLATFORMS', 'JAX_DISABLE_MOST_OPTIMIZATIONS'):
    monkeypatch.setenv(name, environment[name])
  notebook = nbformat.read(ROOT / 'docs' / 'quickstart.ipynb', as_version=4)
  nbclient.execute(notebook, cwd=tmp_path, kernel_name='python3', timeout=500)
  # One map each second of the first four: frames at 0, 1, 2 and 3 s.
  (shapes,) = [
    cell.outputs[0].data['text/plain']
    for cell in notebook.cells
    if cell.source.startswith('predictions =')
  ]
  assert shapes.count('(128, 160)') == 4


def test_links_between_pages_lead_somewhere():
  pages = [
    *ROOT.glob('*.md'),
    *ROOT.glob('docs/*.md'),
    *ROOT.glob('launch/*.md'),
  ]
  count = 0
  for page in pages:
    for link in re.findall(r'\]\(([^)#\s]+)\)', page.read_text()):
      if '://' not in link:
        assert (page.parent / link).exists(), f'{page}: {link}'
        count += 1
  assert count > 10


def test_layout_names_existing_files():
  (layout,) = re.findall(
    r'```\n(.*?)```', (ROOT / 'docs' / 'layout.md').read_text(), re.DOTALL
  )
  names = re.findall(r'\w+\.py', layout)
  assert len(names) > 20
  for name in names:
    assert any((ROOT / 'dave_jax').rglob(name)) or any(
      (ROOT / 'configs').rglob(name)
    ), name
  folders = re.findall(r'^ *(\w+)/ ', layout, re.MULTILINE)
  assert len(folders) > 12
  for name in folders:
    assert (ROOT / name).is_dir() or (ROOT / 'dave_jax' / name).is_dir(), name


if __name__ == '__main__':
  head = PAGE.read_text().partition('\n### ')[0]
  PAGE.write_text(head.rstrip('\n') + '\n' + _sections())
