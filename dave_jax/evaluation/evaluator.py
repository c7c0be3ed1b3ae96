"""Scoring whatever gives saliency maps: a network, a folder, a baseline.

Of a whole split, video by video:

  truth = read_ground_truth(dataset, split, stride=1, size=None, sigma=None)
  scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
  videos = evaluate_maps(maps, scorer, folder=None, process_index=0,
                         process_count=1)
  summarise(videos, average=settings.average, frames=False)['overall']

Of batches that come in any order and share, as while training (`clip` and
`frame` as in `data.batches`; the truth read with the batches' stride):

  real = batch['mask']
  clips, frames = batch['clip'][real], batch['frame'][real]
  rows = [truth.row(c, f) for c, f in zip(clips, frames)]
  values = scorer(rows, maps[real])  # [n, scores], in the order of scorer.names

and, over the batches of all processes, `summary.mean_scores(clips, values,
average='videos')`. A frame's score depends on neither batch nor process.
"""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import threadpoolctl
from tqdm import tqdm

from dave_jax.datasets.schema import Clip
from dave_jax.evaluation.run_folder import RunFolder
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.video_scores import (
  MEAN_MAP,
  Example,
  VideoScores,
)

# From a clip and the numbers of some of its frames, ascending, to a map [h, w]
# of any size for each, in order; None where there is none.
Maps = Callable[[Clip, np.ndarray], Iterable[np.ndarray | None]]


def evaluate_maps(
  maps: Maps,
  scorer: FrameScorer,
  *,
  folder: RunFolder | None,
  process_index: int,
  process_count: int,
) -> list[VideoScores]:
  """Scores the maps of every video; `summary.summarise` makes means of them.

  Args:
    maps: What gives them; see `Maps`.
    scorer: Knows the viewers and the scores.
    folder: Keeps each finished video, so that a second run goes on after it;
      None keeps nothing.
    process_index, process_count: Takes every P-th video; processes that share
      a folder together do all of them.

  Returns:
    The scores of this process's videos.

  Raises:
    ValueError: A map is not [h, w] of numbers.
  """
  return evaluate_videos(
    lambda clip, progress: score_video(maps, scorer, clip, progress),
    scorer,
    folder=folder,
    process_index=process_index,
    process_count=process_count,
  )


def evaluate_videos(
  score: Callable[[int, tqdm], VideoScores],
  scorer: FrameScorer,
  *,
  folder: RunFolder | None,
  process_index: int,
  process_count: int,
) -> list[VideoScores]:
  """Scores this process's videos one by one; arguments as `evaluate_maps`.

  Args:
    score: Scores the video of a number, advancing the bar with each frame.
    scorer, folder, process_index, process_count: See `evaluate_maps`.
  """
  clips = scorer.truth.clips
  if not 0 <= process_index < process_count:
    raise ValueError(
      f'process_index {process_index} of {process_count}: want 0 to '
      f'{process_count - 1}'
    )
  own = range(process_index, len(clips), process_count)
  total = sum(len(scorer.truth.rows(number)) for number in own)
  results = []
  with (
    # Waiting for each other's threads takes longer than products of this size.
    threadpoolctl.threadpool_limits(1, user_api='blas'),
    tqdm(total=total, unit='frame', smoothing=0) as progress,
  ):
    for number in own:
      progress.set_description(clips[number].name, refresh=False)
      done = folder.done(clips[number].name) if folder else None
      if done is None:
        done = score(number, progress)
        if folder:
          folder.add(done)
      else:
        progress.update(len(done.frames))
      results.append(done)
  return results


def score_video(
  maps: Maps, scorer: FrameScorer, number: int, progress: tqdm
) -> VideoScores:
  """Scores the maps of one video.

  Args:
    maps, scorer: See `evaluate_maps`.
    number: The clip's, in `scorer.truth.clips`.
    progress: Advances with each frame.
  """
  truth = scorer.truth
  clip = truth.clips[number]
  rows = truth.rows(number)
  frames = truth.frame[rows]
  values = np.full((len(rows), len(scorer.names)), np.nan)
  missing, broken, shown = [], [], {}
  total, predicted = np.zeros(MEAN_MAP), 0
  density = np.zeros(MEAN_MAP)
  examples = _example_rows(rows)
  for place, (row, saliency) in enumerate(
    zip(rows.tolist(), _all_of(maps(clip, frames), len(rows)), strict=True)
  ):
    progress.update()
    density += truth.density_at(row, MEAN_MAP)
    if saliency is None:
      missing.append(int(frames[place]))
      continue
    values[place] = scorer([row], [saliency])[0]
    if not np.isfinite(saliency).all():
      broken.append(int(frames[place]))
      continue
    small = _small(saliency)
    total += small
    predicted += 1
    if row in examples:
      shown[row] = small
  return VideoScores(
    clip=clip.name,
    category=clip.category,
    names=scorer.names,
    frames=frames,
    times=_times(clip, frames),
    values=values,
    empty=truth.empty[number],
    missing=tuple(missing),
    broken=tuple(broken),
    prediction=(total / max(1, predicted)).astype(np.float32),
    density=(density / max(1, len(rows))).astype(np.float32),
    examples=tuple(
      Example(
        frame=int(truth.frame[row]),
        picture=truth.picture(row),
        density=truth.density_at(row, MEAN_MAP),
        prediction=small.astype(np.float32),
      )
      for row, small in shown.items()
    ),
    repeats=None,
  )


def _all_of(maps, count) -> Iterator[np.ndarray | None]:
  """Yields as many maps as there are frames.

  Raises:
    ValueError: There are more or fewer.
  """
  given = 0
  for given, saliency in enumerate(maps, 1):
    if given > count:
      break
    yield saliency
  if given != count:
    more = 'more' if given > count else given
    raise ValueError(f'got {more} maps for {count} frames; want one for each')


def _example_rows(rows) -> set[int]:
  """Returns the rows a sixth, a half and five sixths through a video."""
  places = (np.array([1, 3, 5]) * len(rows)) // 6
  return set(rows[places].tolist()) if len(rows) else set()


def _small(saliency):
  """Returns a map of the size of mean maps that sums to 1, or zeros."""
  h, w = MEAN_MAP
  small = cv2.resize(
    saliency.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA
  ).astype(np.float64)
  small -= min(0.0, small.min())
  total = small.sum()
  return small / total if total else small


def _times(clip, frames):
  return frames / clip.rate if clip.rate else np.zeros(len(frames))
