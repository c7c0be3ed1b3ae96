"""Pairs the gaze of a clip with its frames."""

import dataclasses

import numpy as np

from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import Picture, SourceClip

_ROUNDING = 1e-3  # Seconds that time stamps are rounded by.
# Codecs delay so many frames in AVI, which looks like a hole of that length.
_DELAYED_FRAMES = 2


def pair(
  gaze: Gaze, since_first: np.ndarray, picture: Picture, counts: dict
) -> Fixations:
  """Returns the fixations on each frame, sorted by frame, neither timed.

  A frame is shown until the next one. A fixation with a duration is on every
  frame that is shown while it lasts.

  Args:
    gaze: Fixations by frame or by time.
    since_first: [n], times of the frames in seconds from the first.
    picture: Size and rate of the clip.
    counts: Receives 'off_frame' and 'without_a_frame', the numbers of
      fixations left out, and 'fixations', the number of rows returned.
  """
  fixations = gaze.fixations
  inside = fixations.inside(gaze.height, gaze.width)
  counts['off_frame'] = int((~inside).sum())
  fixations = fixations[inside]
  if fixations.duration is not None and picture.rate:
    row, frame = _covered(fixations, since_first, picture.duration)
    lost = len(fixations) - np.unique(row).size
  else:
    frame = fixations.when
    if fixations.timed:
      shown = frame < (picture.duration or np.inf)
      frame = np.where(shown, _frame_at(since_first, frame + _ROUNDING), -1)
    row = np.flatnonzero((frame >= 0) & (frame < len(since_first)))
    frame = frame[row]
    lost = len(fixations) - row.size
  counts['without_a_frame'] = lost
  counts['fixations'] = row.size
  fixations = dataclasses.replace(
    fixations[row], when=frame, timed=False, duration=None
  )
  return fixations[np.argsort(frame, kind='stable')]


def _covered(fixations, since_first, duration):
  """Returns (row, frame) for each frame that each fixation covers."""
  begin = fixations.when
  if not fixations.timed:
    known = (begin >= 0) & (begin < len(since_first))
    frame = np.where(known, begin, 0).astype(np.int64)
    begin = np.where(known, since_first[frame], np.inf)
  end = begin + fixations.duration
  rows = np.flatnonzero((begin < duration) & (end >= 0))
  first = _frame_at(since_first, np.maximum(begin[rows], 0) + _ROUNDING)
  last = _frame_at(since_first, end[rows] - _ROUNDING)
  frames = [
    np.arange(a, max(a, b) + 1) for a, b in zip(first, last, strict=True)
  ]
  row = np.repeat(rows, [f.size for f in frames])
  return row, np.concatenate([np.zeros(0, np.int64), *frames])


def _frame_at(since_first, time):
  return np.searchsorted(since_first, time, 'right') - 1


def refuse_holes(clip: SourceClip, counts: dict, rate: float) -> None:
  """Refuses a clip with gaze by frame number if its time has a hole.

  Frames lost there would pair every later row of gaze with a later picture.

  Args:
    clip: The clip.
    counts: Counts of the video's reader.
    rate: Frames per second.

  Raises:
    ValueError: More frames are missing than codecs delay.
  """
  holes, seconds = counts.get('holes', 0), counts.get('hole_seconds', 0.0)
  if holes and round(seconds * rate) > _DELAYED_FRAMES:
    raise ValueError(
      f'{clip.picture}: {holes} hole(s) in the time of its frames, '
      f'{seconds:.2f} s in all, so the gaze of later frame '
      'numbers may belong to other pictures; use an undamaged file, or give '
      'the gaze by time'
    )


def refuse_lost_gaze(
  clip: SourceClip, gaze: Gaze, picture: Picture, counts: dict
) -> None:
  """Refuses a clip with gaze, none of which is on a frame; names the cause.

  Raises:
    ValueError: The clip has gaze.
  """
  fixations, missing = gaze.fixations, counts.get('missing', 0)
  if not len(fixations) and not missing:
    return
  place = f'{clip.gaze}: no fixation of {clip.name} can be used: '
  if not len(fixations):
    raise ValueError(f'{place}all {missing} rows have no coordinates')
  if counts['off_frame'] > counts['without_a_frame']:
    (left, top), (right, bottom) = fixations.xy.min(0), fixations.xy.max(0)
    raise ValueError(
      f'{place}{counts["off_frame"]} are outside the picture of {gaze.width} x '
      f'{gaze.height} pixels, x from {left:g} to {right:g} and y from {top:g} '
      f'to {bottom:g}; give pixels of the picture, not of the screen'
    )
  begin, end = fixations.when.min(), fixations.when.max()
  if fixations.timed:
    raise ValueError(
      f'{place}their times are {begin:g} to {end:g} s, the video lasts '
      f'{picture.duration:g} s; give seconds from its first frame, or '
      '--set time_unit=ms for milliseconds'
    )
  raise ValueError(
    f'{place}their frames are {begin:g} to {end:g}, the clip has '
    f'{counts["frames"]}, numbered from 0'
  )
