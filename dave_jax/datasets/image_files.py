"""Reads image files of data sets, with checks that they are complete."""

import os
import pathlib

import numpy as np

from dave_jax.media.image_file import read_image

_JPEG_BEGIN, _JPEG_END = b'\xff\xd8', b'\xff\xd9'


def image_bytes(path: str | os.PathLike) -> bytes:
  """Returns the bytes of an image file.

  Raises:
    ValueError: The file is empty, or a JPEG without its end, which decoders
      silently complete with grey.
    OSError: The file cannot be read.
  """
  data = pathlib.Path(path).read_bytes()
  if not data:
    raise ValueError(f'{path}: the file is empty; download it again')
  if data[:2] == _JPEG_BEGIN and _JPEG_END not in data[-4096:]:
    raise ValueError(f'{path}: the JPEG is cut off; download it again')
  return data


def read_complete_image(path: str | os.PathLike, kind: str) -> np.ndarray:
  """Returns an image as `media.image_file.read_image` does.

  Raises:
    ValueError: The file does not decode, or is cut off.
    OSError: The file cannot be read.
  """
  image_bytes(path)
  image = read_image(path, kind)
  if image is None:
    raise ValueError(
      f'{path}: expected an image, got a file that does not decode; download '
      'it again'
    )
  return image
