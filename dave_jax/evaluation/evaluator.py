"""Scores the maps of a network, a folder or a baseline, video by video.

  truth = read_ground_truth(dataset, split, stride=1, size=None, sigma=None)
  scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
  videos = evaluate_videos(
    score_maps(maps, scorer), scorer, folder=None, process_index=0,
    process_count=1)
  summarise(videos, average=settings.average, frames=False)['overall']

Training scores batches in any order instead (`training.validation`):
`scorer(rows, maps)` of each batch, and `summary.mean_scores` over the batches
of all processes. The score of a frame depends on neither batch nor process.
"""

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import threadpoolctl
from tqdm import tqdm

from dave_jax.datasets.schema import Clip
from dave_jax.evaluation.kept_clips import ClipKeeper
from dave_jax.evaluation.run_folder import (
  MEAN_MAP,
  Example,
  RunFolder,
  VideoScores,
)
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.prediction.background import computed_ahead

# Takes clips, each with the ascending numbers of some of its frames; returns a
# map [h, w] of any size for each frame of each clip in order, None if missing.
Maps = Callable[
  [Sequence[tuple[Clip, np.ndarray]]], Iterable[np.ndarray | None]
]
# Takes indices of clips, and a progress bar to advance by each frame; yields
# the scores of each clip.
ScoreVideos = Callable[[Sequence[int], tqdm], Iterator[VideoScores]]
# Each thread that scores 1080p frames takes about 100 MB.
_MOST_THREADS = 4
_FRAMES_AHEAD = 8  # Scored while the next maps are predicted.


def evaluate_videos(
  score: ScoreVideos,
  scorer: FrameScorer,
  *,
  folder: RunFolder | None,
  process_index: int,
  process_count: int,
  keeper: ClipKeeper | None = None,
) -> list[VideoScores]:
  """Scores this process's share of the videos.

  Args:
    score: Scores videos, such as `score_maps(maps, scorer)`.
    scorer: The scorer of all videos.
    folder: Keeps each finished video, so that a later call resumes after it;
      None keeps nothing.
    process_index, process_count: Takes every P-th video. Processes that share a
      folder score all videos together.
    keeper: What `score` keeps clips with; clips that it does not have are
      scored again.

  Returns:
    The scores of this process's videos.

  Raises:
    ValueError: A map is not a real array [h, w], or maps are too few or many.
  """
  clips = scorer.truth.clips
  if not 0 <= process_index < process_count:
    raise ValueError(
      f'expected process_index from 0 to {process_count - 1}, got '
      f'{process_index}'
    )
  share = range(process_index, len(clips), process_count)
  done = {n: folder.done(clips[n].name) if folder else None for n in share}
  pending = [
    number
    for number, video in done.items()
    if video is None or (keeper is not None and not keeper.has(number))
  ]
  frames = sum(len(scorer.truth.rows(number)) for number in pending)
  with (
    # Threads would wait for each other longer than products this small take.
    threadpoolctl.threadpool_limits(1, user_api='blas'),
    tqdm(total=frames, unit='frame', smoothing=0) as progress,
  ):
    for number, video in zip(pending, score(pending, progress), strict=True):
      if folder:
        folder.add(video)
      done[number] = video
  return list(done.values())


def score_maps(
  maps: Maps, scorer: FrameScorer, keeper: ClipKeeper | None = None
) -> ScoreVideos:
  """Returns the function that scores the maps of videos.

  Args:
    maps: Predicts the maps.
    scorer: Scores them.
    keeper: Keeps clips with their maps; None keeps none.
  """

  def score(numbers, progress):
    truth = scorer.truth
    rows = [truth.rows(number).tolist() for number in numbers]
    clips = [truth.clips[number] for number in numbers]
    frames = [truth.frame[rows_of_clip] for rows_of_clip in rows]
    left = iter(maps(list(zip(clips, frames, strict=True))))
    scored = computed_ahead(
      functools.partial(_score_frame, scorer, _shown(rows)),
      zip(itertools.chain(*rows), left, strict=False),
      threads=min(_MOST_THREADS, os.cpu_count() or 1),
      ahead=_FRAMES_AHEAD,
    )
    with contextlib.closing(scored):
      for number in numbers:
        progress.set_description(truth.clips[number].name, refresh=False)
        yield _score_video(scored, scorer, number, progress, keeper)
    if next(left, left) is not left:
      raise ValueError(
        f'expected {sum(map(len, frames))} maps, one for each frame, got more'
      )

  return score


