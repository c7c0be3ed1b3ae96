"""From decoded frames to RGB pictures: colours, size, orientation."""

import functools
import io
import struct

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

# The one way that pictures are resized: as `ffmpeg -s` does, with the flags
# that give the same bytes on every processor. Networks see the difference:
# OpenCV's area filter is 3 grey levels off on average.
_RESIZING = (
  Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
)
_EXIF_TAG = 0x112
# What `orientation` returns of Exif's orientations.
_EXIF_TURNS = {
  1: (False, False, False),
  2: (False, True, False),
  3: (False, True, True),
  4: (False, False, True),
  5: (True, False, False),
  6: (True, True, False),
  7: (True, True, True),
  8: (True, False, True),
}
# Transfer functions of high dynamic range (ITU-T H.273).
_PQ, _HLG = 16, 18
# Luminance of diffuse white (ITU-R BT.2408), in nits: white in SDR.
_WHITE = 203.0
# From linear BT.2020 to linear BT.709 primaries (ITU-R BT.2087).
_TO_709 = np.array(
  [
    [1.6605, -0.5876, -0.0728],
    [-0.1246, 1.1329, -0.0083],
    [-0.0182, -0.1006, 1.1187],
  ],
  np.float32,
)


class PictureMaker:
  """Turns decoded frames into RGB pictures of one size.

  Takes any pixel format, colour space and range that FFmpeg knows, as the frame
  is tagged. High dynamic range (PQ, HLG) is mapped to what a screen with a
  white of 203 nits shows; brighter highlights are clipped.
  """

  def __init__(self, size: tuple[int, int], exif: int = 0):
    """Defines the pictures.

    Args:
      size: Their height and width.
      exif: See `orientation`.
    """
    self._size = size
    self._exif = exif
    self._reformatter = VideoReformatter()

  def __call__(self, frame: av.VideoFrame) -> np.ndarray:
    """Returns a frame as uint8 [h, w, 3], RGB."""
    transposed, mirrored, upside_down = orientation(frame, self._exif)
    h, w = self._size[::-1] if transposed else self._size
    hdr = frame.color_trc in (_PQ, _HLG)
    image = self._reformatter.reformat(
      frame,
      width=w,
      height=h,
      format='rgb48le' if hdr else 'rgb24',
      interpolation=_RESIZING,
    ).to_ndarray()
    if hdr:
      image = tone_map(image, hlg=frame.color_trc == _HLG)
    if transposed:
      image = image.transpose(1, 0, 2)
    if mirrored:
      image = image[:, ::-1]
    if upside_down:
      image = image[::-1]
    return np.ascontiguousarray(image)


def exif_orientation(jpeg: bytes) -> int:
  """Returns the orientation in the Exif data of a JPEG, 1 to 8; 0 without."""
  try:
    return Image.open(io.BytesIO(jpeg)).getexif().get(_EXIF_TAG, 0)
  except (OSError, SyntaxError, struct.error):  # Damaged.
    return 0


def orientation(frame: av.VideoFrame, exif: int = 0) -> tuple[bool, bool, bool]:
  """Returns how to turn a frame to show it upright.

  Reads the display matrix of the file, which maps x and y; angles between
  quarter turns are rounded to the nearest.

  Args:
    frame: A decoded frame.
    exif: `exif_orientation` of its packet, for frames whose matrix PyAV cannot
      read; 0 uses the rotation alone there.

  Returns:
    (transposed, mirrored left to right, upside down), to be applied in this
    order.
  """
  try:
    # `frame.side_data` would refer to its frame and be referred to by it, so
    # that 3 MB of each 1080p frame wait for the garbage collector.
    matrix = SideDataContainer(frame).get(Type.DISPLAYMATRIX)
  except ValueError:
    # PyAV reads none of it if one kind, such as Exif, is unknown to it; the
    # rotation it reads by itself.
    if exif in _EXIF_TURNS:
      return _EXIF_TURNS[exif]
    quarter = round(frame.rotation / 90) % 4
    return quarter % 2 == 1, quarter in (2, 3), quarter in (1, 2)
  if matrix is None:
    return False, False, False
  return matrix_orientation(np.frombuffer(bytes(matrix), np.int32))


def matrix_orientation(matrix: np.ndarray) -> tuple[bool, bool, bool]:
  """Returns the orientation that a display matrix of nine numbers says."""
  # x' = a x + c y, y' = b x + d y.
  a, b, _, c, d, *_ = matrix
  if abs(b) > abs(a):
    return True, bool(c < 0), bool(b < 0)
  return False, bool(a < 0), bool(d < 0)


def tone_map(image: np.ndarray, *, hlg: bool) -> np.ndarray:
  """Returns what a 203-nit BT.709 screen shows of a BT.2020 HDR picture.

  Args:
    image: uint16 [h, w, 3], RGB, 0 to 65535, in PQ (SMPTE ST 2084) or HLG
      (ITU-R BT.2100) with a peak of 1000 nits.
    hlg: Whether it is HLG.

  Returns:
    uint8 [h, w, 3], RGB with a gamma of 2.4.
  """
  linear = _linear(hlg)[image]
  if hlg:
    luma = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    linear = linear * (1000 / _WHITE * luma**0.2)[..., None]
  linear = np.clip(linear @ _TO_709.T, 0, 1)
  return _gamma()[np.rint(linear * 65535).astype(np.uint16)]


@functools.cache
def _linear(hlg: bool) -> np.ndarray:
  """Returns linear light of each 16-bit code: scene (HLG), 1 for white (PQ)."""
  code = np.arange(65536) / 65535
  if hlg:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.where(
      code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12
    )
    return light.astype(np.float32)
  root = code ** (1 / 78.84375)
  base = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
  return (10000 / _WHITE * base ** (1 / 0.1593017578125)).astype(np.float32)


@functools.cache
def _gamma() -> np.ndarray:
  light = np.arange(65536) / 65535
  return np.rint(255 * light ** (1 / 2.4)).astype(np.uint8)
