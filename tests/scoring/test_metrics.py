import cv2
import numpy as np
import pytest

from dave_jax.datasets.density import gaussian_density
from tests.scoring.batches import auc, metrics


@pytest.mark.parametrize('name', ['nss', 'cc', 'sim', 'kld'])
def test_scores_agree_with_the_benchmark(golden, name):
  truth = golden['fixation_map' if name == 'nss' else 'density']
  scores = getattr(metrics, name)(golden['saliency'], truth)
  np.testing.assert_allclose(scores, golden[name], rtol=0, atol=1e-9)


# One frame of 2x2 for sums by hand.
_SALIENCY = np.array([[[1.0, 2], [3, 6]]])
_FIXATIONS = np.array([[[0, 1], [0, 3]]])
_DENSITY = np.array([[[0.0, 1], [1, 2]]])


def test_nss_by_hand():
  # Mean 3, squares of deviations 4 + 1 + 0 + 9 = 14; fixated are -1 and 3.
  score = metrics.nss(_SALIENCY, _FIXATIONS)
  np.testing.assert_allclose(score, [1 / np.sqrt(14 / 3)])
  # Four fixations: -1, 3, 3, 3.
  score = metrics.nss(_SALIENCY, _FIXATIONS, protocol='pysaliency')
  np.testing.assert_allclose(score, [2 / np.sqrt(14 / 4)])


def test_cc_by_hand():
  # Deviations (-2, -1, 0, 3) and (-1, 0, 0, 1): 5 / sqrt(14 * 2).
  np.testing.assert_allclose(metrics.cc(_SALIENCY, _DENSITY), [5 / np.sqrt(28)])


def test_sim_by_hand():
  # (0, 1, 2, 5) / 8 and (0, 1, 1, 2) / 4.
  np.testing.assert_allclose(
    metrics.sim(_SALIENCY, _DENSITY), [1 / 8 + 2 / 8 + 4 / 8]
  )
  # (1, 2, 3, 6) / 12 and (0, 1, 1, 2) / 4.
  np.testing.assert_allclose(
    metrics.sim(_SALIENCY, _DENSITY, protocol='pysaliency'),
    [0 + 2 / 12 + 3 / 12 + 6 / 12],
  )


@pytest.mark.parametrize('protocol', ['videosal', 'pysaliency'])
def test_kld_by_hand(protocol):
  # g / p = (0, 1.5, 1, 1).
  np.testing.assert_allclose(
    metrics.kld(_SALIENCY, _DENSITY, protocol=protocol), [np.log(1.5) / 4]
  )


def test_information_gain_by_hand():
  baseline = np.array([[0.0, 1, 2, 1]]).reshape(1, 2, 2)
  # Scaled: p = (0, 1, 2, 5) / 8, q = (0, 1, 2, 1) / 4; fixated are 1 and 3.
  np.testing.assert_allclose(
    metrics.information_gain(_SALIENCY, _FIXATIONS, baseline),
    [(np.log2(1 / 2) + np.log2(5 / 2)) / 2],
  )
  # p = (1, 2, 3, 6) / 12; the last is fixated three times.
  np.testing.assert_allclose(
    metrics.information_gain(
      _SALIENCY, _FIXATIONS, baseline, protocol='pysaliency'
    ),
    [(np.log2(2 / 3) + 3 * np.log2(2)) / 4],
  )


def _every_score(saliency, fixation_maps, density, others, numbers):
  random = {'seed': 3, 'frame_numbers': numbers}
  splits = {'splits': 100}
  truth = saliency, fixation_maps
  return {
    'nss': metrics.nss(*truth),
    'auc_judd': auc.auc_judd(*truth, **random),
    'shuffled_auc': auc.shuffled_auc(*truth, others, **random),
    'auc_borji': auc.auc_borji(*truth, **splits, **random),
    'cc': metrics.cc(saliency, density),
    'sim': metrics.sim(saliency, density),
    'kld': metrics.kld(saliency, density),
    'information_gain': metrics.information_gain(*truth, density),
  }


