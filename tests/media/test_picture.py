import types

import clips
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from dave_jax.media.picture import orientation


class DisplayMatrix(bytes):
  type = Type.DISPLAYMATRIX


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
  frame = types.SimpleNamespace(
    side_data=[DisplayMatrix(matrix.astype(np.int32).tobytes())]
  )
  transposed, mirrored, upside_down = orientation(frame)
  image = picture = clips.picture(3)
  if transposed:
    image = image.transpose(1, 0, 2)
  if mirrored:
    image = image[:, ::-1]
  if upside_down:
    image = image[::-1]
  np.testing.assert_array_equal(image, expected(picture))


def test_frame_without_a_display_matrix_is_not_turned():
  frame = types.SimpleNamespace(side_data=[])
  assert orientation(frame) == (False, False, False)
