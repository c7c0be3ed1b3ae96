"""Tests of the looks of objects."""

import itertools

import numpy as np

from dave_jax.datasets.simulation.kinds import EYE, KINDS, sprite


def test_an_object_fits_in_its_circle():
  for kind in KINDS:
    look = sprite(kind, 30, seed=1)
    side = look.shape[0]
    axis = np.arange(side) + 0.5 - side / 2
    outside = np.hypot(*np.meshgrid(axis, axis)) > 16.5
    assert look[..., 3][outside].max() == 0
    # Colours are multiplied by the opacity.
    assert np.all(look[..., :3] <= look[..., 3:].astype(int) + 1)


def test_kinds_have_colours_far_apart():
  colours = []
  for kind in KINDS:
    means = []
    for seed in range(8):
      look = sprite(kind, 30, seed=seed).astype(float)
      means.append(look[..., :3].sum((0, 1)) / look[..., 3].sum())
    colours.append((np.mean(means, axis=0), np.std(means, axis=0).max()))
  for (a, spread), (b, _) in itertools.combinations(colours, 2):
    assert np.linalg.norm(a - b) > 5 * spread


def test_every_object_has_an_eye_above_its_centre():
  for kind in KINDS:
    look = sprite(kind, 40, seed=3)
    middle = look.shape[0] / 2
    row, column = int(middle - EYE * 40), int(middle)
    assert look[row, column, :3].max() < 60  # The pupil.
    assert look[row - 3, column, :3].min() > 200  # The white above it.
    assert look[row, column, 3] == 255
