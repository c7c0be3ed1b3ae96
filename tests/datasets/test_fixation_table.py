"""Tables of fixations as trackers and spreadsheets export them."""

import pytest

from dave_jax.datasets.fixation_table import Units, read_fixations
from dave_jax.datasets.source import Picture

# A clip of 10 s, 25 frames a second.
CLIP = Picture(height=480, width=640, rate=25.0, duration=10.0)

# Each holds one fixation, at 1.5 s, in pixel (10.5, 20).
_TABLES = {
  'spreadsheet in German': (
    'Datei;Zeit (ms);Dauer (ms);Proband;X;Y\na.mp4;1500,0;200;v;10,5;20\n'
  ),
  'other names': (
    'FILE,TIMESTAMP [ms],Subject,X pos,Y pos\na.mp4,1500,v,10.5,20\n'
  ),
  'nanoseconds': (
    'name,start timestamp [ns],duration [ms],viewer,fixation x [px],'
    'fixation y [px]\na.mp4,1500000000,200,v,10.5,20\n'
  ),
  'row of units': (
    'name,time,duration,viewer,x,y\n,[ms],[ms],,[px],[px]\n'
    'a.mp4,1500,200,v,10.5,20\n'
  ),
  'row of units and dashes': (
    'name,time,viewer,x,y\n-,s,-,px,px\na.mp4,1.5,v,10.5,20\n'
  ),
  'comments': (
    '# exported by X\n# 2024\nname,time,viewer,x,y\na.mp4,1.5,v,10.5,20\n'
  ),
  'names in a comment': '# made\n# name,time,viewer,x,y\na.mp4,1.5,v,10.5,20\n',
  'index of R': (
    '"","name","time","viewer","x","y"\n"1","a.mp4",1.5,"v",10.5,20\n'
  ),
  'Data Viewer': (
    'RECORDING_SESSION_LABEL\tCURRENT_FIX_START\tCURRENT_FIX_X\t'
    'CURRENT_FIX_Y\tvideo\nv\t1500\t10,5\t20\ta.mp4\n'
  ),
  'separator at the ends': 'name;time;viewer;x;y;\na.mp4;1,5;v;10,5;20;\n',
  'exponents': 'name,time,viewer,x,y\na.mp4,1.5e+00,v,1.05e1,2E1\n',
}


@pytest.mark.parametrize(
  ('row', 'advice'),
  [
    ('a.mp4,00:00:01.5,v,10.5,20', 'write times in seconds'),
    ('a.mp4,1.5,v,12%,20', 'numbers from 0 to 1'),
  ],
)
def test_what_is_no_number_is_refused_with_advice(tmp_path, row, advice):
  path = tmp_path / 'fixations.csv'
  path.write_text(f'name,time,viewer,x,y\n{row}\n')
  with pytest.raises(ValueError, match=f'line 2: expected a number.*{advice}'):
    read_fixations(path, Units()).gaze(['a.mp4'], CLIP, Units())


@pytest.mark.parametrize('text', _TABLES.values(), ids=_TABLES.keys())
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_one_fixation_is_read_alike(tmp_path, text, encoding):
  path = tmp_path / 'fixations.csv'
  path.write_bytes(text.encode(encoding))
  table = read_fixations(path, Units())
  fixations, viewers, counts, _ = table.gaze(['a.mp4'], CLIP, Units())
  assert fixations.when.tolist() == [1.5]
  assert fixations.xy.tolist() == [[10.5, 20]]
  assert (viewers, counts) == (1, {'missing': 0})
  if 'uration' in text or 'Dauer' in text:
    assert fixations.duration.tolist() == [0.2]


@pytest.mark.parametrize(
  'scale, name', [(1, ''), (1e3, 'milliseconds'), (1e6, 'microseconds')]
)
def test_unit_of_times_is_recognised_by_the_clip(tmp_path, scale, name):
  path = tmp_path / 'fixations.csv'
  rows = ''.join(f'a,{n / 10 * scale:.0f},v,1,2\n' for n in range(10, 90))
  path.write_text(f'name,time,viewer,x,y\n{rows}')
  fixations, _, _, notes = read_fixations(path, Units()).gaze(
    ['a'], CLIP, Units()
  )
  if name:
    assert fixations.when.tolist() == pytest.approx(
      [n / 10 for n in range(10, 90)]
    )
  assert notes == ((f'times in time were read as {name}',) if name else ())


def test_lines_of_errors_count_comments_and_units(tmp_path):
  path = tmp_path / 'fixations.csv'
  path.write_text('# made\nname,time,viewer,x,y\n,ms,,,\na,1,v,left,2\n')
  with pytest.raises(ValueError, match=r"line 4: expected a number, got 'left"):
    read_fixations(path, Units())
