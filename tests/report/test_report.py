"""The report of several evaluations."""

import csv
import json
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from dave_jax.evaluation.run_folder import RunFolder
from dave_jax.evaluation.summary import summarise
from dave_jax.report import __main__ as report
from dave_jax.report.runs import read_runs
from tests.evaluation.test_summary import video

_NAN = float('nan')
# By category: NSS of the frames of each video.
_GAZE = {
  'Nature': ([3, 2, 4], [1, 1]),
  'Social': ([5, 7, 6, 6],),
}


def _write(
  folder, name, shift, *, seed=0, dataset='davos/raw', gaze='eye', **maps
):
  """Writes a finished evaluation; returns its folder."""
  heading = {
    'name': name,
    'maps': {'kind': 'checkpoint', 'name': name, 'sound': 'own'} | maps,
    'data': {
      'set': dataset,
      'split': 'test',
      'gaze_kinds': [gaze],
      'stride': 1,
      'size': 'original',
    },
    'settings': {'protocol': 'videosal', 'seed': seed, 'average': 'videos'},
    'mean_eye_position': None,
    'boxes': None,
  }
  run = RunFolder(folder, heading, overwrite=False)
  videos = [
    video(
      f'{category}{number}',
      category,
      np.array(values) + shift * (number + 1),
      np.array(values) / 10,
    )
    for category, clips in _GAZE.items()
    for number, values in enumerate(clips)
  ]
  for found in videos:
    run.add(found)
  summary = summarise(videos, average='videos', frames=False)
  run.finish({'run': heading, **summary})
  return folder


def _two_runs(folder):
  return [
    str(_write(folder / 'plain', 'Plain', 0.0)),
    str(_write(folder / 'better', 'Better', 0.5)),
  ]


@pytest.fixture
def runs(tmp_path):
  return _two_runs(tmp_path)


@pytest.fixture(scope='module')
def report_of_two(tmp_path_factory):
  """Folder of the report of two runs."""
  folder = tmp_path_factory.mktemp('two')
  out = folder / 'report'
  assert report.main([*_two_runs(folder), f'--out={out}']) == report.DONE
  return out


def _rows(path):
  with path.open(newline='') as file:
    return list(csv.DictReader(file))


def test_tables_by_hand(report_of_two):
  out = report_of_two
  overall = {row['model']: row for row in _rows(out / 'overall.csv')}
  # Videos have means 3, 1 and 6; shifted 3.5, 2 and 6.5.
  assert float(overall['Plain']['NSS']) == pytest.approx(10 / 3)
  assert float(overall['Better']['NSS']) == pytest.approx(4)
  # From the paper's Table 3.
  assert overall['DAVE, audio + video (paper)']['NSS'] == '2.45'
  categories = {
    (row['category'], row['model']): row
    for row in _rows(out / 'categories.csv')
  }
  assert float(categories['Nature', 'Better']['NSS']) == pytest.approx(2.75)
  assert float(categories['Social', 'Plain']['NSS']) == pytest.approx(6)
  assert categories['Social', 'Plain']['videos'] == '1'
  assert categories['Nature', 'MEP (paper)']['NSS'] == '1.76'
  # Better leads in every frame.
  share = _rows(out / 'share.csv')
  assert (share[0]['Better'], share[1]['Plain']) == ('0.0', '1.0')
  # Differences 0.5, 1 and 0.5: mean 2/3, standard deviation sqrt(1/12), so
  # t^2 = (4/9) / (1/36) = 16 with 1 and 2 degrees.
  (found,) = (
    row
    for row in _rows(out / 'anova.csv')
    if (row['category'], row['score']) == ('all', 'NSS')
  )
  assert float(found['F']) == pytest.approx(16)
  assert found['df'] == '1, 2'


def test_category_of_one_video_is_reported_and_not_analysed(report_of_two):
  text = (report_of_two / 'report.md').read_text()
  assert (
    '- Social, NSS, CC: expected 2 or more videos with a score of every model, '
    'got 1' in text
  )
  assert not any(
    row['category'] == 'Social' for row in _rows(report_of_two / 'anova.csv')
  )


def test_everything_the_report_names_is_there(runs, tmp_path):
  out = tmp_path / 'report'
  report.main([*runs, f'--out={out}', '--design=independent'])
  text = (out / 'report.md').read_text()
  for name in ('time', 'distribution', 'by_category', 'mean_maps'):
    assert f'({name}.png)' in text
    assert cv2.imread(str(out / f'{name}.png')).std() > 0
    assert (out / f'{name}.pdf').read_bytes().startswith(b'%PDF')
  assert "Tukey's honest significant difference" in text
  assert (out / 'anova.tex').exists()


def test_one_run_given_twice_is_refused(runs, tmp_path, capsys):
  arguments = [runs[0], f'{runs[0]}/../plain', f'--out={tmp_path / "r"}']
  assert report.main(arguments) == report.FAILED
  assert 'given twice' in capsys.readouterr().err
  assert not (tmp_path / 'r').exists()


