"""Iteration and work in threads."""

import contextlib
import itertools
import threading
import time

import pytest

from dave_jax.prediction.background import computed_ahead, in_background


def test_items_come_in_order():
  assert list(in_background(range(100), ahead=3)) == list(range(100))


def test_errors_come_after_what_was_before_them():
  def items():
    yield 1
    raise ValueError('broken')

  drawn = in_background(items(), ahead=5)
  assert next(drawn) == 1
  with pytest.raises(ValueError, match='broken'):
    next(drawn)


def test_runs_at_most_as_far_ahead_as_asked():
  drawn = []
  items = in_background((drawn.append(i) or i for i in range(50)), ahead=2)
  next(items)
  for _ in range(5):
    threading.Event().wait(0.02)
  # Two wait in the queue, one is in the thread's hands, one was consumed.
  assert len(drawn) <= 4
  items.close()


def test_closing_stops_the_thread():
  before = threading.active_count()
  items = in_background(itertools.count(), ahead=2)
  next(items)
  items.close()
  assert threading.active_count() == before


def test_results_computed_ahead_keep_their_order():
  """Later items are done first: each waits less than the one before it."""

  def slow(item):
    time.sleep(0.02 * (5 - item))
    return item * item

  results = computed_ahead(slow, range(5), threads=5, ahead=5)
  assert list(results) == [0, 1, 4, 9, 16]


def test_no_more_items_are_drawn_ahead_than_asked_for():
  drawn = []

  def items():
    for item in range(10):
      drawn.append(item)
      yield item

  with contextlib.closing(
    computed_ahead(str, items(), threads=2, ahead=3)
  ) as results:
    assert next(results) == '0'
  assert drawn == [0, 1, 2, 3]


@pytest.mark.parametrize('broken', ['items', 'function'])
def test_results_before_an_error_come_first(broken):
  def items():
    yield from range(3)
    if broken == 'items':
      raise ValueError('no more')
    yield 3

  def function(item):
    if item == 3:
      raise ValueError('no more')
    return item

  results = computed_ahead(function, items(), threads=2, ahead=8)
  assert list(itertools.islice(results, 3)) == [0, 1, 2]
  with pytest.raises(ValueError, match='no more'):
    next(results)
