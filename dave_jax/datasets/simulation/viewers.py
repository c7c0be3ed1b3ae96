"""Simulated viewers: where people might look. No person was recorded.

Each viewer fixates, makes a saccade, fixates. A saccade goes to the eye of a
thing or to somewhere near the centre, as likely as these pull: a thing pulls
by what it is, more when it is lively, much more when it sounds or just did,
and for a second or so when it interests everybody, for reasons that neither
picture nor sound gives (people share more than a network is told). What pulls
is what was seen and heard a reaction time, 200 to 300 ms, before. The onset of
a voice on the screen, or a cut, often ends a fixation early, a reaction time
after it. Fixations follow what moves; a saccade and a blink are no fixation.
"""

import dataclasses

import numpy as np

from dave_jax.datasets.gaze import Fixations
from dave_jax.datasets.simulation.scenario import Scenario
from dave_jax.datasets.simulation.scene import ASPECT

VIEWERS = 16
_SACCADE = 0.04  # Seconds.
_AFTERGLOW = 0.35  # Seconds in which the pull of a voice that ended fades.
_CENTRE_SPREAD = 0.16  # Of looks near the centre, in frame widths and heights.
_LANDING = 0.1  # Spread of where gaze lands about an eye, in diameters.
_JITTER = 0.006  # Within a fixation, in heights.
_IMAGE_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Viewer:
  """How one viewer looks.

  Attributes:
    sound, motion, interest: How much more a thing pulls when it sounds, is
      lively, or interests everybody; at rest it pulls as `Kind.appeal` says.
    centre: How much the centre pulls.
    alert: How likely an onset ends a fixation.
    fixation: Seconds a fixation lasts, the median.
    offset: [2], error of the calibration, in heights.
  """

  sound: float
  motion: float
  interest: float
  centre: float
  alert: float
  fixation: float
  offset: np.ndarray


def make_viewer(rng: np.random.Generator) -> Viewer:
  """Returns a viewer unlike the others.

  The pulls were chosen so that half the viewers tell about as much of the
  other half as a map that knows all of picture and sound can, and that sound
  adds more than a third to the NSS where things take turns
  (`benchmarks/gain_of_sound.py`).
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


def pulls(
  scenario: Scenario, viewer: Viewer, time: float, *, deaf: bool = False
) -> tuple[float, np.ndarray]:
  """Returns what a viewer is drawn to by what happens at a second.

  Args:
    scenario: What is seen and heard.
    viewer: Who.
    time: Seconds.
    deaf: Leaves the sound out.

  Returns:
    (pull of the centre, [n] pulls of the things in the shot).
  """
  things = scenario.shot_at(time).scene.things
  now = np.array([time])
  pull = np.array(
    [t.kind.appeal + viewer.motion * t.liveliness(now)[0] for t in things]
  )
  if not deaf:
    for turn in scenario.turns:
      if turn.thing is not None and turn.begin <= time:
        past = max(0.0, time - turn.end)
        pull[turn.thing] += viewer.sound * np.exp(-past / _AFTERGLOW)
  return viewer.centre, pull


def interests(scenario: Scenario) -> list[tuple[float, float, int]]:
  """Returns (begin, end, thing) of what interests everybody for a while."""
  rng = scenario.stream('interest')
  found = []
  for shot in scenario.shots:
    begin = shot.begin
    while begin < shot.end:
      end = min(shot.end, begin + rng.uniform(0.8, 2.0))
      found.append((begin, end, int(rng.integers(len(shot.scene.things)))))
      begin = end
  return found


def watch(scenario: Scenario, viewers: int = VIEWERS) -> Fixations:
  """Returns where viewers look in a clip, a row a viewer and frame.

  Positions are fractions of the frame's width and height; some lie beside it.

  Args:
    scenario: The clip.
    viewers: How many.
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
  """Returns where viewers look in the first frame, shown for 3 s.

  The same viewers, but nothing moves or sounds. A row is a fixation; the first
  one, at the centre, where the eye was before, is left out.
  """
  things = scenario.shots[0].scene.things
  pull = np.array([thing.kind.appeal for thing in things])
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
        thing = things[chosen]
        place = thing.eyes(start)[0] + _landing(rng, thing)
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
  """Yields (frame, place) of one viewer's fixations."""
  times = np.arange(scenario.frames) / scenario.rate
  things = scenario.shots[0].scene.things
  cuts = [shot.begin for shot in scenario.shots[1:]]
  target, spot = None, np.array([0.5, 0.5])  # As after a fixation cross.
  offset = rng.normal(0, 0.03, 2)
  begin = 0.0
  while begin < scenario.seconds:
    end = begin + viewer.fixation * rng.lognormal(0, 0.3)
    reaction, alert = rng.uniform(0.2, 0.3), rng.uniform() < viewer.alert
    for onset, thing in _onsets(scenario, cuts):
      at = onset + reaction
      new = thing is None or thing != target
      if alert and new and begin + 0.05 < at < end:
        end = at
    frames = np.flatnonzero((times >= begin) & (times < end))
    blinked = rng.uniform() < 0.03
    jitter = rng.normal(0, _JITTER, (len(frames), 2))
    if target is None:
      places = np.broadcast_to(spot, (len(frames), 2))
    else:
      # After a cut the eye stays, for a while, where the thing was.
      cut = min([c for c in cuts if c > begin], default=np.inf)
      places = things[target].eyes(np.minimum(times[frames], cut))
    places = places + _scaled(jitter + viewer.offset) + offset
    if not blinked:
      yield from zip(frames.tolist(), places, strict=True)
    before = max(0.0, end - reaction)
    begin = end + _SACCADE
    things = scenario.shot_at(end).scene.things
    if scenario.shot_at(before) is not scenario.shot_at(end):
      target = None  # What was chosen is gone: the eye goes to the centre.
    else:
      centre, pull = pulls(scenario, viewer, before)
      for since, until, thing in shared:
        if since <= before < until:
          pull[thing] += viewer.interest
      target = _choose(rng, centre, pull)
    if target is None:
      spot, offset = _near_centre(rng), np.zeros(2)
    else:
      offset = _landing(rng, things[target])


def _onsets(scenario, cuts):
  """Returns (second, thing) of what may end a fixation; None is a cut."""
  voices = [(t.begin, t.thing) for t in scenario.turns if t.thing is not None]
  return sorted([*voices, *((cut, None) for cut in cuts)], key=lambda o: o[0])


def _choose(rng, centre, pull):
  """Returns the number of a thing, or None for near the centre."""
  weights = np.append(pull, centre)
  chosen = int(rng.choice(len(weights), p=weights / weights.sum()))
  return None if chosen == len(pull) else chosen


def _near_centre(rng):
  return 0.5 + rng.normal(0, _CENTRE_SPREAD, 2)


def _landing(rng, thing):
  return _scaled(rng.normal(0, _LANDING * thing.diameter, 2))


def _scaled(heights):
  """Turns heights into fractions of width and height."""
  return heights / [ASPECT, 1.0]
