"""Agreement with the code of the AIM 2024 and NTIRE 2026 challenges."""

import numpy as np
import pytest

from dave_jax.scoring import msu


def test_scores_agree_with_the_challenges(goldens):
  golden = np.load(goldens / 'msu_metrics.npz')
  found = []
  for number in range(len(golden['scores'])):
    saliency, density = (
      msu.prepared(golden[f'{name}_{number}'])
      for name in ('saliency', 'density')
    )
    saliency = msu.resized(saliency, density.shape)
    fixations = golden[f'fixations_yx_{number}']
    found.append(
      [
        msu.cc(saliency, density),
        msu.sim(saliency, density),
        msu.nss(saliency, fixations),
        msu.auc_judd(saliency, fixations),
      ]
    )
  assert golden['names'].tolist() == ['CC', 'SIM', 'NSS', 'AUC_Judd']
  np.testing.assert_allclose(found, golden['scores'], rtol=0, atol=1e-6)


def test_auc_judd_by_hand():
  # Thresholds 4, 3 and 3 again; at or above them are 1, 3 and 3 of 6 pixels.
  # Hits are 1/3, 2/3, 1; false alarms 0, (3 - 2) / 4 and (3 - 3) / 4, the last
  # one going back.
  saliency = np.array([[4.0, 3, 3], [2, 1, 0]])
  fixations = np.array([[0, 0], [0, 2], [0, 2]])
  curve = [(0, 0), (0, 1 / 3), (1 / 4, 2 / 3), (0, 1), (1, 1)]
  x, y = np.transpose(curve)
  assert msu.auc_judd(saliency, fixations) == pytest.approx(np.trapezoid(y, x))


def test_repeated_fixations_count():
  saliency = np.array([[1.0, 2], [3, 6]])
  # Mean 3, population deviation sqrt(14 / 4); -1 once and 3 three times.
  fixations = np.array([[0, 1], [1, 1], [1, 1], [1, 1]])
  expected = 2 / np.sqrt(14 / 4)
  assert msu.nss(saliency, fixations) == pytest.approx(expected, abs=1e-6)


def test_maps_are_scaled_before_they_are_resized():
  colours = np.array([[[0, 30, 60], [90, 90, 90]]], np.uint8)
  found = msu.prepared(colours)
  assert found.dtype == np.float64
  np.testing.assert_allclose(found, [[0, 1]], atol=1e-6)
  np.testing.assert_allclose(
    msu.resized(found, (1, 4)), [[0, 0.25, 0.75, 1]], atol=1e-6
  )


def test_frames_without_fixations_are_undefined():
  none = np.zeros((0, 2), int)
  assert np.isnan(msu.nss(np.eye(3), none))
  assert np.isnan(msu.auc_judd(np.eye(3), none))


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('levels', [1, 2, 30, None])
def test_auc_judd_counts_pixels_exactly(dtype, levels):
  """Against a comparison of every pixel with every threshold."""
  rng = np.random.default_rng(0)
  saliency = rng.random((50, 70)).astype(dtype)
  if levels:
    saliency = np.floor(saliency * levels) / dtype(levels)
  fixations = np.stack([rng.integers(0, n, 40) for n in (50, 70)], axis=1)
  thresholds = np.sort(saliency[tuple(fixations.T)])[::-1]
  above = (saliency >= thresholds[:, None, None]).sum(axis=(1, 2))
  rank = np.arange(1, 41)
  hits = [0, *(rank / 40), 1]
  false_alarms = [0, *((above - rank) / (saliency.size - 2)), 1]
  assert msu.auc_judd(saliency, fixations) == pytest.approx(
    np.trapezoid(hits, false_alarms), abs=1e-12
  )
