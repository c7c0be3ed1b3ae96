"""Times the scores of challenges and benchmarks against their own definitions.

  python -m benchmarks.challenge_scores --json=rows.json

Full HD maps as the challenges read them (float64, averaged colours), 75
fixations, one core. The rules of NTIRE 2026 and AIM 2024 are written out here
in plain NumPy, array by array, as the organisers' Python computes them; the AUC
of the Tuebingen benchmark by ranking all pixels; EMD by OpenCV. Implementations
alternate in one process on the same arrays, and must agree; the fastest round
counts. `benchmarks.scoring` includes these rows.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import scipy.stats
import threadpoolctl

from benchmarks.report import Row, report
from dave_jax.scoring import auc, emd, msu

_SIZE = (1080, 1920)
_FIXATIONS = 75
_EPSILON = 1e-7


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--json')
  args = parser.parse_args()
  with threadpoolctl.threadpool_limits(1):
    rows = challenge_rows(args.rounds)
  report(rows, args.json)


def challenge_rows(rounds: int) -> list[Row]:
  """Returns a row for each score, and one for the four of the challenges."""
  cv2.setNumThreads(1)
  rows, seconds = [], {}
  for name, against, ours, theirs in _contestants(np.random.default_rng(0)):
    np.testing.assert_allclose(ours(), theirs(), rtol=1e-3, err_msg=name)
    pairs = _alternate(ours, theirs, rounds)
    seconds[name] = [min(times) for times in zip(*pairs, strict=True)]
    rows.append(_row(name, against, *seconds[name]))
  four = [seconds[name] for name in seconds if name.startswith('msu')]
  mine, other = (sum(part) for part in zip(*four, strict=True))
  rows.append(_row('msu, four scores', "the challenges' rules", mine, other))
  return rows


def _row(name, against, mine, other):
  return Row(name, 1e3 * mine, 'ms a frame', against, other / mine)


def _alternate(ours, theirs, rounds):
  for _ in range(rounds):
    pair = []
    for score in (ours, theirs):
      start = time.perf_counter()
      score()
      pair.append(time.perf_counter() - start)
    yield pair


def _contestants(rng) -> list[tuple[str, str, Callable, Callable]]:
  """Returns (score, against what, ours, theirs)."""

  def smooth():
    noise = cv2.resize(rng.random((27, 48)) ** 4, _SIZE[::-1])
    return (noise - noise.min()) / np.ptp(noise)

  saliency, density = smooth(), smooth()
  fixations = np.stack([rng.integers(0, n, _FIXATIONS) for n in _SIZE], axis=1)
  fixation_map = np.zeros(_SIZE, np.int32)
  np.add.at(fixation_map, tuple(fixations.T), 1)
  truth = saliency, fixations
  # OpenCV stops short of the optimum for larger maps.
  smaller = [cv2.resize(frame, (320, 256)) for frame in (saliency, density)]
  rules = "the challenges' rules"
  return [
    ('msu NSS', rules, lambda: msu.nss(*truth), lambda: _nss(*truth)),
    (
      'msu CC',
      rules,
      lambda: msu.cc(saliency, density),
      lambda: _cc(saliency, density),
    ),
    (
      'msu SIM',
      rules,
      lambda: msu.sim(saliency, density),
      lambda: _sim(saliency, density),
    ),
    (
      'msu AUC-Judd',
      rules,
      lambda: msu.auc_judd(*truth),
      lambda: _auc_judd(*truth),
    ),
    (
      'AUC (Tuebingen)',
      'ranks of all pixels',
      lambda: auc.auc(saliency, fixation_map),
      lambda: _auc_of_ranks(*truth),
    ),
    (
      'EMD, 320 x 256',
      'cv2.EMD',
      lambda: emd.emd(*smaller),
      lambda: _emd(*smaller),
    ),
  ]


def _z_scores(frame):
  return (frame - np.mean(frame)) / (np.std(frame) + _EPSILON)


def _nss(saliency, fixations):
  return np.mean(_z_scores(saliency)[fixations[:, 0], fixations[:, 1]])


def _cc(saliency, density):
  a, b = _z_scores(saliency), _z_scores(density)
  return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + _EPSILON)


def _sim(saliency, density):
  a = saliency / (np.sum(saliency) + _EPSILON)
  b = density / (np.sum(density) + _EPSILON)
  return np.sum(np.minimum(a, b))


def _auc_judd(saliency, fixations):
  """One threshold at each fixation, all pixels compared with each."""
  n = len(fixations)
  thresholds = np.sort(saliency[fixations[:, 0], fixations[:, 1]])[::-1]
  above = np.sum(saliency >= thresholds[:, None, None], axis=(1, 2))
  rank = np.arange(1, n + 1)
  columns = np.unique(fixations, axis=1).shape[-1]
  hits, false_alarms = np.zeros((2, n + 2))
  hits[-1] = false_alarms[-1] = 1
  hits[1:-1] = rank / n
  false_alarms[1:-1] = (above - rank) / (saliency.size - columns)
  return np.trapezoid(hits, false_alarms)


def _auc_of_ranks(saliency, fixations):
  """The Mann-Whitney statistic of the fixations against all pixels."""
  positives = saliency[tuple(fixations.T)]
  both = np.concatenate([positives, saliency.ravel()])
  ranks = scipy.stats.rankdata(both)[: len(positives)]
  n = len(positives)
  return (ranks.sum() - n * (n + 1) / 2) / (n * saliency.size)


def _emd(saliency, density):
  """OpenCV's transport between the same small maps, as signatures."""
  h, w = (-(-side // 32) for side in saliency.shape)
  signatures = []
  for frame in (saliency, density):
    small = emd.shrunk(frame, (h, w))
    places = np.stack(np.indices((h, w)), axis=-1).reshape(-1, 2)
    weights = small[:, None] / small.sum()
    signatures.append(np.hstack([weights, places]).astype(np.float32))
  return cv2.EMD(*signatures, cv2.DIST_L2)[0]


if __name__ == '__main__':
  main()
