"""The page of a report, in a real browser."""

import csv
import json

import numpy as np
import pytest

from dave_jax.evaluation.kept_clips import read_clip
from dave_jax.evaluation.options import Options
from dave_jax.evaluation.run import evaluate
from dave_jax.report import __main__ as report
from dave_jax.scoring.settings import ScoreSettings
from tests.browsing import until
from tests.data import sets
from tests.evaluation.gaze_clips import crowd, watched_clip

_STRANGE = '<img src=x onerror=document.title=1>'
_BASELINES = ('centre', 'chance', 'human_infinite')


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  """Folders of three runs on three clips of two categories."""
  folder = tmp_path_factory.mktemp('runs')
  sets.write_set(
    folder / 'data',
    'looked',
    [
      watched_clip(
        name,
        crowd(20, 4, seed=seed),
        frames=20,
        rate=25.0,
        category=category,
        waveform=sets.noise(0.8),
      )
      for seed, (name, category) in enumerate(
        [(_STRANGE, '<b>wild</b>'), ('b', '<b>wild</b>'), ('c', 'Tame')]
      )
    ],
  )
  for baseline in _BASELINES:
    evaluate(
      Options(
        dataset='made/looked',
        split='test',
        data_dir=str(folder / 'data'),
        out=str(folder / baseline),
        baseline=baseline,
        mean_eye_position='none',
        settings=ScoreSettings(scores='NSS,CC'),
        size='40x60',
        keep_maps=True,
        repeats=2,
      )
    )
  return [folder / baseline for baseline in _BASELINES]


@pytest.fixture(scope='module')
def written(runs, tmp_path_factory):
  """Folder of their report."""
  out = tmp_path_factory.mktemp('report')
  arguments = [*map(str, runs), f'--out={out}', '--clips=all']
  assert report.main(arguments) == report.DONE
  return out


@pytest.fixture
def page(open_page, written):
  page = open_page(written / 'report.html')
  until(page, 'video.readyState >= 2')
  return page


def test_people_and_models_are_shown_in_step(page, runs):
  names = page.locator('#players figcaption').all_text_contents()
  assert len(names) == 1 + len(_BASELINES)
  assert names[0] == 'people'
  assert names[1].startswith('CentreNSS ')
  # The maps are those that the evaluation kept; people predict without one.
  metrics = json.loads((runs[0] / 'metrics.json').read_text())
  kept = read_clip(runs[0], _STRANGE, metrics['run'])
  for player, maps in ((0, kept.density), (1, kept.maps)):
    until(page, f'dave.shown.players[{player}].maps.get(7) !== null')
    found = page.evaluate(
      f'Array.from(dave.shown.players[{player}].maps.get(7))'
    )
    assert found == maps[7].ravel().tolist()
  assert page.evaluate('dave.shown.players[3].maps === undefined')
  page.keyboard.press('Space')
  until(page, 'dave.player.index > 5')
  page.keyboard.press('Space')
  page.keyboard.press(',')
  until(page, '!video.seeking')
  index = page.evaluate('dave.player.index')
  assert page.text_content('#frame') == f'frame {index}'


def test_click_on_the_scores_seeks_and_n_finds_where_models_differ(page):
  box = page.locator('.curve .u-over').bounding_box()
  page.mouse.click(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
  # The middle between frames 0 and 19.
  until(page, '[9, 10].includes(dave.player.index) && !video.seeking')
  page.keyboard.press('n')
  # Of the models, not of people, who come last.
  scores = page.evaluate('dave.shown.scores.slice(0, 2)')
  widest = np.argmax(np.ptp(np.array(scores, np.float64), axis=0))
  until(page, f'dave.player.index === {widest}')


def test_tables_sort_by_a_column(page, written):
  with (written / 'videos.csv').open(newline='') as file:
    rows = list(csv.DictReader(file))
  table = page.locator('.sortable').last
  column = list(rows[0]).index('Centre')

  def shown():
    return [
      row.split('\t')[0].strip()
      for row in table.locator('tbody tr').all_inner_texts()
    ]

  original = [row['video'] for row in rows]
  assert shown() == original
  by_score = sorted(rows, key=lambda row: float(row['Centre']))
  for expected in (
    [row['video'] for row in by_score],
    [row['video'] for row in by_score[::-1]],
    original,
  ):
    table.locator('th button').nth(column).click()
    assert shown() == expected


def test_figures_show_their_numbers(page, written):
  with (written / 'categories.csv').open(newline='') as file:
    means = {
      (row['category'], row['model']): float(row['NSS'])
      for row in csv.DictReader(file)
    }
  figure = page.locator('.plot').nth(2)
  assert figure.locator('svg').text_content().count('<b>wild</b>') == 1
  (axes,) = json.loads(figure.get_attribute('data-numbers'))
  figure.scroll_into_view_if_needed()
  box = figure.locator('svg').bounding_box()
  for place, label in enumerate(axes['labels']):
    category = label.rpartition(' (')[0]
    low, high = axes['range']
    share = (axes['series'][0]['x'][place] - low) / (high - low)
    x0, y0, x1, y1 = axes['box']
    page.mouse.move(
      box['x'] + box['width'] * (x0 + share * (x1 - x0)),
      box['y'] + box['height'] * (y0 + y1) / 2,
    )
    assert figure.locator('.tip strong').text_content() == label
    lines = figure.locator('.tip span').all_text_contents()
    for line, model in zip(
      lines, ('Centre', 'Chance', 'Human Infinite'), strict=True
    ):
      name, _, value = line.partition(': ')
      assert name == model
      assert float(value) == pytest.approx(means[category, model], rel=1e-3)


def test_pictures_of_maps_lie_beside_the_page(page, written):
  assert (written / 'report.html').stat().st_size < 400_000
  page.locator('.plot img').first.scroll_into_view_if_needed()
  until(page, "document.querySelector('.plot img').naturalWidth > 0")


def test_names_stay_text(page):
  assert page.title() == 'Scores on made/looked, test'
  assert page.locator('[src=x]').count() == 0
  assert _STRANGE in page.locator('#clip option').first.text_content()
  assert page.locator('main b').count() == 0


def test_unknown_clips_are_refused(runs, tmp_path, capsys):
  arguments = [str(runs[0]), f'--out={tmp_path}', '--clips=b,nothing']
  assert report.main(arguments) == report.FAILED
  assert 'got nothing' in capsys.readouterr().err
