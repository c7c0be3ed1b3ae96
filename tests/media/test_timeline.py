"""Order and times of frames from their stamps; expected numbers by hand."""

import itertools

import pytest

from dave_jax.media.timeline import Holes, in_order, with_times


def timed(stamps, step=0.04, start=0.0):
  return [
    (round(time, 6), given, frame)
    for time, given, frame in with_times(
      [(stamp, n) for n, stamp in enumerate(stamps)], step=step, start=start
    )
  ]


def test_coding_order_becomes_presentation_order():
  coded = [0, 4, 2, 1, 3, 8, 6, 5, 7]
  frames = in_order([(float(shown), shown) for shown in coded])
  assert [frame for _, frame in frames] == list(range(9))


def test_frames_further_apart_than_codecs_reorder_keep_their_order():
  frames = in_order([(float(t % 40), t) for t in range(80)])
  numbers = [frame for _, frame in frames]
  assert numbers[:24] == list(range(24))
  assert sorted(numbers) == list(range(80))


def test_frames_of_one_stamp_are_placed_before_the_next_good_one():
  times = timed([0.0, 0.04, 0.04, 0.04, 0.08, 0.12])
  assert times == [
    (0.0, True, 0),
    (0.04, True, 1),
    (0.053333, False, 2),
    (0.066667, False, 3),
    (0.08, True, 4),
    (0.12, True, 5),
  ]


def test_frames_without_stamps_do_not_spread_over_a_pause():
  assert timed([0.0, None, 5.0])[1] == (0.04, False, 1)


def test_leading_frames_without_stamps_are_counted_backwards():
  times = timed([None, None, 1.0, 1.04])
  assert [time for time, _, _ in times] == [0.92, 0.96, 1.0, 1.04]


def test_without_any_stamps_frames_are_counted_from_the_start():
  times = timed([None] * 100, start=2.0)
  assert times[99] == (round(2 + 99 * 0.04, 6), False, 99)


def test_frames_that_lag_catch_up_with_the_clock():
  # 60 frames, then a second part that begins 0.8 s before the end of the first.
  stamps = [i / 50 for i in range(60)] + [0.4 + i / 50 for i in range(200)]
  times = timed(stamps, step=0.02)
  assert [frame for _, _, frame in times] == list(range(260))
  assert all(a[0] < b[0] for a, b in itertools.pairwise(times))
  assert times[-1] == (round(0.4 + 199 / 50, 6), True, 259)


@pytest.mark.parametrize(
  'times, durations, count, seconds',
  [
    ([0, 0.04, 0.08, 0.12], 0.04, 0, 0),
    # One frame lost, then three.
    ([0, 0.04, 0.12, 0.16, 0.32], 0.04, 2, 0.04 + 0.12),
    # A camera whose frames come every 33 or 67 ms.
    ([0, 0.033, 0.1, 0.133, 0.2, 0.267], 0.033 * 2, 0, 0),
    ([0, 0.04, 1.44, 1.48], 0.0, 1, 1.36),
  ],
)
def test_holes_are_steps_longer_than_frames_last(
  times, durations, count, seconds
):
  holes = Holes(0.04)
  for time in times:
    holes.add(time, durations)
  assert holes.count == count
  assert holes.seconds == pytest.approx(seconds)
