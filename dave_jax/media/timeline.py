"""Presentation order and times of decoded frames, from their time stamps."""

import collections
import heapq
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')

# Frames by which a codec may reorder (H.264 and HEVC allow 16).
_REACH = 16
# Frames that wait for the next usable time stamp, at most.
_WAITING = 32
# A step that is this many times longer than the frame lasts, and than any of
# the last few steps, is a hole. One lost frame makes 2.
_HOLE = 1.75
_STEPS = 16


def in_order(
  frames: Iterable[tuple[float | None, T]], *, by_stamp: bool = True
) -> Iterator[tuple[float | None, T]]:
  """Yields (time stamp, frame) pairs with stamps sorted within 16 frames.

  A frame without a stamp stays behind the one before it.

  Args:
    frames: (time stamp or None, frame), as decoded.
    by_stamp: Whether frames move with their stamps, as some decoders and files
      give frames in coding order; else stamps alone are sorted, as those of an
      AVI are in coding order.
  """
  heap, last = [], float('-inf')
  waiting = collections.deque()

  def first():
    stamp, frame = heapq.heappop(heap)[2:]
    return stamp, (frame if by_stamp else waiting.popleft())

  for number, (stamp, frame) in enumerate(frames):
    last = last if stamp is None else stamp
    heapq.heappush(heap, (last, number, stamp, frame))
    if not by_stamp:
      waiting.append(frame)
    if len(heap) > _REACH:
      yield first()
  while heap:
    yield first()


def with_times(
  frames: Iterable[tuple[float | None, T]], *, step: float, start: float
) -> Iterator[tuple[float, bool, T]]:
  """Yields (time, whether the file gives it, frame); times increase strictly.

  A frame without a time stamp, or with one that is not later than that of the
  frame before, is placed between its neighbours, so that all later frames keep
  the clock of the file. Leading ones are counted backwards from the first
  stamp.

  Args:
    frames: (time stamp in seconds or None, frame), in order.
    step: Seconds from one frame to the next.
    start: Second of the first frame if there are no time stamps.
  """
  time, waiting = None, []
  for stamp, frame in frames:
    if stamp is not None and (time is None or stamp > time):
      for moment, placed in _placed(waiting, time, stamp, step):
        yield moment, False, placed
      time, waiting = stamp, []
      yield time, True, frame
      continue
    waiting.append((stamp, frame))
    if len(waiting) == _WAITING:
      late = any(stamp is not None for stamp, _ in waiting)
      # Frames that lag behind give way, so that later ones can catch up.
      pace = step / _REACH if late else step
      before = start - step if time is None else time
      for time, placed in _placed(waiting, before, None, pace):
        yield time, False, placed
      waiting = []
  before = start - step if time is None else time
  for moment, placed in _placed(waiting, before, None, step):
    yield moment, False, placed


def _placed(waiting, before, after, step):
  """Yields (time, frame) between two times, `step` apart or closer."""
  count = len(waiting)
  if before is None:
    before = after - (count + 1) * step
  elif after is not None:
    step = min(step, (after - before) / (count + 1))
  for number, (_, frame) in enumerate(waiting, 1):
    yield before + number * step, frame


class Holes:
  """Measures where a video has no frames.

  Attributes:
    count: How many holes there are so far.
    seconds: How long they last together.
    until: Second up to which the last frame is shown.
    step: Seconds from one frame to the next, as the file claims.
  """

  def __init__(self, step: float):
    self.count = 0
    self.seconds = 0.0
    self.until = 0.0
    self.step = step
    self._last = None
    self._steps = collections.deque(maxlen=_STEPS)

  def add(self, time: float, duration: float) -> None:
    """Takes the next frame: its time and how long the file shows it."""
    if self._last is not None:
      step = time - self._last
      usual = max(self.until - self._last, self.step, *self._steps, 0)
      if step > _HOLE * usual:
        self.count += 1
        self.seconds += step - max(self.until - self._last, self.step)
      else:
        self._steps.append(step)
    self._last, self.until = time, time + (duration or self.step)