def test_frames_without_pixels_fixated_are_nan_and_leave_others_alone(maps):
  arrays = maps.density, maps.others, maps.numbers
  before = _every_score(maps.saliency, maps.fixation_maps, *arrays)
  maps.fixation_maps[2] = 0
  after = _every_score(maps.saliency, maps.fixation_maps, *arrays)
  for name in set(before) - {'cc', 'sim', 'kld'}:
    before[name][2] = np.nan
  for name, scores in before.items():
    np.testing.assert_array_equal(after[name], scores, name)


def test_affine_maps_keep_nss_and_cc(maps):
  changed = 3.0 * maps.saliency.astype(np.float64) - 40
  for score, truth in (
    (metrics.nss, maps.fixation_maps),
    (metrics.cc, maps.density),
  ):
    np.testing.assert_allclose(
      score(changed, truth), score(maps.saliency, truth), rtol=1e-9
    )


def test_border_changes_neither_sim_nor_kld_where_it_holds_nothing(maps):
  margin = ((0, 0), (3, 4), (5, 0))
  maps.density -= maps.density.min(axis=(1, 2), keepdims=True)
  maps.saliency -= maps.saliency.min(axis=(1, 2), keepdims=True)
  for score in (metrics.sim, metrics.kld):
    np.testing.assert_allclose(
      score(np.pad(maps.saliency, margin), np.pad(maps.density, margin)),
      score(maps.saliency, maps.density),
      rtol=1e-9,
    )


def test_symmetry_and_perfect_maps(maps):
  a, b = maps.saliency, maps.density
  np.testing.assert_allclose(metrics.cc(a, b), metrics.cc(b, a))
  np.testing.assert_allclose(metrics.sim(a, b), metrics.sim(b, a))
  assert metrics.cc(a, a) == pytest.approx(1)
  assert metrics.cc(a, -a) == pytest.approx(-1)
  for protocol in ('videosal', 'pysaliency'):
    same = {'protocol': protocol}
    assert metrics.sim(b, b, **same) == pytest.approx(1)
    assert metrics.kld(b, b, **same) == pytest.approx(0, abs=1e-12)
    assert (metrics.kld(a, b, **same) > 0.01).all()
    gain = metrics.information_gain(b, maps.fixation_maps, b, **same)
    np.testing.assert_array_equal(gain, 0)


def test_constant_and_zero_maps(maps):
  # 0.1 in float32: the standard deviation of its mean rounds to above 0.
  constant = np.full_like(maps.saliency, 0.1)
  zero = np.zeros_like(maps.saliency)
  for flat in (constant, zero):
    assert np.isnan(metrics.nss(flat, maps.fixation_maps)).all()
    assert np.isnan(metrics.cc(flat, maps.density)).all()
    assert np.isnan(metrics.cc(maps.saliency, flat)).all()
    assert np.isnan(
      metrics.information_gain(flat, maps.fixation_maps, maps.density)
    ).all()
  assert np.isnan(metrics.sim(constant, maps.density)).all()
  assert np.isnan(metrics.sim(constant, zero)).all()
  assert (metrics.sim(zero, maps.density) == 0).all()
  assert (metrics.sim(maps.saliency, zero) == 0).all()
  assert (metrics.kld(maps.saliency, zero) == 0).all()


def test_information_gain_of_an_impossible_fixation_is_minus_infinity():
  saliency = np.array([[[0.0, 1], [1, 2]]])
  fixation_maps = np.array([[[1, 0], [0, 1]]])
  score = metrics.information_gain(
    saliency, fixation_maps, np.ones((1, 2, 2)), protocol='pysaliency'
  )
  assert score == -np.inf


