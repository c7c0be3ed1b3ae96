"""Human Infinite, on synthetic and real gaze."""

import dataclasses
import tarfile

import numpy as np
import pytest

from dave_jax.datasets.gaze import read_diem
from dave_jax.evaluation.baselines import (
  HumanInfinite,
  centre_gaussian,
  chance_maps,
  constant_maps,
  mean_eye_position,
)
from dave_jax.evaluation.evaluator import evaluate_videos, score_maps
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import summarise
from dave_jax.report.time_curve import resample, share_better
from tests.data import sets
from tests.evaluation.conftest import settings_of
from tests.evaluation.gaze_clips import crowd, watched_clip

_SHARE = {'folder': None, 'process_index': 0, 'process_count': 1}


def _evaluate(maps, scorer):
  return evaluate_videos(score_maps(maps, scorer), scorer, **_SHARE)


def _humans(scorer, repeats=2, seed=0):
  humans = HumanInfinite(scorer, repeats=repeats, seed=seed)
  return evaluate_videos(humans, scorer, **_SHARE)


def _overall(videos):
  return summarise(videos, average='videos', frames=False)['overall']


def _truth(tmp_path, *clips, size=(40, 60)):
  dataset = sets.write_set(tmp_path, 'gaze', list(clips))
  return read_ground_truth(dataset, 'test', stride=1, size=size, sigma=None)


def _scorer(truth, *scores, **settings):
  settings = settings_of(scores=','.join(scores), **settings)
  return FrameScorer(truth, settings, baseline=None, boxes=None)


def test_each_half_predicts_the_other(tmp_path):
  # Two viewers: the halves are the two, whatever is drawn.
  gaze = [(0, 0, 100.5, 100.5), (0, 7, 130.5, 120.5)]
  truth = _truth(tmp_path, watched_clip('a', gaze), size=sets.SIZE)
  scorer = _scorer(truth, 'NSS')
  (video,) = _humans(scorer)
  ways = []
  for predicting, looking in ((0, 7), (7, 0)):
    density, looked = (
      dataclasses.replace(truth, viewers={0: np.array([viewer])})
      for viewer in (predicting, looking)
    )
    density, looked = density.density(0), looked.fixation_map(0)
    z = (density - density.mean()) / density.std(ddof=1)
    ways.append(z[looked > 0].mean())
  assert video.values[0, 0] == pytest.approx(np.mean(ways), rel=1e-5)
  np.testing.assert_allclose(video.repeats[:, 0], np.mean(ways), rtol=1e-5)


def test_people_who_agree_predict_each_other_better(tmp_path):
  near = watched_clip('near', crowd(4, 8, seed=0, spread=5), frames=4, rate=25)
  far = watched_clip('far', crowd(4, 8, seed=0, spread=60), frames=4, rate=25)
  videos = _humans(_scorer(_truth(tmp_path, near, far), 'NSS', 'CC'))
  for name in ('NSS', 'CC'):
    assert videos[0].score(name).min() > videos[1].score(name).max()


def test_splits_are_seeded_and_have_a_spread(tmp_path):
  clip = watched_clip('a', crowd(3, 6, seed=0), frames=3, rate=25)
  scorer = _scorer(_truth(tmp_path, clip), 'NSS')
  first, again, other = (
    _overall(_humans(scorer, repeats=3, seed=seed)) for seed in (0, 0, 1)
  )
  assert first == again
  assert first['NSS'] != other['NSS']
  assert first['spread']['NSS'] > 0


def test_viewers_must_be_told_apart(tmp_path):
  pooled = watched_clip('a', [(0, -1, 10, 10), (0, -1, 20, 20)])
  with pytest.raises(ValueError, match='told apart, got 0'):
    _humans(_scorer(_truth(tmp_path, pooled), 'NSS'))


