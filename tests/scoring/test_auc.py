import numpy as np
import pytest

from tests.scoring.batches import auc


def test_auc_judd_agrees_with_the_benchmark(golden):
  scores = auc.auc_judd(golden['saliency'], golden['fixation_map'], jitter=None)
  np.testing.assert_allclose(
    scores, golden['auc_judd_no_jitter'], rtol=0, atol=1e-9
  )


def test_jittered_auc_judd_agrees_with_the_benchmark(golden):
  saliency, fixation_maps = golden['saliency'], golden['fixation_map']
  scores = np.array(
    [
      auc.auc_judd(saliency, fixation_maps, seed=seed, frame_numbers=range(16))
      for seed in range(20)
    ]
  )
  expected = golden['auc_judd_jitter']
  np.testing.assert_array_equal(np.isnan(scores[0]), np.isnan(expected))
  # The golden is one call, of noise that is not ours.
  spread = 3 * scores.std(axis=0) + 1e-4
  error = np.abs(scores.mean(axis=0) - expected)
  assert (error <= spread)[~np.isnan(expected)].all()


@pytest.mark.parametrize('name', ['sauc', 'auc_borji'])
def test_random_scores_agree_with_the_benchmark(golden, name):
  saliency, fixation_maps = golden['saliency'], golden['fixation_map']
  random = {'splits': 100, 'seed': 0, 'frame_numbers': range(16)}
  if name == 'sauc':
    others = golden['other_map']
    scores = auc.shuffled_auc(saliency, fixation_maps, others, **random)
  else:
    scores = auc.auc_borji(saliency, fixation_maps, **random)
  mean, std = golden[f'{name}_mean'], golden[f'{name}_std']
  np.testing.assert_array_equal(np.isnan(scores), np.isnan(mean))
  defined = ~np.isnan(mean)
  assert (np.abs(scores - mean) <= 3 * std)[defined].all()


def test_all_negatives_at_once_are_the_mean_of_random_choices(golden):
  scores = auc.shuffled_auc(
    golden['saliency'],
    golden['fixation_map'],
    golden['other_map'],
    splits=None,
  )
  mean, std = golden['sauc_mean'], golden['sauc_std']
  # The golden's mean of 20 calls has a standard error of std / sqrt(20).
  error = np.abs(scores - mean) / (std / np.sqrt(20))
  assert np.nanmax(error) < 3


_SALIENCY = np.array([[[4.0, 3, 3], [2, 1, 0]]])
_FIXATIONS = np.array([[[1, 0, 2], [0, 0, 0]]])


def test_auc_judd_by_hand():
  # Thresholds 4 and 3: hits 1/2, 1; false alarms 0 and (3 - 2) / 4.
  score = auc.auc_judd(_SALIENCY, _FIXATIONS, jitter=None)
  np.testing.assert_allclose(score, [0.25 * 0.75 + 0.75])
  # The second pixel is fixated twice: hits 1/3, 1.
  score = auc.auc_judd(
    _SALIENCY, _FIXATIONS, jitter=None, protocol='pysaliency'
  )
  np.testing.assert_allclose(score, [0.25 * (1 / 3 + 1) / 2 + 0.75])


def test_shuffled_auc_by_hand():
  # Scaled: fixated 1 and 0.75; negatives 0.75, 0.5, 0 and (0.75 twice). At
  # thresholds 0.8 and above hits 1/2, false alarms 0; from 0.7 on hits 1 and
  # false alarms 1/3, then 2/3 from 0.5 on.
  negatives = [np.array([1, 1, 3, 5])]
  score = auc.shuffled_auc(_SALIENCY, _FIXATIONS, negatives, splits=None)
  np.testing.assert_allclose(score, [(1 / 3) * 0.75 + 2 / 3])
  # Pairs in order: 4 beats all four; 3, twice, ties with two and beats two.
  score = auc.shuffled_auc(
    _SALIENCY, _FIXATIONS, negatives, protocol='pysaliency'
  )
  np.testing.assert_allclose(score, [(1 + 2 * 0.75) / 3])


def test_auc_against_all_pixels_by_hand():
  # 4 beats 5 of 6 pixels and ties with itself: 5.5 / 6; 3, fixated twice, beats
  # 3 and ties with 2: 4 / 6.
  score = auc.auc(_SALIENCY, _FIXATIONS)
  np.testing.assert_allclose(score, [(5.5 + 4 + 4) / 18])


def test_few_negatives_are_all_taken_without_chance():
  negatives = [np.array([3, 5])]
  scores = {
    auc.shuffled_auc(
      _SALIENCY, _FIXATIONS, negatives, seed=seed, frame_numbers=[0]
    ).item()
    for seed in range(5)
  }
  assert scores == {1.0}


def test_auc_borji_of_an_even_ramp_against_random_pixels():
  # Values 0, 1/999 .. 1; the upper half is fixated. With thresholds by
  # tenths hits are 0.2, 0.4 .. 1 (at 0.9 .. 0.5), false alarms 0.1 .. 0.5.
  saliency = np.arange(1000.0).reshape(1, 20, 50)
  fixation_maps = (saliency >= 500).astype(int)
  score = auc.auc_borji(
    saliency, fixation_maps, splits=400, seed=0, frame_numbers=[0]
  )
  # Triangle up to (0.5, 1), then 0.5; 200,000 draws: an error under 0.002.
  np.testing.assert_allclose(score, [0.75], atol=0.003)


