"""Prefetching: iteration in a thread, a few items ahead of the consumer."""

import contextlib
import itertools
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')
_END = object()


def in_background(items: Iterable[T], ahead: int) -> Iterator[T]:
  """Yields `items`, computed in a thread at most `ahead` items ahead.

  An exception in the thread is raised here, after the items before it. Closing
  the iterator stops the thread and waits for it.
  """
  waiting: queue.Queue = queue.Queue(maxsize=ahead)
  stopped = threading.Event()

  def put(item) -> None:
    while not stopped.is_set():
      with contextlib.suppress(queue.Full):
        waiting.put(item, timeout=0.1)
        return

  def draw() -> None:
    try:
      for item in items:
        put((item, None))
        if stopped.is_set():
          return
      put((_END, None))
    except BaseException as error:  # Any exception is raised in the consumer.
      put((_END, error))

  thread = threading.Thread(target=draw, daemon=True)
  thread.start()
  try:
    while True:
      item, error = waiting.get()
      if error is not None:
        raise error
      if item is _END:
        return
      yield item
  finally:
    stopped.set()
    thread.join()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
  """Yields lists of `size` items; the last may be shorter."""
  items = iter(items)
  while batch := list(itertools.islice(items, size)):
    yield batch
