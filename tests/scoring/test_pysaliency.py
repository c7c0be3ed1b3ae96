"""Agreement with the library whose name one of the protocols bears."""

import numpy as np
import pytest

from tests.scoring.batches import auc, metrics

# Version 0.2 wants setuptools<81, whose pkg_resources it imports.
pysaliency = pytest.importorskip('pysaliency')

SAME = {'protocol': 'pysaliency'}


@pytest.fixture
def theirs(maps, monkeypatch):
  """Their model, stimuli and fixations of the maps, ties and doubles too."""
  # Their version 0.2 calls what NumPy 2.4 no longer has.
  monkeypatch.setattr(np, 'trapz', np.trapezoid, raising=False)
  maps.saliency[3:] = np.round(maps.saliency[3:])
  n, h, w = maps.saliency.shape
  stimuli = pysaliency.Stimuli(
    [np.full((h, w, 3), frame, np.uint8) for frame in range(n)]
  )
  frame, y, x = np.nonzero(maps.fixation_maps)
  counts = maps.fixation_maps[frame, y, x]
  frame, y, x = (np.repeat(a, counts) for a in (frame, y, x))
  fixations = pysaliency.Fixations.create_without_history(x, y, frame)

  class Model(pysaliency.SaliencyMapModel):
    def __init__(self, maps):
      super().__init__()
      self.maps = maps

    def _saliency_map(self, stimulus):
      return self.maps[stimulus[0, 0, 0]].astype(np.float64)

  return Model, stimuli, fixations


def _mean_per_frame(scores, fixations):
  return [scores[fixations.n == k].mean() for k in range(6)]


def test_scores_against_fixations_agree(maps, theirs):
  Model, stimuli, fixations = theirs
  model = Model(maps.saliency)
  truth = maps.saliency, maps.fixation_maps
  np.testing.assert_allclose(
    metrics.nss(*truth, **SAME),
    _mean_per_frame(model.NSSs(stimuli, fixations), fixations),
  )
  np.testing.assert_allclose(
    auc.auc_judd(*truth, jitter=None, **SAME),
    model.AUC_per_image(
      stimuli, fixations, nonfixations='unfixated', thresholds='fixations'
    ),
  )
  negatives = [
    (fixations.y_int * 30 + fixations.x_int)[fixations.n != k] for k in range(6)
  ]
  np.testing.assert_allclose(
    auc.shuffled_auc(*truth, negatives, **SAME),
    _mean_per_frame(model.sAUCs(stimuli, fixations), fixations),
  )


def test_scores_against_densities_agree(maps, theirs):
  from pysaliency import metrics as their_metrics

  Model, stimuli, _ = theirs
  maps.saliency[0] = 0
  maps.saliency[1, :8] = 0
  maps.saliency[2] = 0.5
  model, truth = Model(maps.saliency), Model(maps.density)
  np.testing.assert_allclose(
    metrics.cc(maps.saliency, maps.density, **SAME), model.CCs(stimuli, truth)
  )
  np.testing.assert_allclose(
    metrics.sim(maps.saliency, maps.density, **SAME),
    model.SIMs(stimuli, truth),
  )
  np.testing.assert_allclose(
    metrics.kld(maps.saliency, maps.density, **SAME),
    [
      their_metrics.MIT_KLDiv(a.astype(np.float64), b)
      for a, b in zip(maps.saliency, maps.density, strict=True)
    ],
  )
  below_zero = maps.saliency - 2
  np.testing.assert_allclose(
    metrics.sim(below_zero, maps.density, **SAME),
    Model(below_zero).SIMs(stimuli, truth),
  )


def test_constant_maps_agree(maps, theirs):
  Model, stimuli, fixations = theirs
  # 0.5: constants whose mean rounds they do not see.
  constant = np.full_like(maps.saliency, 0.5)
  model = Model(constant)
  np.testing.assert_allclose(
    metrics.nss(constant, maps.fixation_maps, **SAME),
    _mean_per_frame(model.NSSs(stimuli, fixations), fixations),
  )
  np.testing.assert_allclose(
    auc.auc_judd(constant, maps.fixation_maps, jitter=None, **SAME),
    model.AUC_per_image(
      stimuli, fixations, nonfixations='unfixated', thresholds='fixations'
    ),
  )


def test_information_gain_agrees(maps, theirs):
  _, stimuli, fixations = theirs
  maps.saliency += 0.1

  class Density(pysaliency.Model):
    def __init__(self, maps):
      super().__init__()
      self.maps = maps

    def _log_density(self, stimulus):
      density = self.maps[stimulus[0, 0, 0]].astype(np.float64)
      return np.log(density / density.sum())

  expected = Density(maps.saliency).information_gains(
    stimuli, fixations, baseline_model=Density(maps.density)
  )
  np.testing.assert_allclose(
    metrics.information_gain(
      maps.saliency, maps.fixation_maps, maps.density, **SAME
    ),
    _mean_per_frame(expected, fixations),
  )
