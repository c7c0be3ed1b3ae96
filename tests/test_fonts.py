"""Names in any script, in pictures, figures and LaTeX."""

import pathlib
import shutil
import subprocess

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager

from dave_jax import fonts
from dave_jax.report import style
from dave_jax.report.table import Table


@pytest.fixture
def installed(monkeypatch):
  """Sets the fonts that are installed; returns the function that does."""

  def install(entries):
    fonts.fallback.cache_clear()
    monkeypatch.setattr(font_manager.fontManager, 'ttflist', entries)

  yield install
  monkeypatch.undo()
  fonts.fallback.cache_clear()


def _entries(name):
  return [e for e in font_manager.fontManager.ttflist if e.name == name]


def test_letters_that_the_default_font_lacks():
  """DejaVu Sans has Latin, Greek and Cyrillic, but no Japanese letters."""
  assert fonts.missing_letters('Zoë, Ωμ, Привет: 50%\n') == frozenset()
  assert fonts.missing_letters('a 映画 b') == frozenset('映画')
  default = pathlib.Path(fonts.path_for('Zoë'))
  assert default.name == 'DejaVuSans.ttf'


def test_installed_font_with_the_letters_is_taken(installed):
  """STIX, which matplotlib brings, has letters that DejaVu Sans lacks."""
  stix = _entries('STIXGeneral')
  lacking = fonts._letters(stix[0].fname) - fonts._letters(
    font_manager.findfont(fonts.DEFAULT)
  )
  letter = min(x for x in lacking if x.isprintable() and not x.isspace())
  default = _entries(fonts.DEFAULT)
  installed(default)
  assert fonts.path_for(f'a {letter}') is None
  installed(default + stix)
  assert fonts.path_for(f'a {letter}') in {entry.fname for entry in stix}


def _figure():
  with style.new_figure(3, 2) as figure:
    axes = figure.subplots()
    axes.bar([0, 1], [1, 2], label='映画 $3$')
    axes.set_xticks([0, 1], ['Nature', '社会 (2)'])
    axes.set_title('best: 映画, NSS 2.1')
    figure.legend(loc='outside upper center')
  return figure


@pytest.mark.filterwarnings('error')
def test_words_without_a_font_are_numbered_in_figures(tmp_path, installed):
  installed(_entries(fonts.DEFAULT))
  figure, numbers = _figure(), {'前': 1}
  replaced = style.save(figure, tmp_path / 'a', numbers)
  assert sorted(replaced) == ['映画', '社会']
  assert sorted(numbers.values()) == [1, 2, 3]
  texts = {t.get_text() for t in figure.findobj(matplotlib.text.Text)}
  assert f'best: [{numbers["映画"]}], NSS 2.1' in texts
  assert f'[{numbers["社会"]}] (2)' in texts
  # A dollar sign is one, not the start of a formula.
  assert f'[{numbers["映画"]}] $3$' in texts
  assert (tmp_path / 'a.pdf').read_bytes().startswith(b'%PDF')


@pytest.mark.skipif(shutil.which('pdflatex') is None, reason='needs pdflatex')
def test_tables_with_names_in_other_scripts_compile(tmp_path):
  table = Table(
    name='names',
    title='Scores, 50%',
    columns=['clip', 'モデル'],
    rows=[['映画 two', 1.0], ['Привет', 2.0], ['Zoë ß “q” ů é', np.nan]],
    best={1: False},
  )
  latex = table.latex()
  assert '%   1: モデル\n%   2: 映画\n%   3: Привет\n' in latex
  assert 'Zoë ß “q” ů é & - ' in latex
  (tmp_path / 'names.tex').write_text(latex, encoding='utf-8')
  (tmp_path / 'page.tex').write_text(
    r'\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}'
    r'\input{names}\input{names}\end{document}'
  )
  done = subprocess.run(
    ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'page'],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    errors='replace',
    check=False,
  )
  assert done.returncode == 0, done.stdout[-2000:]
