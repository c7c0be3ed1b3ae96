"""Iteration in a thread."""

import itertools
import threading

import pytest

from dave_jax.prediction.background import in_background


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
