import gc

import av
import clips
import numpy as np
import pytest

from dave_jax.media.picture import (
  PictureMaker,
  matrix_orientation,
  orientation,
)


@pytest.mark.parametrize(
  # By hand of x' = a x + c y, y' = b x + d y, x to the right and y down.
  'a, b, c, d, expected',
  [
    (1, 0, 0, 1, lambda image: image),
    (0, 1, -1, 0, lambda image: np.rot90(image, -1)),  # Telephone upright.
    (0, -1, 1, 0, lambda image: np.rot90(image, 1)),
    (-1, 0, 0, -1, lambda image: np.rot90(image, 2)),
    (-1, 0, 0, 1, lambda image: image[:, ::-1]),  # Selfie.
    (1, 0, 0, -1, lambda image: image[::-1]),
    (0, 1, 1, 0, lambda image: image.transpose(1, 0, 2)),
  ],
)
def test_display_matrix_says_how_to_turn(a, b, c, d, expected):
  one = 1 << 16
  matrix = np.array([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30])
  transposed, mirrored, upside_down = matrix_orientation(matrix)
  image = picture = clips.picture(3)
  if transposed:
    image = image.transpose(1, 0, 2)
  if mirrored:
    image = image[:, ::-1]
  if upside_down:
    image = image[::-1]
  np.testing.assert_array_equal(image, expected(picture))


def test_frame_without_a_display_matrix_is_not_turned():
  frame = av.VideoFrame(64, 48, 'yuv420p')
  assert orientation(frame) == (False, False, False)


def test_frames_are_freed_without_the_garbage_collector():
  """Those of a film would fill the memory before it runs."""
  make_picture = PictureMaker((24, 32))
  before = _frames_in_memory()
  gc.disable()
  try:
    for _ in range(3):
      make_picture(av.VideoFrame(64, 48, 'yuv420p'))
    assert _frames_in_memory() == before
  finally:
    gc.enable()


def _frames_in_memory():
  return sum(type(value) is av.VideoFrame for value in gc.get_objects())
