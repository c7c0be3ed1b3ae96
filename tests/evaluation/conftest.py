"""A data set that was watched, and how it is scored."""

import pytest

from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.scoring.settings import ScoreSettings
from tests.data import sets
from tests.evaluation.gaze_clips import crowd, watched_clip


def settings_of(**changes):
  return ScoreSettings(**{'splits': 10, 'negatives': 3} | changes)


@pytest.fixture(scope='session')
def watched(tmp_path_factory):
  """Three clips of two categories; one has frames nobody looked at."""
  gaze = crowd(5, 4, seed=1, centre=(60, 60))
  return sets.write_set(
    tmp_path_factory.mktemp('watched'),
    'watched',
    [
      watched_clip(
        'bear',
        crowd(6, 4, seed=0),
        frames=6,
        rate=25.0,
        category='Nature',
        waveform=sets.noise(0.4),
      ),
      watched_clip(
        'talk',
        gaze,
        frames=8,
        rate=25.0,
        category='Social',
        waveform=sets.noise(0.4),
      ),
      watched_clip(
        'chat',
        crowd(4, 4, seed=2, centre=(240, 80)),
        frames=4,
        rate=25.0,
        category='Social',
        waveform=sets.noise(0.4),
      ),
    ],
  )


@pytest.fixture
def truth(watched):
  return read_ground_truth(watched, 'test', stride=1, size=(40, 60), sigma=None)


@pytest.fixture
def scorer(truth):
  baseline = truth.density(0)
  return FrameScorer(truth, settings_of(), baseline=baseline, boxes=None)


@pytest.fixture(scope='session')
def watched_dir(tmp_path_factory):
  """Folder of the sets `made/videos` (splits train, test) and `made/images`."""
  folder = tmp_path_factory.mktemp('data')
  clips = [
    watched_clip(
      name,
      crowd(frames, 4, seed=seed),
      frames=20,
      rate=25.0,
      category=category,
      split=split,
      waveform=sets.noise(1.0),
    )
    for seed, (name, frames, category, split) in enumerate(
      [
        ('bear', 5, 'Nature', 'test'),
        ('bird', 4, 'Nature', 'test'),
        ('talk', 6, 'Social', 'test'),
        ('walk', 6, 'Social', 'train'),
      ]
    )
  ]
  sets.write_set(folder, 'videos', clips)
  stills = [watched_clip(f'{n}', crowd(1, 3, seed=n)) for n in range(4)]
  sets.write_set(folder, 'images', stills)
  return folder
