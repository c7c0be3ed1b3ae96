"""Tests of scenes and their drawing."""

import dataclasses

import numpy as np
import pytest

from dave_jax.datasets.simulation.scene import ASPECT, Scene, make_scene


def _scene(count=3, seed=0):
  return make_scene(np.random.default_rng(seed), count)


def test_objects_are_of_different_kinds_and_stay_in_the_frame():
  time = np.linspace(0, 8, 200)
  for seed in range(30):
    objects = _scene(4, seed).objects
    assert len({item.kind for item in objects}) == 4
    for item in objects:
      places = item.places(time)
      assert 1 / 5 <= item.diameter <= 1 / 3
      assert np.all((places > 0.1) & (places < 0.9))


def test_speed_has_no_jumps():
  time = np.arange(0, 8, 0.02)
  for item in _scene(4).objects:
    steps = np.diff(item.places(time), axis=0) * [ASPECT, 1]
    turns = np.diff(item.angles(time))
    # 0.06 heights at 2.5 Hz is 0.9 heights a second; angles: 4.4 a second.
    assert np.linalg.norm(steps, axis=1).max() < 0.03
    assert np.abs(turns).max() < 0.1


@pytest.mark.parametrize('size', [(128, 160), (256, 320)])
def test_objects_are_drawn_where_they_are(size):
  scene = _scene(3, seed=5)
  without = Scene((), scene.seed).painter(size)
  time = 1.7
  for item in scene.objects:
    alone = Scene((item,), scene.seed).painter(size)(time).astype(int)
    drawn = np.abs(alone - without(time)).max(axis=-1) > 40
    rows, columns = np.nonzero(drawn)
    box = np.array([columns.min(), columns.max() + 1, rows.min(), rows.max()])
    middle = np.array([box[:2].mean(), box[2:].mean() + 0.5])
    place = item.places(np.array([time]))[0] * size[::-1]
    # Triangles and stars do not fill their circle.
    assert np.abs(middle - place).max() < 0.16 * item.diameter * size[0]


def test_the_eye_is_drawn_where_it_is():
  size = (256, 320)
  scene = _scene(3, seed=2)
  for time in (0.0, 2.3):
    frame = scene.painter(size)(time)
    for item in scene.objects[-1:]:  # Nothing is in front of the last one.
      x, y = item.eyes(np.array([time]))[0] * size[::-1]
      assert frame[int(y), int(x)].max() < 60


def test_the_background_moves():
  scene = dataclasses.replace(_scene(), objects=())
  paint = scene.painter((128, 160))
  assert np.abs(paint(0).astype(int) - paint(3)).mean() > 2