def test_runs_of_one_name_are_told_apart_by_what_differs(tmp_path):
  folders = [
    _write(tmp_path / 'a', 'dave', 0.0),
    _write(tmp_path / 'b', 'dave', 0.1, sound='other'),
    _write(tmp_path / 'c', 'dave', 0.2, sound='none', alignment='causal'),
    _write(tmp_path / 'd', 'video', 0.3),
  ]
  names = [run.name for run in read_runs(folders)]
  assert names == [
    'dave',
    'dave (other sound)',
    'dave (no sound, causal)',
    'video',
  ]
  # Nothing but the folder differs; a name that is given stays.
  twin = _write(tmp_path / 'twin', 'dave', 1.0)
  names = [run.name for run in read_runs([folders[0], twin])]
  assert names == ['dave (a)', 'dave (twin)']
  names = [run.name for run in read_runs([folders[0], f'new={twin}'])]
  assert names == ['dave', 'new']
  with pytest.raises(ValueError, match="both called 'dave'"):
    read_runs([f'dave={folders[0]}', f'dave={twin}'])


def test_one_run_stands_beside_published_rows_of_its_data_alone(tmp_path):
  out = tmp_path / 'report'
  for dataset, published in (
    ('avimos/default', 'AIM 2024 winner (published)'),
    ('sounding_shapes/default_kinds_3_128x160_q95', None),
  ):
    name = dataset.partition('/')[0]
    run = _write(tmp_path / name, 'Mine', 0.0, dataset=dataset)
    assert report.main([str(run), f'--out={out}']) == report.DONE
    models = [row['model'] for row in _rows(out / 'overall.csv')]
    if published:
      assert published in models
    else:
      assert models == ['Mine']
  # The settings of the build are not part of the name.
  page = (out / 'report.md').read_text()
  assert 'a single run has no comparison' in page
  assert 'Data: sounding_shapes, test (eye tracking): ' in page


def test_every_table_says_how_gaze_was_recorded(tmp_path):
  runs = [
    str(_write(tmp_path / name, name, shift, dataset='avimos', gaze='mouse'))
    for name, shift in (('a', 0.0), ('b', 0.5))
  ]
  out = tmp_path / 'report'
  assert report.main([*runs, f'--out={out}']) == report.DONE
  page = (out / 'report.md').read_text()
  assert 'avimos, test (mouse tracking)' in page
  files = list(out.glob('*.tex'))
  assert len(files) > 5
  for path in files:
    assert 'Ground truth: mouse tracking.' in path.read_text(), path


def test_people_are_never_the_best_model(tmp_path):
  people = _write(tmp_path / 'people', 'Human Infinite', 2.0)
  models = [
    _write(tmp_path / name, name, shift)
    for name, shift in (('first', 0.0), ('second', 0.5))
  ]
  out = tmp_path / 'report'
  report.main([*map(str, [people, *models]), f'--out={out}'])
  lines = (out / 'report.md').read_text().splitlines()
  overall = [
    x for x in lines if x.startswith(('| Human Infinite |', '| second'))
  ][:2]
  assert '**' not in overall[0]
  # (3.5 + 2 + 6.5) / 3.
  assert '**4.0000**' in overall[1]
  (paper, *_) = [x for x in lines if 'Human Infinite (paper)' in x]
  assert '**' not in paper


@pytest.mark.skipif(shutil.which('pdflatex') is None, reason='needs pdflatex')
@pytest.mark.slow
def test_latex_tables_compile_and_fit_the_page(tmp_path):
  runs = [
    str(_write(tmp_path / f'{k}', f'A rather long name of run {k}', k / 10))
    for k in range(8)
  ]
  out = tmp_path / 'report'
  assert report.main([*runs, f'--out={out}']) == report.DONE
  page = r'\documentclass{article}\usepackage{booktabs,graphicx}'
  page += r'\begin{document}'
  page += ''.join(rf'\input{{{path.stem}}}' for path in out.glob('*.tex'))
  (out / 'page.tex').write_text(page + r'\end{document}')
  done = subprocess.run(
    ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'page'],
    cwd=out,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout[-2000:]
  assert 'Overfull' not in done.stdout


def test_runs_scored_differently_are_refused(runs, tmp_path):
  other = _write(tmp_path / 'other', 'Other', 1.0, seed=5)
  with pytest.raises(ValueError, match=r'settings: .*"seed": 0.*"seed": 5'):
    read_runs([runs[0], other])


def test_unfinished_and_foreign_runs_are_refused(runs, tmp_path):
  with pytest.raises(FileNotFoundError, match='to finish it'):
    read_runs([tmp_path])
  path = tmp_path / 'plain' / 'metrics.json'
  content = json.loads(path.read_text())
  path.write_text(json.dumps(content | {'format': 'mine'}))
  with pytest.raises(ValueError, match='expected the format'):
    read_runs(runs[:1])
  path.write_text('{')
  with pytest.raises(ValueError, match='expected JSON'):
    read_runs(runs[:1])


def test_score_that_was_not_evaluated_is_refused(runs, tmp_path, capsys):
  arguments = [*runs, f'--out={tmp_path / "r"}', '--score=sAUC']
  assert report.main(arguments) == report.FAILED
  assert 'expected a score from NSS, CC' in capsys.readouterr().err
