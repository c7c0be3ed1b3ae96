"""Tests of simulated viewers."""

import dataclasses

import numpy as np
import pytest

from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scenario import Turn, make_scenario
from dave_jax.datasets.simulation.scene import ASPECT
from dave_jax.datasets.simulation.viewers import VIEWERS, watch, watch_image

ONSET = 2.0


@pytest.fixture(scope='module')
def share_on_sounding():
  """Share of gaze on object 0, by frames since the onset of its voice."""
  clips = [make_scenario('silent', (1, 0, 0, n)) for n in range(24)]
  clips = [c for c in clips if len(c.shots[0].scene.objects) == 3]
  assert len(clips) >= 5

  def shares(turns, after):
    hits = []
    for silent in clips:
      clip = dataclasses.replace(silent, turns=turns)
      item = clip.shots[0].scene.objects[0]
      gaze = watch(clip)
      time = gaze.when / clip.rate - ONSET
      rows = (time >= after[0]) & (time < after[1])
      middle = item.places(gaze.when[rows] / clip.rate)
      away = (gaze.xy[rows] - middle) * [ASPECT, 1.0]
      hits.append(np.hypot(*away.T) < 0.6 * item.diameter)
    return np.concatenate(hits).mean()

  return shares


VOICE = (Turn(ONSET, ONSET + 1.5, 'hum', 0),)


def test_gaze_goes_to_the_sounding_object(share_on_sounding):
  heard = share_on_sounding(VOICE, (0.6, 1.5))
  silent = share_on_sounding((), (0.6, 1.5))
  assert heard > 0.8
  assert silent < 0.6  # By chance about a third, as objects come close.


def test_gaze_follows_sound_after_a_reaction_time(
  share_on_sounding,
):
  # Saccades start 200 ms or more after what they are chosen by.
  early = share_on_sounding(VOICE, (0.0, 0.2))
  assert early == share_on_sounding((), (0.0, 0.2))
  assert share_on_sounding(VOICE, (0.24, 0.4)) > early + 0.1


def test_an_off_screen_voice_attracts_no_gaze(share_on_sounding):
  elsewhere = (Turn(ONSET, ONSET + 1.5, 'hum', None),)
  for after in ((0.0, 0.5), (0.5, 1.5)):
    assert share_on_sounding(elsewhere, after) == share_on_sounding((), after)


def test_there_are_sixteen_different_viewers():
  gaze = watch(make_scenario('social', (0, 0, 0, 0)))
  assert set(gaze.viewer) == set(range(VIEWERS)) and VIEWERS == 16
  rows = [gaze.xy[gaze.viewer == viewer] for viewer in range(VIEWERS)]
  assert len({row.tobytes() for row in rows}) == VIEWERS
  # One sample a viewer and frame; saccades and blinks are left out.
  pairs = set(zip(gaze.viewer, gaze.when, strict=True))
  assert len(pairs) == len(gaze)


def test_saccades_and_blinks_take_some_of_the_time():
  clips = [make_scenario('silent', (0, 0, 0, number)) for number in range(4)]
  there = sum(len(watch(clip)) for clip in clips)
  share = there / (VIEWERS * sum(clip.frames for clip in clips))
  # 0.04 s after each fixation of about 0.27 s, and three blinks in a hundred.
  assert 0.8 < share < 0.9


def test_gaze_begins_at_the_centre():
  gaze = watch(make_scenario('social', (0, 0, 0, 5)))
  first = gaze.xy[gaze.when == 0]
  assert np.abs(first - 0.5).max() < 0.2


def test_an_image_has_several_fixations_of_a_viewer():
  scenario = make_scenario('silent', (0, 1, 0, 0))
  gaze = watch_image(scenario)
  assert set(gaze.when) == {0}
  # 3 s in fixations of about 0.3 s, the first left out.
  per_viewer = len(gaze) / VIEWERS
  assert 7 < per_viewer < 13
  eyes = [t.eyes(np.zeros(1))[0] for t in scenario.shots[0].scene.objects]
  away = np.linalg.norm((gaze.xy[:, None] - eyes) * [ASPECT, 1.0], axis=-1)
  assert (away.min(axis=1) < 0.1).mean() > 0.7


def test_an_appealing_kind_is_looked_at_more():
  """In proportion to `Kind.appeal`, in images that show both."""
  looks = {'hum': 0, 'bell': 0}
  for number in range(60):
    scenario = make_scenario('silent', (0, 1, 0, number), 3)
    objects = scenario.shots[0].scene.objects
    voices = [item.kind.voice for item in objects]
    if not {'hum', 'bell'} <= set(voices):
      continue
    gaze = watch_image(scenario)
    eyes = [item.eyes(np.zeros(1))[0] for item in objects]
    away = np.linalg.norm((gaze.xy[:, None] - eyes) * [ASPECT, 1.0], axis=-1)
    near = away.argmin(axis=1)[away.min(axis=1) < 0.1]
    for voice in looks:
      looks[voice] += int((near == voices.index(voice)).sum())
  appeal = {kind.voice: kind.appeal for kind in KINDS}
  # Thousands of looks, but in tens of images, where one may lie at the other.
  assert sum(looks.values()) > 1000
  np.testing.assert_allclose(
    looks['hum'] / looks['bell'], appeal['hum'] / appeal['bell'], rtol=0.25
  )