def test_one_viewer_is_too_few(tmp_path):
  lone = watched_clip('a', [(0, 3, 10, 10), (0, 3, 20, 20)])
  with pytest.raises(ValueError, match=r'clip a: .* got 1'):
    _humans(_scorer(_truth(tmp_path, lone), 'NSS'))


def test_photographs_rank_people_centre_and_chance(tmp_path, data):
  """OSIE: 15 viewers, 800x600; the mean eye position of other images."""
  table = np.load(data / 'osie' / 'fixations.npz')['table']

  def image(number, split):
    rows = table[table[:, 0] == number]
    inside = (rows[:, 2:4] >= 0).all(1) & (rows[:, 2:4] < (800, 600)).all(1)
    gaze = [(0, viewer, x, y) for _, viewer, x, y, _ in rows[inside]]
    return watched_clip(
      f'{number}', gaze, split=split, size=(600, 800), sigma=24.0
    )

  dataset = sets.write_set(
    tmp_path,
    'osie',
    [image(n, 'test') for n in range(24)]
    + [image(n, 'train') for n in range(24, 84)],
  )
  size = (75, 100)
  train, truth = (
    read_ground_truth(dataset, split, stride=1, size=size, sigma=None)
    for split in ('train', 'test')
  )
  mean = mean_eye_position(train, size)
  scorer = FrameScorer(
    truth, settings_of(negatives=10), baseline=mean, boxes=None
  )
  people = _overall(_humans(scorer))
  others = {
    name: _overall(_evaluate(maps, scorer))
    for name, maps in (
      ('mean', constant_maps(mean)),
      ('centre', constant_maps(centre_gaussian(size, 0.25))),
      ('chance', chance_maps(truth, 0)),
    )
  }
  chance = others.pop('chance')
  for found in others.values():
    for name in ('NSS', 'AUC_Judd', 'CC', 'SIM', 'IG', 'AUC_Borji'):
      assert people[name] > found[name] > chance[name], name
    assert people['KLD'] < found['KLD'] < chance['KLD']
    # The shuffled AUC is made to pay nothing for the centre.
    assert people['sAUC'] > found['sAUC'] + 0.1
    assert found['sAUC'] == pytest.approx(0.5, abs=0.05)
  assert chance['sAUC'] == pytest.approx(0.5, abs=0.05)


def test_raw_gaze_of_a_video_ranks_people_over_their_mean(tmp_path, data):
  """DIEM's 49 viewers, every 100th frame.

  Against the mean of the same frames: this baseline has seen the test data.
  """
  archive = next((data / 'diem_gaze').glob('arctic_bears*.tar.gz'))
  with tarfile.open(archive) as file:
    file.extractall(tmp_path, filter='data')
  paths = sorted(tmp_path.rglob('*arctic_bears*.txt'))
  fixations, frames, _ = read_diem(
    paths, height=710, width=1066, screen=(960, 1280), eye='left'
  )
  kept = (fixations.when % 100 == 0) & fixations.inside(710, 1066)
  gaze = [
    (when // 100, viewer, *xy)
    for when, viewer, xy in zip(
      fixations.when[kept],
      fixations.viewer[kept],
      fixations.xy[kept],
      strict=True,
    )
  ]
  count = -(-frames // 100)
  clip = watched_clip(
    'bears', gaze, frames=count, rate=0.3, size=(710, 1066), sigma=50.0
  )
  truth = _truth(tmp_path, clip, size=(71, 107))
  scorer = _scorer(truth, 'NSS', 'CC')
  (people,) = _humans(scorer)
  mean = constant_maps(mean_eye_position(truth, (71, 107)))
  (own_mean,) = _evaluate(mean, scorer)
  for name in ('NSS', 'CC'):
    a, b = people.score(name), own_mean.score(name)
    assert a.mean() > b.mean()
    share, _, compared = share_better([a], [b], lower=False)
    assert compared == count
    assert share > 0.5
    ahead = resample(people.frames, a, 1000) - resample(people.frames, b, 1000)
    assert np.mean(ahead > 0) > 0.5
