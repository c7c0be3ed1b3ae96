"""Maps prepared as the evaluation of STAViS does."""

import numpy as np
import pytest
import scipy.ndimage

from dave_jax.scoring.preparation import as_stavis
from dave_jax.scoring.settings import ScoreSettings


def test_map_is_scaled_and_blurred():
  """SciPy's Gaussian, cut off at 3 deviations, has the window 13 x 13."""
  saliency = np.random.default_rng(0).random((20, 30)) * 7 + 3
  scaled = (saliency - saliency.min()) / (saliency.max() - saliency.min())
  expected = scipy.ndimage.gaussian_filter(
    scaled, 2.0, mode='reflect', truncate=3.0
  )
  found = as_stavis(saliency)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_constant_map_becomes_one_half():
  assert (as_stavis(np.full((4, 5), 9.0)) == 0.5).all()


def test_preparation_is_named_in_the_rules_and_not_for_msu():
  settings = ScoreSettings(scores='NSS,CC', preparation='stavis')
  assert 'STAViS' in settings.rules(settings.names)['CC']
  with pytest.raises(ValueError, match="protocol 'msu' has no preparation"):
    ScoreSettings(protocol='msu', preparation='stavis')
