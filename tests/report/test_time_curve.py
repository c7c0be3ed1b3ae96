"""Scores over time, checked by hand."""

import numpy as np
import pytest

from dave_jax.report.time_curve import (
  mean_curve,
  resample,
  share_better,
  smoothed,
)

_NAN = float('nan')


def test_resampling_is_linear_from_first_to_last_frame():
  # Frames 0, 2 and 4; the middle one has no score.
  found = resample(np.array([0, 2, 4]), np.array([1, _NAN, 3.0]), 5)
  np.testing.assert_allclose(found, [1, 1.5, 2, 2.5, 3])


def test_videos_of_any_length_have_as_many_points():
  short = resample(np.arange(2), np.array([0, 1.0]), 1000)
  long = resample(np.arange(3000), np.arange(3000) / 2999, 1000)
  np.testing.assert_allclose(short, long)
  assert np.isnan(resample(np.arange(2), np.full(2, _NAN), 4)).all()
  assert resample(np.arange(3), np.array([_NAN, 7, _NAN]), 2).tolist() == [7, 7]


def test_curve_by_hand():
  mean, error = mean_curve(
    [np.array([1, 2.0]), np.array([3, 2.0]), np.full(2, _NAN)]
  )
  np.testing.assert_allclose(mean, [2, 2])
  # Standard deviation sqrt(2), over two videos.
  np.testing.assert_allclose(error, [1, 0])
  _, alone = mean_curve([np.array([1, 2.0])])
  assert np.isnan(alone).all()


def test_running_mean_by_hand():
  found = smoothed(np.array([0, 3, 6, 0.0]), 3)
  np.testing.assert_allclose(found, [1.5, 3, 3, 3])


def test_share_by_hand():
  first = [np.array([2, 1, 5, _NAN]), np.array([1.0]), np.array([_NAN])]
  second = [np.array([1, 1, 9, 3.0]), np.array([0.0]), np.array([4.0])]
  # First video: leads in 1 of 3, ties in 1; second: leads. The third has none.
  found = share_better(first, second, lower=False)
  assert found == (pytest.approx((1 / 3 + 1) / 2), pytest.approx(1 / 6), 4)
  found = share_better(first, second, lower=True)
  assert found[0] == pytest.approx((1 / 3 + 0) / 2)
  assert np.isnan(share_better(first[2:], second[2:], lower=False)[0])
