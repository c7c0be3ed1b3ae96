"""Tables as text."""

from dave_jax.report.table import Table

_TABLE = Table(
  name='small',
  title='A & B',
  columns=['model', 'NSS', 'KLD', 'p'],
  rows=[
    ['one_1', 1.25, 0.5, 0.0001],
    ['two|2', 2.5, float('nan'), 0.04],
    ['paper', 3.0, None, None],
  ],
  digits=2,
  groups=(2, 1),
  best={1: False, 2: True},
  p_values=(3,),
)


def test_markdown():
  assert _TABLE.markdown().splitlines() == [
    '| model | NSS | KLD | p |',
    '| --- | --- | --- | --- |',
    '| one_1 | 1.25 | 0.50 | < .001 |',
    '| two\\|2 | **2.50** | - | 0.040 |',
    '| paper | 3.00 | - | - |',
  ]


def test_latex_escapes_and_separates_groups():
  lines = _TABLE.latex().splitlines()
  assert r'\caption{A \& B}' in lines
  assert r'one\_1 & 1.25 & 0.50 & \textless{} .001 \\' in lines
  second = lines.index(r'two|2 & \textbf{2.50} & - & 0.040 \\')
  assert lines[second + 1] == r'\midrule'
  assert lines[-1] == r'\end{table}'


def test_long_latex_tables_are_continued():
  rows = [[f'row {k}', float(k)] for k in range(90)]
  text = Table(name='long', title='T', columns=['a', 'b'], rows=rows).latex()
  assert text.count(r'\begin{table}') == 3
  assert text.count(r'\caption{T (continued)}') == 2
  assert text.count(r'\label') == 1
  assert all(rf'row {k} &' in text for k in range(90))


def test_unranked_rows_are_not_bold():
  table = Table(
    name='t',
    title='T',
    columns=['model', 'NSS'],
    rows=[['people', 4.0], ['a', 2.0], ['b', 3.0]],
    best={1: False},
    unranked={0},
  )
  assert table.markdown().count('**') == 2
  assert '| b | **3.0000** |' in table.markdown()


def test_csv_has_numbers_in_full():
  assert _TABLE.csv().splitlines() == [
    'model,NSS,KLD,p',
    'one_1,1.25,0.5,0.0001',
    'two|2,2.5,nan,0.04',
    'paper,3.0,,',
  ]
