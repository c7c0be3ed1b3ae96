import jax
import numpy as np
import pytest

from dave_jax.media import clock


def starts(times, alignment='exact', **reference):
  return clock.example_starts(times, alignment=alignment, **reference).tolist()


def test_exact_rounds_to_the_nearest_log_mel_frame_and_halves_upwards():
  # By hand: 100 t is 0, 4, 3.33, 12.5 (a half), -3.7.
  assert starts([0, 0.04, 1 / 30, 0.125, -0.037]) == [0, 4, 3, 13, -4]


def test_exact_does_not_depend_on_rounding_of_time_stamps():
  # Every third frame at 24 a second lies half-way between two log-mel frames.
  times = np.arange(24 * 600) / 24
  for error in (-2e-7, 2e-7):
    np.testing.assert_array_equal(starts(times + error), starts(times))


@pytest.mark.parametrize('rate', [23.976, 24, 25, 29.97, 30, 50, 60])
def test_exact_keeps_picture_and_sound_within_half_a_frame(rate):
  times = np.arange(0, 3600, 1 / rate)
  lag = np.array(starts(times)) / 100 - times
  assert np.abs(lag).max() <= 0.00501 < 0.5 / rate


def test_causal_sound_ends_with_the_frame():
  # By hand: the window of log-mel frame j ends at 10 j + 25 ms. At t = 1 s the
  # newest is 97 (ends at 0.995 s), at 1.005 s it is 98; 63 more come before.
  assert starts([1.0, 1.0049, 1.005], 'causal') == [34, 34, 35]
  times = np.random.default_rng(0).uniform(0, 100, 1000)
  newest = np.array(starts(times, 'causal')) + 63
  ends = newest / 100 + 0.025
  assert (ends <= times + 2e-6).all()
  assert (ends + 0.01 > times).all()


@pytest.mark.parametrize(
  # By hand: 100 / rate rounded, halves to even as Python rounds.
  'rate, hop',
  [(25, 4), (30, 3), (24, 4), (29.97, 3), (60, 2), (50, 2), (40, 2)],
)
def test_reference_counts_examples_not_time(rate, hop):
  got = starts(np.zeros(5), 'reference', rate=rate, sound_frames=1000)
  assert got == [hop, 2 * hop, 3 * hop, 4 * hop, 5 * hop]


def test_reference_has_the_sound_of_a_30_fps_video_six_seconds_late():
  # By hand: frame 1799, the last of a minute, hears example 1800 of hop 3:
  # log-mel frame 5400, which sounds at 54 s.
  times = np.arange(1800) / 30
  got = starts(times, 'reference', rate=30, sound_frames=7000)
  assert got[-1] == 5400
  assert times[-1] - got[-1] / 100 == pytest.approx(6, abs=0.05)


def test_reference_stays_at_the_last_whole_example():
  # By hand: examples of hop 4 in 80 frames start at 0, 4, .., 16.
  got = starts(np.zeros(7), 'reference', rate=25, sound_frames=80)
  assert got == [4, 8, 12, 16, 16, 16, 16]


@pytest.mark.parametrize('sound_frames', [0, 63, 64])
def test_reference_of_a_sound_shorter_than_two_examples(sound_frames):
  got = starts([0, 1], 'reference', rate=25, sound_frames=sound_frames)
  assert got == [0, 0]


def test_reference_of_a_part_of_a_video_is_that_part():
  options = {'rate': 24, 'sound_frames': 5000}
  times = np.arange(100) / 24
  whole = starts(times, 'reference', **options)
  part = starts(times[60:], 'reference', first_frame=60, **options)
  assert part == whole[60:]


def test_reference_agrees_with_the_original_examples(goldens):
  # The golden's examples are numbers 0, 1, 2 of hop 4; frame i hears i + 1.
  with np.load(goldens / 'log_mel.npz', allow_pickle=False) as golden:
    log_mel, examples = golden['log_mel'], golden['examples_hop4_first3']
  got = clock.cut_examples(
    log_mel, starts([0, 1 / 25], 'reference', rate=25, sound_frames=248)
  )
  np.testing.assert_array_equal(got, examples[1:])


def test_unknown_alignment_and_missing_facts_are_refused():
  with pytest.raises(ValueError, match="exact, causal, reference, got 'late'"):
    starts([0], 'late')
  with pytest.raises(ValueError, match='rate and sound_frames'):
    starts([0], 'reference', rate=25)
  with pytest.raises(ValueError, match=r'fewer than 200 .*got 240'):
    starts([0], 'reference', rate=240, sound_frames=100)


def test_window_repeats_the_first_frame_before_it():
  assert clock.window_frames(2).tolist() == [0] * 14 + [1, 2]
  assert clock.window_frames(20).tolist() == list(range(5, 21))
  assert clock.window_frames(12, first=10).tolist() == [10] * 14 + [11, 12]
  assert clock.window_frames([[20], [30]]).shape == (2, 1, 16)


def test_examples_outside_the_sound_are_silence():
  log_mel = np.arange(100 * 64, dtype=np.float32).reshape(100, 64)
  before, inside, across, past = clock.cut_examples(log_mel, [-70, 5, 90, 500])
  silence = np.float32(np.log(0.01))
  assert (before == silence).all()
  np.testing.assert_array_equal(inside, log_mel[5:69])
  np.testing.assert_array_equal(across[:10], log_mel[90:])
  assert (across[10:] == silence).all()
  assert (past == silence).all()
  assert (clock.cut_examples(np.zeros((0, 64)), [0]) == silence).all()


@pytest.mark.parametrize('rate, length', [(24, 127), (25, 124), (30, 114)])
def test_length_of_the_sound_of_a_window(rate, length):
  times = np.arange(2000) / rate
  windows = clock.window_frames(np.arange(2000))
  for alignment in ('exact', 'causal'):
    all_starts = clock.example_starts(times, alignment=alignment)[windows]
    assert max(map(clock.chunk_length, all_starts)) == length


def test_chunk_gives_the_same_examples_on_the_device():
  log_mel = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
  # The last window is at 5 frames per second.
  windows = [starts(np.arange(k, k + 16) / 25) for k in (-20, 30, 60)]
  windows = np.array([*windows, starts(np.arange(16) / 5)])
  chunks, offsets = zip(
    *[clock.log_mel_chunk(log_mel, window) for window in windows],
    strict=True,
  )
  cut = jax.jit(jax.vmap(clock.examples_of_chunk))
  got = cut(np.stack(chunks), np.stack(offsets))
  expected = [clock.cut_examples(log_mel, window) for window in windows]
  np.testing.assert_array_equal(got, expected)


def test_window_longer_than_a_chunk_hears_the_newest_part():
  log_mel = np.random.default_rng(0).normal(size=(999, 64)).astype(np.float32)
  # Fifteen frames at 25 per second, then one 9 s after the first.
  window = starts([*np.arange(15) / 25, 9.0])
  chunk, offsets = clock.log_mel_chunk(log_mel, window)
  # By hand: the last example is frames 900 to 963, the chunk 580 to 963.
  assert chunk.shape == (384, 64)
  np.testing.assert_array_equal(chunk, log_mel[580:964])
  assert offsets.tolist() == [0] * 15 + [320]
