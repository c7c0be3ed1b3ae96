"""Photographs among videos: windows with motion and sound of their own."""

import numpy as np
import pytest

from dave_jax.data.augmentation import RandomView
from dave_jax.data.pipeline import Views
from dave_jax.data.unrelated_sound import UnrelatedSound
from tests.data import sets
from tests.data.reading import assert_same, take, train

_SETTINGS = {
  'size': sets.FRAME_SIZE,
  'scale': (0.5, 0.9),
  'aspect': 1.2,
  'bars': 0.0,
  'pan': 0.5,
  'zoom': 1.4,
  'still': 0.0,
}


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
  """Seven photographs of noise, on which each motion shows."""
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 256, (7, 1, *sets.FRAME_SIZE, 3), np.uint8)
  clips = [
    sets.make_clip(f'photograph{i}', rate=0.0, pictures=pictures)
    for i, pictures in enumerate(noise)
  ]
  return sets.write_set(tmp_path_factory.mktemp('photographs'), 'seen', clips)


def _windows():
  view = RandomView(frames=16, **_SETTINGS)
  sound = UnrelatedSound(())
  return Views((128, 192), (view, sound), windows=True)


def test_photographs_become_windows_among_those_of_videos(videos, photographs):
  batches = train(
    *(videos, photographs), views=_windows(), weights=(1, 1), batch_size=6
  )
  assert not batches.still
  sources, moving = [], 0
  for batch in take(batches, 4):
    assert batch['frames'].shape == (6, 16, *sets.FRAME_SIZE, 3)
    assert batch['log_mel'].shape[0] == batch['offsets'].shape[0] == 6
    np.testing.assert_allclose(batch['density'].sum(axis=(1, 2)), 1, rtol=1e-5)
    for source, frames in zip(batch['source'], batch['frames'], strict=True):
      sources.append(source)
      moving += source == 1 and (frames[0] != frames[-1]).any()
  assert sources.count(1) == 12
  # Some have no view that shows most of their density, and stand still.
  assert moving


def test_views_do_not_depend_on_how_examples_are_read(videos, photographs):
  settings = {'views': _windows(), 'weights': (1, 1)}
  alone = take(train(videos, photographs, **settings), 2)
  ahead = take(train(videos, photographs, prefetch=2, **settings), 2)
  assert_same(alone, ahead)


def test_views_of_photographs_stay_still_images(photographs):
  views = Views((128, 192), (RandomView(frames=1, **_SETTINGS),), windows=False)
  batches = train(photographs, views=views)
  assert batches.still
  (batch,) = take(batches, 1)
  assert batch['frames'].shape == (12, 1, *sets.FRAME_SIZE, 3)
  assert 'log_mel' not in batch


def test_photographs_among_videos_are_refused_without_views(
  videos, photographs
):
  with pytest.raises(ValueError, match=r'got both.*data\.views\.enabled'):
    train(videos, photographs)