def test_whole_numbers_score_like_floats(maps):
  counts = np.round(maps.saliency * 10)
  scores = _every_score(
    counts, maps.fixation_maps, maps.density, maps.others, maps.numbers
  )
  for dtype in (np.uint8, np.int32, np.float16, np.float64):
    again = _every_score(
      counts.astype(dtype),
      maps.fixation_maps.astype(dtype),
      maps.density,
      maps.others.astype(bool),
      maps.numbers,
    )
    for name, expected in scores.items():
      np.testing.assert_array_equal(again[name], expected, name)


def test_wrong_arrays_are_refused(maps):
  saliency, fixation_maps = maps.saliency, maps.fixation_maps
  with pytest.raises(ValueError, match=r'\(20, 30\).*resize'):
    metrics.nss(saliency, fixation_maps[:, 1:])
  with pytest.raises(ValueError, match='baseline'):
    metrics.information_gain(saliency, fixation_maps, saliency[:, 1:])
  with pytest.raises(ValueError, match=r'expected a map \[h, w\]'):
    metrics.nss(saliency[:, 0], fixation_maps[:, 0])
  with pytest.raises(TypeError, match='list'):
    metrics.cc(saliency.tolist(), maps.density)
  with pytest.raises(TypeError, match='complex64'):
    metrics.cc(saliency.astype(np.complex64), maps.density)
  with pytest.raises(ValueError, match='density map'):
    metrics.nss(saliency, maps.density)
  with pytest.raises(ValueError, match='-1'):
    metrics.nss(saliency, -fixation_maps.astype(int))
  with pytest.raises(ValueError, match='protocol'):
    metrics.sim(saliency, maps.density, protocol='mit')
  with pytest.raises(ValueError, match='saliency: expected a map without'):
    metrics.kld(-saliency, maps.density)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_maps_that_are_not_finite_are_refused(maps, value):
  maps.saliency[3, 5, 5] = value
  with pytest.raises(ValueError, match=r'saliency: expected finite .* 1 of'):
    metrics.nss(maps.saliency, maps.fixation_maps)
  with pytest.raises(ValueError, match=r'density: expected finite .* 1 of'):
    metrics.cc(maps.density, maps.saliency)


@pytest.fixture(scope='module')
def halves(data):
  """40 photographs at 150x200: half of the viewers, and the other half."""
  table = np.load(data / 'osie' / 'fixations.npz')['table']
  h, w, images = 150, 200, 40
  density, other_density = np.zeros((2, images, h, w), np.float32)
  fixation_maps = np.zeros((images, h, w), np.uint8)
  for image in range(images):
    looks = table[table[:, 0] == image]
    viewers = np.unique(looks[:, 1])
    for half, target in ((0, density), (1, other_density)):
      xy = looks[np.isin(looks[:, 1], viewers[half::2])][:, 2:4]
      target[image] = gaussian_density(
        xy, sigma=24.0, height=600, width=800, size=(h, w)
      )
    x, y = (xy / 4).astype(int).clip(0, (w - 1, h - 1)).T
    np.add.at(fixation_maps[image], (y, x), 1)
  return density, other_density, fixation_maps


def test_half_of_the_viewers_beat_the_centre_on_every_score(halves):
  density, other_density, fixation_maps = halves
  n, h, w = density.shape
  centre = cv2.getGaussianKernel(h, h / 4) @ cv2.getGaussianKernel(w, w / 4).T
  centre = np.repeat(centre[None], n, axis=0)
  others = [
    np.maximum.reduce(np.roll(fixation_maps, -k, axis=0)[1:11])
    for k in range(n)
  ]
  human, baseline = (
    _every_score(maps, fixation_maps, other_density, others, np.arange(n))
    for maps in (density, centre)
  )
  assert len(human) == 8
  for name in set(human) - {'kld', 'information_gain'}:
    assert human[name].mean() > baseline[name].mean() + 0.1, name
  assert human['kld'].mean() < baseline['kld'].mean() - 0.3
  assert metrics.information_gain(density, fixation_maps, centre).mean() > 0.5
  # Chance is 0.5; the centre keeps little of its AUC once shuffled.
  assert baseline['auc_judd'].mean() > baseline['shuffled_auc'].mean() + 0.1
