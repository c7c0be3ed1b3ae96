"""How well people predict people: Human Infinite."""

import dataclasses

import numpy as np
from tqdm import tqdm

from dave_jax.evaluation.baselines import split_viewers
from dave_jax.evaluation.evaluator import score_video
from dave_jax.evaluation.ground_truth import GroundTruth
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import mean_of_known
from dave_jax.evaluation.video_scores import VideoScores


class HumanInfinite:
  """Scores the viewers of each clip against each other.

  They are split in two at random; the density of one half is the map that is
  scored against the fixations of the other, and the other way round. A frame's
  scores are means over both ways and all repeats. Frames in which the half that
  predicts did not look anywhere have no map in that turn.
  """

  def __init__(self, scorer: FrameScorer, *, repeats: int, seed: int):
    """Splits the viewers.

    Args:
      scorer: Of all viewers.
      repeats: How many times they are split; 2 or more, to have a spread.
      seed: Of the splits.

    Raises:
      ValueError: A clip has fewer than two viewers, or they are not told
        apart.
    """
    if repeats < 2:
      raise ValueError(f'got {repeats} repeats, wanted 2 or more')
    self._scorer = scorer
    truth = scorer.truth
    self._turns: list[tuple[GroundTruth, GroundTruth]] = []
    for repeat in range(repeats):
      halves: tuple[dict, dict] = {}, {}
      for number, clip in enumerate(truth.clips):
        viewers = truth.viewers_of(number)
        if not len(viewers):
          continue
        try:
          first, second = split_viewers(
            viewers, np.random.default_rng((seed, repeat, number))
          )
        except ValueError as error:
          raise ValueError(f'clip {clip.name}: {error}') from error
        halves[0][number], halves[1][number] = first, second
      self._turns.append(tuple(truth.of_viewers(half) for half in halves))

  def __call__(self, number: int, progress: tqdm) -> VideoScores:
    """Scores the video of a number; see `evaluator.evaluate_videos`."""
    silent = tqdm(disable=True)
    values, repeats, first = [], [], None
    for halves in self._turns:
      ways = []
      for predicting, looking in (halves, halves[::-1]):
        video = score_video(
          _half_maps(predicting, number),
          self._scorer.of_truth(looking),
          number,
          silent,
        )
        first = first or video
        ways.append(video.values)
      values += ways
      repeats.append(mean_of_known(mean_of_known(np.array(ways))))
    progress.update(len(first.frames))
    values = mean_of_known(np.array(values))
    # No map in any turn, not just in the first.
    nowhere = np.isnan(values).all(axis=1)
    return dataclasses.replace(
      first,
      values=values,
      missing=tuple(first.frames[nowhere].tolist()),
      repeats=np.array(repeats),
    )


def _half_maps(predicting, number):
  def maps(clip, frames):
    del clip, frames
    for row in predicting.rows(number).tolist():
      looked = len(predicting.xy[row])
      yield predicting.density(row) if looked else None

  return maps
