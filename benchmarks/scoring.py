"""Times the saliency scores on one core, against pysaliency, and their memory.

  python -m benchmarks.scoring --json=rows.json

256x320 float32 maps, 60 fixations, negatives from ten of 60 other frames.
Implementations alternate in one process on the same arrays; the fastest round
counts. Compares with the methods of pysaliency without its cache (version 0.2
needs `setuptools<81`), and, for the 100 splits of the shuffled AUC, which it
lacks, with plain NumPy that follows the published code step by step. Ends with
the scores of benchmarks/challenge_scores.py.
"""

import argparse
import resource
import time
from collections.abc import Callable

import cv2
import numpy as np
import pysaliency
import threadpoolctl

from benchmarks.challenge_scores import challenge_rows
from benchmarks.report import Row, report
from dave_jax.scoring import auc, metrics

# pysaliency 0.2 calls it by the name that NumPy 2.4 removed.
np.trapz = np.trapezoid
_SIZE = (256, 320)
_FIXATIONS = 60
_SPLITS = 100


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=16)
  parser.add_argument('--rounds', type=int, default=7)
  parser.add_argument('--memory_frames', type=int, default=50_000)
  parser.add_argument('--json')
  args = parser.parse_args()
  with threadpoolctl.threadpool_limits(1):
    arrays = _frames(args.batch, np.random.default_rng(0))
    rows = _times(arrays, args.rounds) + challenge_rows(args.rounds)
    rows.append(_memory(arrays, args.memory_frames))
  report(rows, args.json)


def _frames(n, rng):
  """Draws smooth maps, fixations, densities and other frames' fixations."""

  def smooth():
    noise = rng.random((n, *_SIZE), np.float32) ** 8
    return np.stack([cv2.GaussianBlur(frame, None, 12) for frame in noise])

  def counts(fixations):
    maps = np.zeros((n, *_SIZE), np.uint8)
    for frame in maps:
      frame.flat[rng.choice(frame.size, fixations, replace=False)] = 1
    return maps

  return smooth(), counts(_FIXATIONS), smooth(), counts(10 * _FIXATIONS)


def _ours(saliency, fixation_maps, density, others) -> dict[str, Callable]:
  rng = np.random.default_rng(0)
  negatives = [np.flatnonzero(counts) for counts in others]

  def each(score, *arrays, **settings):
    return lambda: [
      score(*frames, **settings) for frames in zip(*arrays, strict=True)
    ]

  truth = saliency, fixation_maps
  return {
    'NSS': each(metrics.nss, *truth),
    'CC': each(metrics.cc, saliency, density),
    'SIM': each(metrics.sim, saliency, density),
    'KLD': each(metrics.kld, saliency, density),
    'AUC-Judd': each(auc.auc_judd, *truth, jitter=None),
    'AUC-Judd, jitter': each(auc.auc_judd, *truth, jitter=rng),
    'sAUC, 100 splits': each(
      auc.shuffled_auc, *truth, negatives, splits=_SPLITS, rng=rng
    ),
    'sAUC, every threshold': each(
      auc.shuffled_auc, *truth, negatives, protocol='pysaliency'
    ),
  }


def _theirs(saliency, fixation_maps, density, others) -> dict[str, Callable]:
  rng = np.random.default_rng(0)
  frame, y, x = np.nonzero(fixation_maps)
  other = [np.nonzero(counts) for counts in others]
  shuffled = {
    'sAUC, 100 splits': lambda: [
      _plain_shuffled_auc(predicted, counts, pool, rng)
      for predicted, counts, pool in zip(
        saliency.astype(np.float64), fixation_maps, other, strict=True
      )
    ]
  }

  class Model(pysaliency.SaliencyMapModel):
    def __init__(self, maps):
      super().__init__(caching=False)
      self.maps = maps

    def _saliency_map(self, stimulus):
      return self.maps[stimulus[0, 0, 0]].astype(np.float64)

  stimuli = pysaliency.Stimuli(
    [np.full((*_SIZE, 3), k, np.uint8) for k in range(len(saliency))]
  )
  looks = pysaliency.Fixations.create_without_history(x, y, frame)
  columns, rows = (
    np.concatenate([pool[axis] for pool in other]) for axis in (1, 0)
  )
  frames = np.repeat(range(len(other)), [len(pool[0]) for pool in other])
  others = pysaliency.Fixations.create_without_history(columns, rows, frames)
  model, truth = Model(saliency), Model(density)
  return shuffled | {
    'NSS': lambda: model.NSSs(stimuli, looks),
    'CC': lambda: model.CCs(stimuli, truth),
    'SIM': lambda: model.SIMs(stimuli, truth),
    'KLD': lambda: [
      pysaliency.metrics.MIT_KLDiv(p.astype(np.float64), g.astype(np.float64))
      for p, g in zip(saliency, density, strict=True)
    ],
    'AUC-Judd': lambda: model.AUC_Judd(stimuli, looks, jitter=False),
    'AUC-Judd, jitter': lambda: model.AUC_Judd(stimuli, looks),
    'sAUC, every threshold': lambda: model.AUCs(
      stimuli, looks, nonfixations=others
    ),
  }


def _plain_shuffled_auc(saliency, counts, other, rng):
  scaled = (saliency - saliency.min()) / np.ptp(saliency)
  positives, pool = scaled[counts > 0], scaled[other]
  areas = []
  for _ in range(_SPLITS):
    drawn = rng.permutation(pool)[: len(positives)]
    highest = max(positives.max(), drawn.max())
    thresholds = np.arange(0, highest + 1e-9, 0.1)[::-1]
    hits = [(positives >= threshold).mean() for threshold in thresholds]
    false_alarms = [(drawn >= threshold).mean() for threshold in thresholds]
    areas.append(np.trapezoid([0, *hits, 1], [0, *false_alarms, 1]))
  return np.mean(areas)


def _times(arrays, rounds):
  ours, theirs = _ours(*arrays), _theirs(*arrays)
  rows, milliseconds, total = [], {}, {}
  for name in ours:
    seconds = {'ours': [], 'theirs': []}
    for _ in range(rounds):
      for contestant, score in (('ours', ours[name]), ('theirs', theirs[name])):
        start = time.perf_counter()
        score()
        seconds[contestant].append(time.perf_counter() - start)
    n = len(arrays[0])
    milliseconds[name], total[name] = (
      1e3 * min(seconds[contestant]) / n for contestant in ('ours', 'theirs')
    )
    rows.append(
      Row(
        name,
        milliseconds[name],
        'ms a frame',
        'plain NumPy' if 'splits' in name else 'pysaliency',
        total[name] / milliseconds[name],
      )
    )
  five = 'NSS', 'CC', 'SIM', 'AUC-Judd, jitter', 'sAUC, 100 splits'
  mine = sum(milliseconds[name] for name in five)
  other = sum(total[name] for name in five)
  rows.append(
    Row(
      'NSS, CC, SIM, AUC-Judd and sAUC together',
      1e3 / mine,
      'frames/s',
      'pysaliency and plain NumPy',
      other / mine,
    )
  )
  return rows


def _memory(arrays, frames):
  """Measures the growth of peak memory after the first frames."""
  batch = len(arrays[0])
  five = 'NSS', 'CC', 'SIM', 'AUC-Judd', 'sAUC, 100 splits'

  def score(count):
    for _ in range(0, count, batch):
      scores = _ours(*(array.copy() for array in arrays))
      for name in five:
        scores[name]()

  score(500)
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  score(frames)
  after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return Row(
    f'growth of peak memory, {frames} frames', (after - before) / 1024, 'MiB'
  )


if __name__ == '__main__':
  main()
