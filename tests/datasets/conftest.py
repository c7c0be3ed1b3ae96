"""Fixtures of the tests of data sets."""

import pytest

from dave_jax.datasets import store
from dave_jax.datasets.build import build
from dave_jax.datasets.prepare import make_builder


@pytest.fixture
def build_set(tmp_path):
  """Builds a data set from a folder; returns (data set, report)."""

  def make(name, root, *, partial=False, processes=1, **changes):
    builder = make_builder(name, tmp_path / 'data', **changes)
    report = build(builder, root, partial=partial, processes=processes)
    return store.open_dataset(tmp_path / 'data', name), report

  return make
