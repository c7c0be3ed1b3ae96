"""Prefetching: work in threads, a few items ahead of the consumer."""

import collections
import concurrent.futures
import contextlib
import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')
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


def computed_ahead(
  function: Callable[[T], R], items: Iterable[T], *, threads: int, ahead: int
) -> Iterator[R]:
  """Yields `function` of each item, in order, computed in threads.

  Items are drawn in the consumer's thread. An exception is raised after the
  results before it. Closing the iterator waits for what is being computed.

  Args:
    function: Computes a result; it may run in several threads at once.
    items: What it is computed of.
    threads: Number of threads.
    ahead: Items drawn ahead of the result that the consumer has.
  """
  items, waiting = iter(items), collections.deque()
  with concurrent.futures.ThreadPoolExecutor(threads) as pool:
    try:
      while True:
        try:
          waiting.append(pool.submit(function, next(items)))
        except StopIteration:
          break
        except BaseException:  # Also the interrupt of the user.
          while waiting:
            yield waiting.popleft().result()
          raise
        if len(waiting) > ahead:
          yield waiting.popleft().result()
      while waiting:
        yield waiting.popleft().result()
    finally:
      for future in waiting:
        future.cancel()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
  """Yields lists of `size` items; the last may be shorter."""
  items = iter(items)
  while batch := list(itertools.islice(items, size)):
    yield batch
