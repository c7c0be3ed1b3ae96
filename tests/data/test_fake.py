"""Made-up batches."""

import numpy as np

from dave_jax.data.batches import Loading, batch_shapes
from dave_jax.data.fake import fake_batches
from dave_jax.media import clock
from tests.data.reading import assert_same


def test_fake_batches_are_as_the_table_says():
  settings = {
    'frame_size': (64, 96),
    'fixation_map': True,
  }
  for still in (True, False):
    shapes = batch_shapes(
      **settings, batch_size=3, still=still, evaluation=False
    )
    loading = Loading(6, 1, 2, workers=0, prefetch=0)
    batches = fake_batches(shapes, loading, examples=10, seed=0)
    assert batches.still == still
    first = next(batches)
    state = batches.state()
    second = next(batches)
    assert {key: (a.shape, a.dtype) for key, a in first.items()} == shapes
    np.testing.assert_allclose(first['density'].sum(axis=(1, 2)), 1, atol=1e-5)
    assert (first['frames'] != second['frames']).any()
    batches.restore(state)
    assert_same([next(batches)], [second])
    if not still:
      assert first['offsets'].max() <= clock.CHUNK_FRAMES - 64
