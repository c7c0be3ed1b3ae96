"""Images in files of any name."""

import os

import numpy as np
import pytest

from dave_jax.media.image_file import read_image, write_image


@pytest.fixture
def odd_name(tmp_path):
  """A name in Latin-1, which is not valid UTF-8."""
  return os.path.join(os.fsencode(tmp_path), b'caf\xe9.png')


def test_images_keep_their_pixels_under_a_name_that_is_not_utf8(odd_name):
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (9, 7, 3), np.uint8)
  path = os.fsdecode(odd_name)
  write_image(path, image)
  assert os.listdir(os.path.dirname(odd_name)) == [b'caf\xe9.png']
  np.testing.assert_array_equal(read_image(path, 'rgb'), image)
  np.testing.assert_array_equal(read_image(path, 'stored'), image[..., ::-1])


def test_grey_images_of_16_bits_keep_their_values(tmp_path):
  image = np.arange(63, dtype=np.uint16).reshape(9, 7) * 1000
  write_image(tmp_path / 'a.png', image)
  np.testing.assert_array_equal(read_image(tmp_path / 'a.png', 'stored'), image)


def test_file_that_does_not_decode_gives_none(tmp_path):
  path = tmp_path / 'a.png'
  path.touch()
  assert read_image(path, 'rgb') is None
  path.write_text('not an image')
  assert read_image(path, 'grey') is None
  with pytest.raises(FileNotFoundError):
    read_image(tmp_path / 'absent.png', 'rgb')
