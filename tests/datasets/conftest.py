"""Fixtures of the tests of data sets."""

import pytest

from dave_jax.datasets import store
from dave_jax.datasets.build import build
from dave_jax.datasets.prepare import make_builder
from tests.datasets import layouts
from tests.media import clips


@pytest.fixture
def build_set(tmp_path):
  """Builds a data set from a folder; returns (data set, report)."""

  def make(name, root, *, partial=False, processes=1, **changes):
    builder = make_builder(name, tmp_path / 'data', **changes)
    report = build(builder, root, partial=partial, processes=processes)
    return store.open_dataset(tmp_path / 'data', name), report

  return make


@pytest.fixture
def photographs(tmp_path):
  """50 photographs of MIT1003."""
  root = tmp_path / 'mit'
  layouts.write_mit1003(root, [f'i{n:02d}' for n in range(50)])
  return root


@pytest.fixture
def videos(tmp_path):
  """Four short videos with sound and fixations."""
  root = tmp_path / 'videos'
  root.mkdir()
  lines = ['name,frame,viewer,x,y']
  for name in 'abcd':
    clips.write_clip(
      root / f'{name}.mp4', frames=range(20), sound=clips.tone(1)
    )
    lines += [f'{name},{frame},anna,{frame + 0.5},7' for frame in range(20)]
  (root / 'fixations.csv').write_text('\n'.join(lines))
  (root / 'clips.csv').write_text(
    'name,split,category\na,train,x\nb,train,y\nc,train,x\nd,val,z\n'
  )
  return root
