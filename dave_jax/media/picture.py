"""From decoded frames to pictures: colours, size, the right way up."""

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter

# The one way that pictures are resized: what `ffmpeg -s` does, with the flags
# that give the same bytes on every processor. Networks see the difference:
# OpenCV's area filter is 3 grey levels off on average.
_RESIZING = (
  Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
)


class PictureMaker:
  """Turns decoded frames into pictures of one size.

  Any pixel format, colour space and range that FFmpeg knows, as the frame is
  tagged.
  """

  def __init__(self, size: tuple[int, int]):
    self._size = size
    self._reformatter = VideoReformatter()

  def __call__(self, frame: av.VideoFrame) -> np.ndarray:
    """Returns a frame as uint8 [h, w, 3], red, green, blue."""
    transposed, mirrored, upside_down = orientation(frame)
    h, w = self._size[::-1] if transposed else self._size
    image = self._reformatter.reformat(
      frame, width=w, height=h, format='rgb24', interpolation=_RESIZING
    ).to_ndarray()
    if transposed:
      image = image.transpose(1, 0, 2)
    if mirrored:
      image = image[:, ::-1]
    if upside_down:
      image = image[::-1]
    return np.ascontiguousarray(image)


def orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
  """Returns how a frame is to be turned for show.

  Of the display matrix of the file, which says where x and y go; angles
  between quarter turns are taken as the nearest.

  Returns:
    (transposed, mirrored left to right, upside down), to be undone in this
    order.
  """
  for data in frame.side_data:
    if data.type == Type.DISPLAYMATRIX:
      # x' = a x + c y, y' = b x + d y.
      a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5]
      if abs(b) > abs(a):
        return True, bool(c < 0), bool(b < 0)
      return False, bool(a < 0), bool(d < 0)
  return False, False, False
