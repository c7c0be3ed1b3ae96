"""`evaluate`: settings, baselines, and runs that are continued."""

import numpy as np
import pytest

from dave_jax import evaluate
from dave_jax.datasets.boxes import COLUMNS
from dave_jax.datasets.store import open_dataset
from dave_jax.evaluation.baselines import centre_gaussian
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer, resized
from dave_jax.report import __main__ as report
from tests.data import sets
from tests.evaluation.command import read_metrics, run_evaluate
from tests.evaluation.gaze_clips import crowd, watched_clip


def test_baselines_are_ranked(watched_dir, tmp_path, capsys):
  nss = {}
  for name in evaluate.BASELINES:
    out = tmp_path / name
    assert (
      run_evaluate(watched_dir, out, f'--baseline={name}', '--repeats=2') == 0
    )
    nss[name] = read_metrics(out)['overall']['NSS']
  # All viewers of these clips look at one place.
  assert nss['human_infinite'] > 1 > abs(nss['chance'])
  assert nss['mean_eye_position'] > nss['centre'] > nss['chance']
  runs = [str(tmp_path / name) for name in evaluate.BASELINES]
  assert report.main([*runs, f'--out={tmp_path / "report"}']) == 0
  text = (tmp_path / 'report' / 'report.md').read_text()
  assert '| Human Infinite |' in text
  assert '(examples_4.png)' in text
  assert (
    run_evaluate(watched_dir, tmp_path / 'chance', '--baseline=centre') == 1
  )
  assert 'holds the evaluation of another run' in capsys.readouterr().err


def test_finished_run_is_not_done_again(watched_dir, tmp_path, monkeypatch):
  out = tmp_path / 'run'
  assert run_evaluate(watched_dir, out, '--baseline=chance') == 0
  before = read_metrics(out)

  def fail(*_):
    raise AssertionError('a finished video was scored again')

  monkeypatch.setattr(FrameScorer, '__call__', fail)
  assert run_evaluate(watched_dir, out, '--baseline=chance', '--frames') == 0
  after = read_metrics(out)
  assert len(after.pop('frames')['talk']['NSS']) == 6
  assert after == before


def test_processes_finish_together(watched_dir, tmp_path, capsys):
  out, alone = tmp_path / 'shared', tmp_path / 'alone'
  share = ('--baseline=chance', '--process_count=2')
  assert run_evaluate(watched_dir, out, *share, '--process_index=1') == 0
  assert '2 videos of other processes are unfinished' in capsys.readouterr().out
  assert not (out / 'metrics.json').exists()
  assert run_evaluate(watched_dir, out, *share, '--process_index=0') == 0
  assert run_evaluate(watched_dir, alone, '--baseline=chance') == 0
  assert read_metrics(out) == read_metrics(alone)


def test_boxes_add_contextual_scores(watched_dir, tmp_path):
  boxes = tmp_path / 'boxes.csv'
  boxes.write_text(f'{",".join(COLUMNS)}\nbear,0,0,0,300,200\n')
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', f'--boxes={boxes}', '--scores=NSS')
  assert run_evaluate(watched_dir, out, *arguments, '--frames') == 0
  found = read_metrics(out)
  frames = found['frames']['bear']
  # The box is the whole frame.
  assert frames['NSS_source'][0] == frames['NSS'][0] == frames['NSS_whole'][0]
  assert frames['NSS_rest'][0] is None
  assert frames['NSS_source'][1:] == [None] * 4
  assert report.main([str(out), f'--out={tmp_path / "report"}']) == 0
  assert (tmp_path / 'report' / 'sound_source.png').exists()


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (('--size=big',), "got 'big'"),
    (('--scores=NSS,AUCC',), "got 'AUCC'"),
    (
      ('--protocol=pysaliency', '--scores=AUC_Borji'),
      'does not define AUC_Borji',
    ),
    (('--mean_eye_position=val',), "no split 'val'"),
    (('--stride=0',), 'stride of 1 or more, got 0'),
    (('--boxes=nowhere.csv',), 'nowhere.csv'),
    (('--process_index=3',), 'process_index from 0 to 0, got 3'),
  ],
)
def test_invalid_settings_are_reported(
  watched_dir, tmp_path, capsys, arguments, message
):
  status = run_evaluate(
    watched_dir, tmp_path / 'run', '--baseline=chance', *arguments
  )
  assert status == evaluate.FAILED
  assert message in capsys.readouterr().err


