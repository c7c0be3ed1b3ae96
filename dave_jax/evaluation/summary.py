"""Mean scores: of each video, of each category, of all videos.

`metrics.json` holds what `summarise` returns, and what was evaluated:

- format: 'dave-jax metrics 1'; the number rises when a key changes meaning.
- run: name, maps (what was scored: its kind, and the fingerprint and origin of
  a checkpoint, or a folder), data (set, split, fingerprint, gaze_kinds,
  stride, size, sigma), settings (`scoring.settings.ScoreSettings`),
  mean_eye_position, boxes.
- rules: {score: the rules that give it}.
- versions: of the package and of the libraries that compute scores.
- scores: their names, in order.
- counts: videos, frames (scored), empty (frames without fixations), missing
  (frames without a map), broken (frames whose map contains NaN or infinity),
  undefined {score: frames that have a map, but not this score}.
- overall, categories {name: ...}, videos {name: ...}: {score: mean}, null if no
  frame has the score; `videos` and `frames` count what is averaged, and a video
  has its `category`. `spread` {score: standard deviation of this mean over
  random repeats} where there are any.
- missing, broken: {video: numbers of these frames, from 0}.
- frames, if asked for: {video: {'frame': [...], score: [...]}}.
"""

import os
import warnings
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.schema import GAZE_KINDS
from dave_jax.evaluation.run_folder import METRICS, VideoScores
from dave_jax.scoring.settings import Average

FORMAT = 'dave-jax metrics 1'
UNCATEGORISED = 'uncategorised'


def summarise(
  videos: Sequence[VideoScores], *, average: Average, frames: bool
) -> dict:
  """Returns mean scores and counts, JSON-serialisable (see above).

  Args:
    videos: The videos of the whole evaluation.
    average: See `scoring.settings.ScoreSettings`.
    frames: Whether to list the scores of every frame.

  Raises:
    ValueError: There are no videos, or their scores differ.
  """
  if not videos or len({video.names for video in videos}) > 1:
    raise ValueError(
      f'expected one or more videos with the same scores, got {len(videos)}'
    )
  names = videos[0].names
  values = [video.values for video in videos]
  lost = {
    key: {v.clip: list(getattr(v, key)) for v in videos if getattr(v, key)}
    for key in ('missing', 'broken')
  }
  without = sum(len(f) for key in lost.values() for f in key.values())
  undefined = np.isnan(np.concatenate(values)).sum(axis=0) - without
  summary = {
    'format': FORMAT,
    'scores': list(names),
    'counts': {
      'videos': len(videos),
      'frames': sum(len(video.frames) for video in videos) - without,
      'empty': sum(video.empty for video in videos),
      'missing': sum(map(len, lost['missing'].values())),
      'broken': sum(map(len, lost['broken'].values())),
      'undefined': dict(zip(names, undefined.tolist(), strict=True)),
    },
    'overall': _mean(videos, average),
    'categories': {
      category or UNCATEGORISED: _mean(
        [v for v in videos if v.category == category], average
      )
      for category in sorted({video.category for video in videos})
    },
    'videos': {
      video.clip: {'category': video.category} | _mean([video], average)
      for video in videos
    },
    **lost,
  }
  if frames:
    summary['frames'] = {
      video.clip: {'frame': video.frames.tolist()}
      | {name: _json(video.score(name)) for name in names}
      for video in videos
    }
  return summary


def mean_scores(
  clips: np.ndarray, values: np.ndarray, *, average: Average
) -> np.ndarray:
  """Returns the mean scores [scores] of frames, ignoring NaN.

  Args:
    clips: [n], a number for each frame that identifies its video.
    values: [n, scores].
    average: 'videos' averages over the frames of each video, then over videos;
      'frames' over all frames.
  """
  if average == 'videos':
    values = np.array(
      [nanmean(values[clips == clip]) for clip in np.unique(clips)]
    ).reshape(-1, values.shape[1])
  return nanmean(values)


def nanmean(values) -> np.ndarray:
  """Returns `np.nanmean` over the first axis, without warnings of only NaN."""
  with warnings.catch_warnings(action='ignore', category=RuntimeWarning):
    return np.nanmean(values, axis=0)


def _mean(videos, average):
  names = videos[0].names
  clips = np.repeat(np.arange(len(videos)), [len(v.frames) for v in videos])
  values = np.concatenate([video.values for video in videos])
  means = mean_scores(clips, values, average=average)
  entry = {
    'videos': len(videos),
    'frames': int((~np.isnan(values)).any(axis=1).sum()),
  }
  if videos[0].repeats is not None:
    repeats = nanmean([video.repeats for video in videos])
    spread = repeats.std(axis=0, ddof=1)
    entry['spread'] = dict(zip(names, _json(spread), strict=True))
  return dict(zip(names, _json(means), strict=True)) | entry


def _json(values):
  """Returns a list of numbers, with None for NaN and infinity."""
  return [v if np.isfinite(v) else None for v in values.tolist()]


def print_metrics(metrics: dict, out: str) -> None:
  """Prints the mean scores of an evaluation, and where they are.

  Args:
    metrics: See `evaluation.run.evaluate`.
    out: Folder of the run.
  """
  path = os.path.join(out, METRICS)
  counts = metrics['counts']
  print(
    f'{metrics["run"]["name"]}: {counts["videos"]} videos, {counts["frames"]} '
    f'frames scored, {counts["empty"]} without fixations skipped'
  )
  kinds = metrics['run']['data']['gaze_kinds']
  print(f'ground truth: {" and ".join(GAZE_KINDS[kind] for kind in kinds)}')
  for key, what in (
    ('missing', 'without a map'),
    ('broken', 'whose map contains NaN or infinity'),
  ):
    if counts[key]:
      print(f'{counts[key]} frames {what}: not scored, listed in {path}')
  for name in metrics['scores']:
    value = metrics['overall'][name]
    shown = 'undefined' if value is None else f'{value:.4f}'
    spread = metrics['overall'].get('spread', {}).get(name)
    shown += f' +- {spread:.4f}' if spread is not None else ''
    undefined = counts['undefined'][name]
    shown += f'  (undefined in {undefined} frames)' if undefined else ''
    print(f'  {name:10} {shown}')
  print(f'Wrote {path}')
