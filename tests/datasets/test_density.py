"""Tests of density maps."""

import cv2
import numpy as np
import pytest

from dave_jax.datasets.density import gaussian_density, record_density


def test_density_is_a_gaussian_at_the_fixation():
  density = gaussian_density(
    np.array([[40.5, 20.5]]), sigma=4.0, height=64, width=96, size=(64, 96)
  )
  assert density.sum() == pytest.approx(1, abs=1e-6)
  assert np.unravel_index(density.argmax(), density.shape) == (20, 40)
  # One sigma off, a Gaussian has exp(-1/2) of its height; pixels integrate.
  ratio = density[20, 44] / density[20, 40]
  assert ratio == pytest.approx(np.exp(-0.5), abs=0.002)


def test_maps_of_different_sizes_agree():
  xy = np.random.default_rng(0).uniform(0, [96, 64], (9, 2))
  settings = {'sigma': 5.0, 'height': 64, 'width': 96}
  fine = gaussian_density(xy, size=(64, 96), **settings)
  coarse = gaussian_density(xy, size=(8, 12), **settings)
  summed = fine.reshape(8, 8, 12, 8).sum(axis=(1, 3))
  np.testing.assert_allclose(coarse, summed, atol=1e-7)


def test_repeated_fixation_counts_twice():
  density = gaussian_density(
    np.array([[8.0, 8], [8, 8], [56, 8]]),
    sigma=2.0,
    height=16,
    width=64,
    size=(1, 2),
  )
  np.testing.assert_allclose(density, [[2 / 3, 1 / 3]], atol=1e-5)


def test_no_fixations_give_zeros():
  settings = {'sigma': 5.0, 'height': 64, 'width': 96, 'size': (8, 12)}
  assert not gaussian_density(np.zeros((0, 2)), **settings).any()


def _record(**fields):
  record = {
    'clip': b'a',
    'first_frame': 16,
    'height': 64,
    'width': 96,
    'density': [],
    'sigma': 0.0,
    'fixation_xy': np.array([[10.5, 10.5], [80.5, 50.5]], np.float32),
    'fixation_frame': np.array([0, 1], np.int32),
  }
  return record | fields


def test_record_without_map_or_sigma_has_no_density():
  assert record_density(_record(), 0) is None


def test_fixations_of_the_frame_are_blurred():
  density = record_density(_record(sigma=3.0), 1)
  assert density.shape == (64, 96)
  assert np.unravel_index(density.argmax(), density.shape) == (50, 80)


@pytest.mark.parametrize('depth', [np.uint8, np.uint16])
def test_published_map_takes_precedence_over_sigma(depth):
  image = np.zeros((32, 48), depth)
  image[3, 5] = 200
  image[3, 6] = 100
  png = cv2.imencode('.png', image)[1].tobytes()
  density = record_density(_record(sigma=3.0, density=[b'', png]), 1)
  np.testing.assert_allclose(density, image / 300, atol=1e-7)


def test_resized_map_sums_to_one_and_is_not_negative():
  image = np.zeros((64, 96), np.uint8)
  image[30, 50] = 255
  png = cv2.imencode('.png', image)[1].tobytes()
  density = record_density(_record(density=[png]), 0, (100, 150))
  assert density.shape == (100, 150)
  assert density.min() >= 0
  assert density.sum() == pytest.approx(1, abs=1e-5)


def test_error_of_a_damaged_map_names_the_frame():
  with pytest.raises(ValueError, match='clip a, frame 17'):
    record_density(_record(density=[b'', b'no image']), 1)
