"""Images in files, whatever bytes the file's name is made of.

OpenCV takes names as UTF-8 and ends the process at others, so that images are
decoded and encoded in memory.
"""

import os
import pathlib

import cv2
import numpy as np

from dave_jax.files import write_atomically

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
