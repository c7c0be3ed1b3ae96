"""The matrices of Winograd convolution."""

import numpy as np
import pytest

from dave_jax.kernels import winograd


@pytest.mark.parametrize('m, r', [(2, 3), (4, 3), (2, 4), (4, 4)])
def test_winograd_matrices_compute_the_filter(m, r):
  """By definition, y[i] = sum over j of g[j] d[i + j]."""
  a, g, b = winograd.matrices(m, r)
  rng = np.random.default_rng(0)
  taps, inputs = rng.standard_normal(r), rng.standard_normal(m + r - 1)
  expected = np.correlate(inputs, taps, 'valid')
  np.testing.assert_allclose(a @ ((g @ taps) * (b @ inputs)), expected)
