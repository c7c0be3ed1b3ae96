"""Bootstrap intervals of means over seeds and videos."""

import numpy as np
import pytest

from dave_jax.report.bootstrap import Bootstrap, interval


def _settings(level=0.95, resamples=20000):
  return Bootstrap(resamples, level, seed=0)


def test_two_videos_of_one_seed():
  """Resamples of 0 and 1: their mean is 0, 0.5, 1 in 1/4, 1/2, 1/4 of them."""
  values = np.array([[0.0, 1.0]])
  assert interval(values, _settings(0.95)) == (0.0, 1.0)
  assert interval(values, _settings(0.4)) == (0.5, 0.5)


def test_seeds_are_resampled_as_a_whole():
  """If videos agree, only the two seeds vary, however many videos there are."""
  values = np.repeat([[0.0], [1.0]], 50, axis=1)
  assert interval(values, _settings(0.95)) == (0.0, 1.0)
  assert interval(values, _settings(0.4)) == (0.5, 0.5)


def test_videos_are_those_of_all_seeds():
  """If seeds agree, more of them narrow nothing: videos are the same for each.

  Expected: the interval of a normal mean, 1.96 standard errors either side.
  """
  videos = np.random.default_rng(1).normal(size=400)
  low, high = interval(np.tile(videos, (5, 1)), _settings())
  error = videos.std() / 20
  assert low == pytest.approx(videos.mean() - 1.96 * error, abs=0.1 * error)
  assert high == pytest.approx(videos.mean() + 1.96 * error, abs=0.1 * error)


def test_undefined_scores_are_left_out():
  values = np.array([[2.0, np.nan, 2.0], [2.0, 2.0, np.nan]])
  assert interval(values, _settings()) == (2.0, 2.0)
  assert np.isnan(interval(np.full((2, 3), np.nan), _settings())).all()


@pytest.mark.parametrize('settings', [(0, 0.95, 0), (100, 95, 0), (100, 0, 0)])
def test_settings_out_of_range_are_refused(settings):
  with pytest.raises(ValueError, match='1 or more bootstrap resamples'):
    Bootstrap(*settings)
