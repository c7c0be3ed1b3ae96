"""Simulated viewers: no person was recorded.

Each viewer alternates fixations and saccades. The target of a saccade is the
eye of an object, or a point near the centre, drawn in proportion to their
pulls. The pull of an object depends on its kind and grows when it is lively,
much more when it sounds or has just sounded, and for a second or so when it
interests all viewers, independently of frames and sound (viewers agree more
than a network can predict). Pulls are those of a reaction time before, 200 to
300 ms. The onset of an on-screen voice, or a cut, often ends a fixation early,
one reaction time later. Gaze follows moving objects; saccades and blinks are
not fixations.
"""

import dataclasses

import numpy as np

from dave_jax.datasets.gaze import Fixations
from dave_jax.datasets.simulation.scenario import Scenario
from dave_jax.datasets.simulation.scene import ASPECT

VIEWERS = 16
_SACCADE = 0.04  # Duration in seconds.
_AFTERGLOW = 0.35  # Decay time of the pull of a voice that ended, in seconds.
_CENTRE_SPREAD = 0.16  # Deviation of gaze near the centre, as fractions.
_LANDING = 0.1  # Deviation of landing points from an eye, in diameters.
_JITTER = 0.006  # Deviation of gaze within a fixation, in heights.
_IMAGE_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Viewer:
  """The parameters of one viewer.

  Attributes:
    sound, motion, interest: What is added to the pull of an object,
      `Kind.appeal` at rest, when it sounds, is lively, or interests all
      viewers.
    centre: Pull of the centre.
    alert: Probability that an onset ends a fixation.
    fixation: Median duration of a fixation in seconds.
    offset: [2], calibration error in heights.
  """

  sound: float
  motion: float
  interest: float
  centre: float
  alert: float
  fixation: float
  offset: np.ndarray


def make_viewer(rng: np.random.Generator) -> Viewer:
  """Draws the parameters of a viewer.

  They were chosen so that half of the viewers predict the other half about as
  well as a map computed from the script does, and so that sound adds more than
  a third to the NSS where objects sound in turn.
  """
  return Viewer(
    sound=40.0 * rng.lognormal(0, 0.3),
    motion=2.0 * rng.lognormal(0, 0.3),
    interest=12.0 * rng.lognormal(0, 0.3),
    centre=0.5 * rng.lognormal(0, 0.4),
    alert=rng.uniform(0.9, 1.0),
    fixation=0.26 * rng.lognormal(0, 0.15),
    offset=rng.normal(0, 0.012, 2),
  )


def _pulls(scenario, viewer, time):
  """Returns the pulls [n] of the objects in the shot at a time in seconds."""
  objects = scenario.shot_at(time).scene.objects
  now = np.array([time])
  pull = np.array(
    [t.kind.appeal + viewer.motion * t.liveliness(now)[0] for t in objects]
  )
  for turn in scenario.turns:
    if turn.object_index is not None and turn.begin <= time:
      past = max(0.0, time - turn.end)
      pull[turn.object_index] += viewer.sound * np.exp(-past / _AFTERGLOW)
  return pull


def interests(scenario: Scenario) -> list[tuple[float, float, int]]:
  """Returns (begin, end, object index) of what interests all viewers."""
  rng = scenario.stream('interest')
  found = []
  for shot in scenario.shots:
    begin = shot.begin
    while begin < shot.end:
      end = min(shot.end, begin + rng.uniform(0.8, 2.0))
      found.append((begin, end, int(rng.integers(len(shot.scene.objects)))))
      begin = end
  return found


def watch(scenario: Scenario, viewers: int = VIEWERS) -> Fixations:
  """Returns gaze on a clip, one row for each viewer and frame.

  Positions are fractions of the frame's width and height; some lie outside.

  Args:
    scenario: The clip.
    viewers: Number of viewers.
  """
  shared = interests(scenario)
  rows = []
  for number in range(viewers):
    rng = scenario.stream(f'viewer {number}')
    viewer = make_viewer(rng)
    for frame, place in _scanpath(scenario, viewer, shared, rng):
      rows.append((frame, number, *place))
  return _fixations(rows)


