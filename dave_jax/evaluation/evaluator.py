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

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

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

# Takes clips, each with the ascending numbers of some of its frames; returns a
# map [h, w] of any size for each frame of each clip in order, None if missing.
Maps = Callable[
  [Sequence[tuple[Clip, np.ndarray]]], Iterable[np.ndarray | None]
]
# Takes indices of clips, and a progress bar to advance by each frame; yields
# the scores of each clip.
ScoreVideos = Callable[[Sequence[int], tqdm], Iterator[VideoScores]]


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
    frames = [truth.frame[truth.rows(number)] for number in numbers]
    clips = [truth.clips[number] for number in numbers]
    left = iter(maps(list(zip(clips, frames, strict=True))))
    for number in numbers:
      progress.set_description(truth.clips[number].name, refresh=False)
      yield _score_video(left, scorer, number, progress, keeper)
    if next(left, left) is not left:
      raise ValueError(
        f'expected {sum(map(len, frames))} maps, one for each frame, got more'
      )

  return score


def _score_video(maps, scorer, number, progress, keeper) -> VideoScores:
  """Scores the next maps of an iterator as those of a video."""
  truth = scorer.truth
  clip = truth.clips[number]
  rows = truth.rows(number).tolist()
  values = np.full((len(rows), len(scorer.names)), np.nan)
  missing, broken, examples = [], [], []
  predicted, density = np.zeros((2, *MEAN_MAP))
  shown = {rows[(k * len(rows)) // 6] for k in (1, 3, 5)} if rows else ()
  given, densities, kept = 0, [], []
  for place, saliency in enumerate(itertools.islice(maps, len(rows))):
    progress.update()
    row, given = rows[place], place + 1
    frame = int(truth.frame[row])
    small_density = truth.density(row, MEAN_MAP)
    density += small_density
    densities.append(small_density)
    kept.append(None)
    if saliency is None:
      missing.append(frame)
      continue
    values[place] = scorer([row], [saliency])[0]
    if not np.isfinite(saliency).all():
      broken.append(frame)
      continue
    small = _small(saliency)
    predicted += small
    kept[-1] = small
    if row in shown:
      examples.append(
        Example(
          frame=frame,
          picture=truth.picture(row),
          density=small_density,
          prediction=small.astype(np.float32),
        )
      )
  if given < len(rows):
    raise ValueError(
      f'clip {clip.name}: expected {len(rows)} maps, one for each frame, got '
      f'{given}'
    )
  if keeper is not None:
    keeper.write(number, kept, densities)
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
    missing=tuple(missing),
    broken=tuple(broken),
    prediction=(predicted / count).astype(np.float32),
    density=(density / max(1, len(rows))).astype(np.float32),
    examples=tuple(examples),
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