def test_set_of_one_clip_without_training_split(tmp_path, capsys):
  """What cannot be computed is undefined, and said; the rest is scored."""
  clip = watched_clip('only', crowd(3, 4, seed=0), frames=3, rate=25.0)
  sets.write_set(tmp_path, 'videos', [clip])
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', '--negatives=10', '--split=train')
  assert run_evaluate(tmp_path, out, *arguments) == 0
  error = capsys.readouterr().err
  assert "no split 'train'; scoring its only one, 'test'" in error
  assert 'sAUC is undefined in 1 of 1 clips' in error
  assert 'got 0 for only' in error
  assert 'IG is left out' in error
  found = read_metrics(out)
  assert found['overall']['sAUC'] is None
  assert found['counts']['undefined']['sAUC'] == 3
  assert found['overall']['NSS'] > 0
  assert 'IG' not in found['scores']
  assert found['run']['data']['split'] == 'test'
  assert report.main([str(out), f'--out={tmp_path / "report"}']) == 0
  (row,) = [
    line
    for line in (tmp_path / 'report/report.md').read_text().splitlines()
    if line.startswith('| Centre |')
  ]
  assert row.split('|')[4].strip() == '-'


def test_pysaliency_protocol(watched_dir, tmp_path):
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', '--protocol=pysaliency', '--negatives=0')
  assert (
    evaluate.main(
      [
        '--dataset=made/videos',
        '--split=test',
        f'--data_dir={watched_dir}',
        f'--out={out}',
        '--size=40x60',
        *arguments,
      ]
    )
    == 0
  )
  found = read_metrics(out)
  assert 'AUC_Borji' not in found['scores']
  assert found['run']['settings']['negatives'] == 0
  # The share of pairs of a fixation and one of another video in which the
  # fixation has the larger value, a tie counting half.
  truth = read_ground_truth(
    open_dataset(watched_dir, 'made/videos'),
    'test',
    stride=1,
    size=(40, 60),
    sigma=None,
  )
  centre = resized(centre_gaussian((240, 320), 0.25), (40, 60)).ravel()
  values = [centre[truth.pixels(row)] for row in range(len(truth))]
  scores = []
  for row, own in enumerate(values):
    others = np.concatenate(
      [values[k] for k in np.flatnonzero(truth.clip != truth.clip[row])]
    )
    pairs = own[:, None] - others
    scores.append(np.mean((np.sign(pairs) + 1) / 2))
  of_videos = [np.mean(np.array(scores)[truth.rows(k)]) for k in range(3)]
  assert found['overall']['sAUC'] == pytest.approx(np.mean(of_videos))


def test_long_names_are_scored(tmp_path):
  """40 Japanese characters are 360 when they are quoted as percent codes."""
  name = '映画' * 20
  gaze = [watched_clip(n, crowd(1, 3, seed=0)) for n in (name, name + '二')]
  sets.write_set(tmp_path, 'videos', gaze)
  out = tmp_path / 'run'
  arguments = ('--baseline=centre', '--mean_eye_position=none', '--scores=NSS')
  assert run_evaluate(tmp_path, out, *arguments) == 0
  assert set(read_metrics(out)['videos']) == {name, name + '二'}
  assert report.main([str(out), f'--out={tmp_path / "report"}']) == 0


def test_rules_of_each_score_are_recorded(watched_dir, tmp_path):
  out = tmp_path / 'run'
  arguments = ('--scores=NSS,sAUC,AUC', '--no-jitter', '--frames')
  assert run_evaluate(watched_dir, out, '--baseline=chance', *arguments) == 0
  rules = read_metrics(out)['rules']
  assert list(rules) == ['NSS', 'sAUC', 'AUC']
  assert 'DHF1K' in rules['NSS']
  assert '2 other frames of all videos' in rules['sAUC']
  assert 'Tuebingen' in rules['AUC']