class _ScoredFrame(NamedTuple):
  """What is kept of a frame.

  Attributes:
    number: Number of the frame in its clip.
    density: The ground truth, of the size of mean maps.
    scores: float64 [scores]; None without a map.
    small: The map, of the size of mean maps; None if missing or broken.
    example: The frame, if it is one of those shown.
  """

  number: int
  density: np.ndarray
  scores: np.ndarray | None = None
  small: np.ndarray | None = None
  example: Example | None = None


def _shown(rows_of_clips) -> frozenset[int]:
  """Returns the rows of the three frames of each clip that reports show."""
  return frozenset(
    rows[(k * len(rows)) // 6]
    for rows in rows_of_clips
    for k in (1, 3, 5)
    if rows
  )


def _score_frame(scorer, shown, row_and_map) -> _ScoredFrame:
  row, saliency = row_and_map
  truth = scorer.truth
  frame = _ScoredFrame(
    number=int(truth.frame[row]), density=truth.density(row, MEAN_MAP)
  )
  if saliency is None:
    return frame
  frame = frame._replace(scores=scorer([row], [saliency])[0])
  if not np.isfinite(saliency).all():
    return frame
  frame = frame._replace(small=_small(saliency))
  if row not in shown:
    return frame
  return frame._replace(
    example=Example(
      frame=frame.number,
      picture=truth.picture(row),
      density=frame.density,
      prediction=frame.small.astype(np.float32),
    )
  )


def _score_video(scored, scorer, number, progress, keeper) -> VideoScores:
  """Collects the next frames of an iterator as those of a video."""
  truth = scorer.truth
  clip = truth.clips[number]
  rows = truth.rows(number).tolist()
  values = np.full((len(rows), len(scorer.names)), np.nan)
  predicted, density = np.zeros((2, *MEAN_MAP))
  frames = []
  for frame in itertools.islice(scored, len(rows)):
    progress.update()
    density += frame.density
    if frame.scores is not None:
      values[len(frames)] = frame.scores
    if frame.small is not None:
      predicted += frame.small
    frames.append(frame)
  if len(frames) < len(rows):
    raise ValueError(
      f'clip {clip.name}: expected {len(rows)} maps, one for each frame, got '
      f'{len(frames)}'
    )
  missing = tuple(f.number for f in frames if f.scores is None)
  broken = tuple(
    f.number for f in frames if f.scores is not None and f.small is None
  )
  if keeper is not None:
    keeper.write(number, [f.small for f in frames], [f.density for f in frames])
  count = max(1, len(rows) - len(missing) - len(broken))
  return VideoScores(
    clip=clip.name,
    category=clip.category,
    size=(clip.height, clip.width),
    names=scorer.names,
    frames=truth.frame[rows] if rows else np.zeros(0, np.int64),
    times=np.array([truth.gaze(row).time for row in rows]),
    values=values,
    empty=truth.empty(number),
    missing=missing,
    broken=broken,
    prediction=(predicted / count).astype(np.float32),
    density=(density / max(1, len(rows))).astype(np.float32),
    examples=tuple(f.example for f in frames if f.example is not None),
    repeats=None,
  )


def _small(saliency):
  """Returns a map of the size of mean maps that sums to 1, or zeros."""
  h, w = MEAN_MAP
  shrinks = saliency.shape[0] > h and saliency.shape[1] > w
  small = cv2.resize(
    saliency.astype(np.float32),
    (w, h),
    interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
  ).astype(np.float64)
  small -= min(0.0, small.min())
  total = small.sum()
  return small / total if total else small
