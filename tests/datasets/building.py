"""Helpers to build data sets and to compare them."""

import numpy as np

from dave_jax.datasets.build import build
from dave_jax.datasets.prepare import make_builder

DEGREE = {'settings': {'pixels_per_degree': '9'}}
VIDEOS = 'folder/default_pixels_per_degree_9'


def build_into(name, root, data_dir, *, settings=None, **options):
  builder = make_builder(name, data_dir, settings=settings)
  return build(builder, root, **options)


def _content(dataset):
  return {
    split: [sorted(r.items(), key=str) for r in dataset.records(split)]
    for split in dataset.splits
  }


def assert_same(left, right):
  np.testing.assert_equal(_content(left), _content(right))
  assert left.fingerprint == right.fingerprint
  for split in left.splits:
    assert left.clips(split) == right.clips(split)
