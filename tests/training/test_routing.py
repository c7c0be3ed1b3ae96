"""Alternation of streams."""

import pytest

from dave_jax.data.batches import Loading, batch_shapes
from dave_jax.data.fake import fake_batches
from dave_jax.training.routing import RoutedData, Stream


def _stream(name, turn, seed=0):
  shapes = batch_shapes(
    batch_size=1,
    frame_size=(64, 64),
    still=True,
    fixation_map=False,
    evaluation=False,
  )
  loading = Loading(1, 0, 1, workers=0, prefetch=0)
  batches = fake_batches(shapes, loading, examples=100, seed=seed)
  return Stream(name, batches, turn)


def _data(*, images=2):
  return RoutedData([_stream('windows', 3), _stream('images', images, 1)])


def _take(data, steps):
  batches = (next(data) for _ in range(steps))
  return [(name, int(batch['frame'][0])) for name, batch in batches]


def test_streams_alternate_and_each_continues_where_it_was():
  """Fake examples are numbered in the field 'frame'."""
  windows, images = 'windows', 'images'
  assert _take(_data(), 9) == [
    *((windows, 0), (windows, 1), (windows, 2), (images, 0), (images, 1)),
    *((windows, 3), (windows, 4), (windows, 5), (images, 2)),
  ]


@pytest.mark.parametrize('steps', [0, 2, 3, 4, 7])
def test_position_can_be_restored_at_any_step(steps):
  data = _data()
  _take(data, steps)
  other = _data()
  other.restore(data.state())
  assert _take(other, 6) == _take(data, 6)


def test_position_of_other_streams_is_refused():
  with pytest.raises(
    ValueError, match=r"alternate after .'windows': 3, 'images': 2"
  ):
    _data(images=4).restore(_data().state())
