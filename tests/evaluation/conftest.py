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