def watch_image(scenario: Scenario, viewers: int = VIEWERS) -> Fixations:
  """Returns fixations on the first frame, shown for 3 s as a still image.

  One row for each fixation of the same viewers as `watch`; the first one, at
  the centre, is left out.
  """
  objects = scenario.shots[0].scene.objects
  pull = np.array([item.kind.appeal for item in objects])
  start = np.zeros(1)
  rows = []
  for number in range(viewers):
    rng = scenario.stream(f'viewer {number}')
    viewer = make_viewer(rng)
    now = viewer.fixation
    while now < _IMAGE_SECONDS:
      chosen = _choose(rng, viewer.centre, pull)
      if chosen is None:
        place = _near_centre(rng)
      else:
        item = objects[chosen]
        place = item.eyes(start)[0] + _landing(rng, item)
      rows.append((0, number, *(place + _scaled(viewer.offset))))
      now += viewer.fixation * rng.lognormal(0, 0.3) + _SACCADE
  return _fixations(rows)


def _fixations(rows):
  table = np.array(rows, np.float64).reshape(-1, 4)
  return Fixations(
    xy=table[:, 2:],
    when=table[:, 0],
    viewer=table[:, 1].astype(np.int32),
  )


def _scanpath(scenario, viewer, shared, rng):
  """Yields (frame, position) of one viewer's gaze."""
  times = np.arange(scenario.frames) / scenario.rate
  objects = scenario.shots[0].scene.objects
  cuts = [shot.begin for shot in scenario.shots[1:]]
  target, spot = None, np.array([0.5, 0.5])  # A fixation cross came before.
  offset = rng.normal(0, 0.03, 2)
  begin = 0.0
  while begin < scenario.seconds:
    end = begin + viewer.fixation * rng.lognormal(0, 0.3)
    reaction, alert = rng.uniform(0.2, 0.3), rng.uniform() < viewer.alert
    for onset, item in _onsets(scenario, cuts):
      at = onset + reaction
      new = item is None or item != target
      if alert and new and begin + 0.05 < at < end:
        end = at
    frames = np.flatnonzero((times >= begin) & (times < end))
    blinked = rng.uniform() < 0.03
    jitter = rng.normal(0, _JITTER, (len(frames), 2))
    if target is None:
      places = np.broadcast_to(spot, (len(frames), 2))
    else:
      # After a cut the eye stays, for a while, where the object was.
      cut = min([c for c in cuts if c > begin], default=np.inf)
      places = objects[target].eyes(np.minimum(times[frames], cut))
    places = places + _scaled(jitter + viewer.offset) + offset
    if not blinked:
      yield from zip(frames.tolist(), places, strict=True)
    before = max(0.0, end - reaction)
    begin = end + _SACCADE
    objects = scenario.shot_at(end).scene.objects
    if scenario.shot_at(before) is not scenario.shot_at(end):
      target = None  # What was chosen is gone: the eye goes to the centre.
    else:
      pull = _pulls(scenario, viewer, before)
      for since, until, item in shared:
        if since <= before < until:
          pull[item] += viewer.interest
      target = _choose(rng, viewer.centre, pull)
    if target is None:
      spot, offset = _near_centre(rng), np.zeros(2)
    else:
      offset = _landing(rng, objects[target])


def _onsets(scenario, cuts):
  """Returns (time, object index) of onsets; None is a cut."""
  voices = [
    (turn.begin, turn.object_index)
    for turn in scenario.turns
    if turn.object_index is not None
  ]
  return sorted([*voices, *((cut, None) for cut in cuts)], key=lambda o: o[0])


def _choose(rng, centre, pull):
  """Returns the index of an object, or None for the centre."""
  weights = np.append(pull, centre)
  chosen = int(rng.choice(len(weights), p=weights / weights.sum()))
  return None if chosen == len(pull) else chosen


def _near_centre(rng):
  return 0.5 + rng.normal(0, _CENTRE_SPREAD, 2)


def _landing(rng, item):
  return _scaled(rng.normal(0, _LANDING * item.diameter, 2))


def _scaled(heights):
  """Converts heights to fractions of width and height."""
  return heights / [ASPECT, 1.0]
