"""Reads and writes images, also if their file names are not UTF-8.

OpenCV aborts the process at such names, so images are decoded and encoded in
memory.
"""

import os
import pathlib

import cv2
import numpy as np

from dave_jax.files import write_atomically

_JPEG_BEGIN, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_KINDS = {
  'rgb': cv2.IMREAD_COLOR_RGB,
  'grey': cv2.IMREAD_GRAYSCALE,
  'stored': cv2.IMREAD_UNCHANGED,
}


def read_image(path: str | os.PathLike, kind: str) -> np.ndarray | None:
  """Reads an image; returns None if it does not decode.

  Args:
    path: A file of any format that OpenCV decodes.
    kind: 'rgb', uint8 [h, w, 3], turned upright as its Exif data says; 'grey',
      uint8 [h, w]; or 'stored', with the channels (blue, green, red, alpha) and
      the type of the file.

  Raises:
    OSError: The file cannot be read.
  """
  data = np.frombuffer(pathlib.Path(path).read_bytes(), np.uint8)
  try:
    return cv2.imdecode(data, _KINDS[kind])
  except cv2.error:  # An empty file, or one of more than 2^30 pixels.
    return None


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
  """Returns an image as `read_image` does, but refuses a damaged file.

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


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
  """Writes an image completely or not at all, in the format of its suffix.

  Args:
    path: NAME.png, NAME.jpg or another suffix that OpenCV encodes.
    image: uint8 or uint16, [h, w] or RGB [h, w, 3].

  Raises:
    OSError: The file cannot be written.
    ValueError: No image of this type can be stored in this format.
  """
  path = pathlib.Path(path)
  image = image[..., ::-1] if image.ndim == 3 else image
  encodes, data = cv2.imencode(path.suffix, np.ascontiguousarray(image))
  if not encodes:
    raise ValueError(f'{path}: cannot encode {image.dtype} {image.shape}')
  with write_atomically(path) as partial:
    partial.write_bytes(data.tobytes())
