"""SEO, against what its authors' code computed."""

import numpy as np
import pytest

from dave_jax.evaluation import seo


def test_descriptors_and_saliency_agree_with_the_authors_code(goldens):
  golden = np.load(goldens / 'seo_saliency.npz')
  frames = golden['frames']
  kernels = seo.descriptors(frames / frames.std(ddof=1))
  np.testing.assert_allclose(kernels, golden['lark'], rtol=0, atol=1e-5)
  saliency = np.stack(list(seo.space_time_saliency(frames)), -1)
  np.testing.assert_allclose(saliency, golden['saliency'], rtol=0, atol=1e-6)


def test_saliency_does_not_depend_on_the_chunks(monkeypatch):
  frames = np.random.default_rng(0).random((10, 12, 21)).cumsum(axis=0)
  whole = list(seo.space_time_saliency(frames))
  monkeypatch.setattr(seo, '_CHUNK', 5)
  np.testing.assert_allclose(list(seo.space_time_saliency(frames)), whole)


def test_single_frames_are_refused():
  with pytest.raises(ValueError, match='2 or more frames'):
    list(seo.space_time_saliency(np.ones((4, 4, 1))))