def test_a_rising_function_of_the_saliency_keeps_auc_judd(maps):
  changed = np.exp(maps.saliency.astype(np.float64) / 5) - 7
  for protocol in ('videosal', 'pysaliency'):
    np.testing.assert_array_equal(
      auc.auc_judd(changed, maps.fixation_maps, jitter=None, protocol=protocol),
      auc.auc_judd(
        maps.saliency, maps.fixation_maps, jitter=None, protocol=protocol
      ),
    )


def test_an_inverted_map_mirrors_the_exact_shuffled_auc(maps):
  arrays = maps.fixation_maps, maps.others
  same = {'protocol': 'pysaliency'}
  forth = auc.shuffled_auc(maps.saliency, *arrays, **same)
  back = auc.shuffled_auc(-maps.saliency, *arrays, **same)
  np.testing.assert_allclose(forth + back, 1)
  assert np.abs(forth - 0.5).max() > 0.05


def test_jitter_does_not_hurt_maps_that_sum_to_one(maps):
  # 1e-7 is no small noise in a map of 82,000 pixels that sums to 1.
  arrays = maps.fixation_maps
  density = maps.saliency.astype(np.float64) * 1e-9
  random = {'seed': 0, 'frame_numbers': maps.numbers}
  np.testing.assert_allclose(
    auc.auc_judd(density, arrays, **random),
    auc.auc_judd(maps.saliency, arrays, jitter=None),
    atol=1e-3,
  )


def test_jitter_is_noise_on_every_pixel_of_the_scaled_map(maps):
  # Half of the pixels tie, as do some fixated ones; 0.5e-7 and 1.5e-7 above
  # others are ties that noise breaks now and then, and never.
  saliency = np.round(maps.saliency.astype(np.float64) / 4)
  saliency[:, :, 1] = saliency[:, :, 0] + 0.5e-7 * np.ptp(saliency[0])
  saliency[:, :, 3] = saliency[:, :, 2] + 1.5e-7 * np.ptp(saliency[0])
  low = saliency.min(axis=(1, 2), keepdims=True)
  scaled = (saliency - low) / (saliency - low).max(axis=(1, 2), keepdims=True)
  rng = np.random.default_rng(0)
  plain, ours = [], []
  for seed in range(400):
    noisy = scaled + rng.random(scaled.shape) / 1e7
    plain.append(auc.auc_judd(noisy, maps.fixation_maps, jitter=None))
    ours.append(
      auc.auc_judd(
        saliency,
        maps.fixation_maps,
        seed=seed,
        frame_numbers=maps.numbers,
      )
    )
  deviation = np.std(plain, axis=0)
  assert (deviation > 1e-3).all()
  difference = np.mean(ours, axis=0) - np.mean(plain, axis=0)
  # The standard error of the difference of two means of 400.
  assert (np.abs(difference) < 4 * deviation * np.sqrt(2 / 400)).all()
  np.testing.assert_allclose(np.std(ours, axis=0), deviation, rtol=0.2)


def test_seed_and_frame_number_decide_what_is_drawn(maps):
  def score(seed, numbers):
    return auc.shuffled_auc(
      maps.saliency,
      maps.fixation_maps,
      maps.others,
      splits=3,
      seed=seed,
      frame_numbers=numbers,
    )

  once = score(1, maps.numbers)
  np.testing.assert_array_equal(once, score(1, maps.numbers))
  assert (once != score(2, maps.numbers)).any()
  assert (once != score(1, maps.numbers + 6)).any()


def test_edge_cases(maps):
  saliency, fixation_maps = maps.saliency, maps.fixation_maps
  constant = np.full_like(saliency, 0.1)
  random = {'seed': 0, 'frame_numbers': maps.numbers}
  same = {'protocol': 'pysaliency'}
  assert np.isnan(auc.auc_judd(constant, fixation_maps, jitter=None)).all()
  half = auc.auc_judd(constant, fixation_maps, jitter=None, **same)
  np.testing.assert_allclose(half, 0.5)
  borji = auc.auc_borji(constant, fixation_maps, splits=9, **random)
  assert np.isnan(borji).all()
  exact = auc.shuffled_auc(constant, fixation_maps, maps.others, **same)
  np.testing.assert_array_equal(exact, 0.5)
  everywhere = np.ones_like(fixation_maps)
  assert np.isnan(auc.auc_judd(saliency, everywhere, jitter=None)).all()
  none = [np.empty(0, np.int64)] * 6
  for protocol in ('videosal', 'pysaliency'):
    scores = auc.shuffled_auc(
      saliency, fixation_maps, none, **random, protocol=protocol
    )
    assert np.isnan(scores).all()


def test_wrong_arguments_are_refused(maps):
  arrays = maps.saliency, maps.fixation_maps
  random = {'seed': 0, 'frame_numbers': maps.numbers}
  for score, others in ((auc.shuffled_auc, [maps.others]), (auc.auc_borji, [])):
    with pytest.raises(ValueError, match='got 0 and'):
      score(*arrays, *others, splits=0, **random)
    with pytest.raises(ValueError, match='got 9 and None'):
      score(*arrays, *others, splits=9, rng=None)
  for wrong in (
    np.array([600]),
    np.array([-1]),
    np.array([0.5]),
    np.zeros((3, 3), int),
  ):
    with pytest.raises(ValueError, match='negatives: expected'):
      auc.shuffled_auc(*arrays, [wrong] * 6, splits=None)
  with pytest.raises(TypeError, match=r'negatives: expected .* got list'):
    auc.shuffled_auc(*arrays, [[1, 2]] * 6, splits=None)
