"""Baselines: centre, mean eye position, chance, and how people predict people.

`constant_maps` and `chance_maps` return `evaluator.Maps`.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from dave_jax.evaluation.evaluator import Maps, score_maps
from dave_jax.evaluation.ground_truth import GroundTruth
from dave_jax.evaluation.run_folder import VideoScores
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import nanmean


def centre_gaussian(size: tuple[int, int], sigma: float) -> np.ndarray:
  """Returns a Gaussian around the centre, float32 [h, w] that sums to 1.

  Args:
    size: Height and width.
    sigma: Standard deviation, as a share of the height and of the width.
  """

  def bell(n):
    offset = (np.arange(n) + 0.5) / n - 0.5
    return np.exp(-0.5 * (offset / sigma) ** 2)

  density = np.outer(bell(size[0]), bell(size[1]))
  return (density / density.sum()).astype(np.float32)


def mean_eye_position(truth: GroundTruth, size: tuple[int, int]) -> np.ndarray:
  """Returns the mean eye position (MEP) of a split, float32 that sums to 1.

  The mean of the density maps, each summing to 1 and stretched to one size,
  over the frames of each video and then over videos.

  Args:
    truth: The split.
    size: Height and width of the map.
  """
  total, videos = np.zeros(size), 0
  for number in range(len(truth.clips)):
    rows = truth.rows(number).tolist()
    if rows:
      total += sum(
        truth.density(row, size).astype(np.float64) for row in rows
      ) / len(rows)
      videos += 1
  return (total / videos).astype(np.float32)


def constant_maps(saliency: np.ndarray) -> Maps:
  """Predicts the same map [h, w] for every frame."""
  return lambda jobs: itertools.repeat(
    saliency, sum(len(frames) for _, frames in jobs)
  )


def chance_maps(truth: GroundTruth, seed: int) -> Maps:
  """Predicts independent uniform noise [h, w] for every frame.

  A constant map would have neither NSS nor CC nor SIM.
  """

  def maps(jobs):
    for clip, frames in jobs:
      number = truth.clips.index(clip)
      size = truth.size or (clip.height, clip.width)
      for frame in frames.tolist():
        yield np.random.default_rng((seed, number, frame)).random(
          size, np.float32
        )

  return maps


def split_viewers(
  viewers: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Splits two or more viewers [v] into halves at random.

  Which half of an odd number has one viewer more is random too.
  """
  shuffled = rng.permutation(viewers)
  half = (len(viewers) + int(rng.integers(2))) // 2
  half = min(half, len(viewers) - 1)
  return np.sort(shuffled[:half]), np.sort(shuffled[half:])


class HumanInfinite:
  """Scores the viewers of each clip against each other; a `ScoreVideos`.

  The viewers are split into random halves. The density of one half is scored
  as the map that predicts the fixations of the other, and vice versa. The
  scores of a frame are means over both directions and all repeats. A frame in
  which the predicting half has no fixations has no map in that direction.
  """

  def __init__(self, scorer: FrameScorer, *, repeats: int, seed: int):
    """Checks that all clips have viewers to split.

    Args:
      scorer: The scorer of all viewers.
      repeats: Number of random splits, 2 or more.
      seed: Seed of the splits.

    Raises:
      ValueError: There are fewer than two repeats, or a clip has fewer than two
        viewers that are told apart.
    """
    if repeats < 2:
      raise ValueError(f'expected 2 or more repeats, got {repeats}')
    for clip in scorer.truth.clips:
      if clip.fixations and clip.viewers < 2:
        raise ValueError(
          f'clip {clip.name}: expected gaze of 2 or more viewers that are told '
          f'apart, got {clip.viewers}; use a data set built from raw gaze'
        )
    self._scorer = scorer
    self._repeats = repeats
    self._seed = seed

  def __call__(
    self, numbers: Sequence[int], progress: tqdm
  ) -> Iterator[VideoScores]:
    """Yields the scores of clips."""
    for number in numbers:
      yield self._score(number, progress)

  def _score(self, number, progress):
    truth = self._scorer.truth
    viewers = truth.viewers_of(number)
    values, repeats, first = [], [], None
    for repeat in range(self._repeats):
      rng = np.random.default_rng((self._seed, repeat, number))
      halves = split_viewers(viewers, rng) if len(viewers) else (viewers,) * 2
      halves = [
        dataclasses.replace(truth, viewers={number: half}) for half in halves
      ]
      directions = []
      for predicting, looking in (halves, halves[::-1]):
        scorer = dataclasses.replace(self._scorer, truth=looking)
        score = score_maps(_densities(predicting, number), scorer)
        (video,) = score([number], tqdm(disable=True))
        first = first or video
        directions.append(video.values)
      values += directions
      repeats.append(nanmean(nanmean(directions)))
    progress.update(len(first.frames))
    values = nanmean(values)
    # Frames without a map in any direction and repeat.
    missing = first.frames[np.isnan(values).all(axis=1)]
    return dataclasses.replace(
      first,
      values=values,
      missing=tuple(missing.tolist()),
      repeats=np.array(repeats),
    )


def _densities(truth, number) -> Maps:
  def maps(jobs):
    del jobs
    for row in truth.rows(number).tolist():
      yield truth.density(row) if len(truth.gaze(row).xy) else None

  return maps
