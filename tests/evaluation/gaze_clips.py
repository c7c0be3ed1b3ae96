"""Clips with viewers of one's choice, written as builders write them."""

import dataclasses

import numpy as np

from dave_jax.datasets import schema
from dave_jax.datasets.gaze import Fixations
from tests.data import sets


def watched_clip(
  name,
  gaze,
  *,
  frames=1,
  rate=0.0,
  category='',
  split='test',
  sigma=20.0,
  size=sets.SIZE,
  waveform=None,
):
  """Returns a clip that was looked at in some places.

  Args:
    gaze: Rows (frame, viewer, x, y).
    size: Height and width of the original.
  """
  rows = np.array(sorted(gaze), np.float64).reshape(-1, 4)
  fixations = Fixations(
    xy=rows[:, 2:], when=rows[:, 0], viewer=rows[:, 1].astype(np.int32)
  )
  clip = sets.make_clip(
    name,
    frames=frames,
    rate=rate,
    split=split,
    sigma=sigma,
    waveform=waveform,
    fixated=[],
  )
  entry = dataclasses.replace(
    clip.entry,
    category=category,
    height=size[0],
    width=size[1],
    viewers=len(np.unique(rows[rows[:, 1] >= 0, 1])),
    fixations=len(rows),
    fixated=schema.runs(rows[:, 0]),
  )
  return dataclasses.replace(clip, entry=entry, _fixations=fixations)


def crowd(frames, viewers, *, seed, centre=(150, 100), spread=25.0):
  """Returns gaze around a place, of several viewers in every frame."""
  rng = np.random.default_rng(seed)
  places = rng.normal(centre, spread, (frames, viewers, 2))
  places = np.clip(places, 0, np.array(sets.SIZE[::-1]) - 1)
  return [
    (frame, viewer, *places[frame, viewer])
    for frame in range(frames)
    for viewer in range(viewers)
  ]
