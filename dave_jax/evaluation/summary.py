"""Means of scores: of videos, of categories, of all.

`metrics.json` holds what `summarise` returns, under a heading:

- format: 'dave-jax metrics 1'; the number rises when a key changes meaning.
- run: name, maps (what was scored: kind, and a checkpoint's fingerprint and
  origin, or a folder), data (set, split, fingerprint, stride, size, sigma),
  settings (`settings.ScoreSettings`), mean_eye_position, boxes.
- versions: of the package and of what computes scores.
- scores: the names, in order.
- counts: videos, frames (scored), empty (frames nobody looked at), missing (no
  map), broken (map with NaN or infinity), undefined {score: frames that have a
  map and no score}.
- overall, categories {name: ...}, videos {name: ...}: {score: mean}, null where
  no frame has one; `videos` and `frames` count what it is the mean of, and a
  video has its `category`. Of what is drawn at random, `spread` {score:
  standard deviation over repeats of this mean}.
- missing, broken: {video: numbers of the frames, from 0}.
- frames, if asked for: {video: {'frame': [...], score: [...]}}.
"""

from collections.abc import Sequence

import numpy as np

from dave_jax.evaluation.video_scores import VideoScores
from dave_jax.scoring.settings import Average

FORMAT = 'dave-jax metrics 1'
UNCATEGORISED = 'uncategorised'


def summarise(
  videos: Sequence[VideoScores], *, average: Average, frames: bool
) -> dict:
  """Returns the means of scores, as JSON has them (see above).

  Args:
    videos: Of the whole evaluation.
    average: See `settings.ScoreSettings`.
    frames: Whether the scores of frames are listed.

  Raises:
    ValueError: There are no videos, or their scores differ.
  """
  if not videos or len({video.names for video in videos}) > 1:
    raise ValueError(
      f'got {len(videos)} videos; want one or more with the same scores'
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
  """Returns the means [scores] of the scores of frames, NaN left out.

  Args:
    clips: [n], any number that tells the frames' videos apart.
    values: [n, scores].
    average: 'videos', over a video's frames and then over videos, or 'frames'.
  """
  if average == 'videos':
    values = np.array(
      [mean_of_known(values[clips == clip]) for clip in np.unique(clips)]
    ).reshape(-1, values.shape[1])
  return mean_of_known(values)


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
    repeats = mean_of_known(np.array([video.repeats for video in videos]))
    spread = repeats.std(axis=0, ddof=1)
    entry['spread'] = dict(zip(names, _json(spread), strict=True))
  return dict(zip(names, _json(means), strict=True)) | entry


def mean_of_known(values: np.ndarray) -> np.ndarray:
  """Returns the mean over the first axis of what is no NaN."""
  known = ~np.isnan(values)
  with np.errstate(invalid='ignore'):
    return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def _json(values):
  """Returns a list of numbers, None for what JSON has no number for."""
  return [v if np.isfinite(v) else None for v in values.tolist()]
