"""Scores of several frames at once, as the tests have them."""

import numpy as np

from dave_jax.scoring import auc as of_auc
from dave_jax.scoring import metrics as of_metrics


class _EachFrame:
  """A module's scores of arrays [n, h, w], float64 [n].

  Random scores take `seed` and `frame_numbers` [n], which together seed each
  frame's generator.
  """

  def __init__(self, module):
    self._module = module

  def __getattr__(self, name):
    score = getattr(self._module, name)

    def scores(*arrays, seed=None, frame_numbers=None, **settings):
      found = []
      for k, frames in enumerate(zip(*arrays, strict=True)):
        own = dict(settings)
        if seed is not None:
          rng = np.random.default_rng((seed, int(frame_numbers[k])))
          own['jitter' if name == 'auc_judd' else 'rng'] = rng
        found.append(score(*frames, **own))
      return np.array(found, np.float64)

    return scores


auc, metrics = _EachFrame(of_auc), _EachFrame(of_metrics)
