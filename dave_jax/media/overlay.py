"""A video with its saliency drawn over it, and its sound."""

import dataclasses
import os
import pathlib
import types
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from dave_jax.media.sound_track import SoundTrack
from dave_jax.media.video import VideoInfo

# Fine enough for 24, 25, 30, 60 and 30000/1001 a second without rounding, and
# coarse enough for MPEG-4, which counts in 16 bits.
_TIME_BASE = Fraction(1, 60_000)
_STRONGEST = 0.75  # Opacity at the peak.


def draw(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
  """Returns a picture with a saliency map drawn over it.

  Colours (inferno) and their opacity grow from the map's mean, what an even
  spread of gaze would give, to its peak; below the mean the picture stays as
  it is, and so it does everywhere where the map is constant.

  Args:
    image: uint8 [h, w, 3].
    saliency: [h', w'], of any scale.

  Returns:
    uint8 [h, w, 3].
  """
  h, w, _ = image.shape
  saliency = np.asarray(saliency, np.float32)
  mean, peak = saliency.mean(), saliency.max()
  if not peak > mean:
    return image.copy()
  above = (saliency - mean) / (peak - mean)
  above = cv2.resize(above, (w, h), interpolation=cv2.INTER_CUBIC)
  above = np.clip(above, 0, 1)
  levels = np.rint(above * 255).astype(np.uint8)
  colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
  opacity = _STRONGEST * np.sqrt(above)
  return cv2.blendLinear(
    np.ascontiguousarray(image), colours.copy(), 1 - opacity, opacity
  )


class OverlayWriter:
  """Writes an MP4 of a video's frames with their saliency, and its sound.

  The file is written to a temporary name beside `path` and takes its own name
  when it is closed whole; an error in the `with` block removes it. It begins
  with the first frame written, and its sound is cut to its frames. A picture
  of odd height or width loses its last row or column, as H.264 wants.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    info: VideoInfo,
    *,
    audio_stream: int | None = None,
  ):
    """Takes where to write to, and the video that frames and sound are of.

    Args:
      path: The file, NAME.mp4.
      info: Of the video.
      audio_stream: Index of the sound; None is the one of `info`.
    """
    self.path = pathlib.Path(path)
    self._partial = self.path.with_name(
      f'{self.path.stem}.partial{self.path.suffix}'
    )
    self._info = info
    if audio_stream is not None:
      self._info = dataclasses.replace(info, audio_stream=audio_stream)
    self._output = None
    self._video = None
    self._sound = None
    self._reformatter = VideoReformatter()

  def __enter__(self) -> 'OverlayWriter':
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: types.TracebackType | None,
  ) -> None:
    if error is None:
      self.close()
    else:
      self.abort()

  def write(self, image: np.ndarray, saliency: np.ndarray, time: float) -> None:
    """Adds a frame.

    Args:
      image: uint8 [h, w, 3]; all of one size.
      saliency: [h', w'], of any size and scale.
      time: Seconds on the clock of the video; later than the frame before.
    """
    if self._output is None:
      self._open(image, time)
    h, w = self._video.height, self._video.width
    frame = av.VideoFrame.from_ndarray(
      np.ascontiguousarray(draw(image, saliency)[:h, :w]), format='rgb24'
    )
    frame = self._reformatter.reformat(
      frame,
      format='yuv420p',
      dst_colorspace=Colorspace.ITU709,
      dst_color_range=ColorRange.MPEG,
    )
    frame.time_base = _TIME_BASE
    frame.pts = round((time - self._begin) / _TIME_BASE)
    self._output.mux(self._video.encode(frame))
    self._end = time - self._begin + 1 / self._info.rate
    if self._sound is not None:
      self._sound.write_until(time - self._begin)

  def close(self) -> None:
    """Finishes the file.

    Raises:
      ValueError: No frame was written.
    """
    if self._output is None:
      raise ValueError(f'{self.path}: no frame was written to it')
    self._output.mux(self._video.encode())
    if self._sound is not None:
      self._sound.write_until(self._end)
    self._shut()
    os.replace(self._partial, self.path)

  def abort(self) -> None:
    """Removes what was written."""
    if self._output is not None:
      self._shut()
    self._partial.unlink(missing_ok=True)

  def _shut(self):
    if self._sound is not None:
      self._sound.close()
    self._output.close()

  def _open(self, image, time):
    self._begin = time
    self.path.parent.mkdir(parents=True, exist_ok=True)
    self._output = av.open(str(self._partial), 'w', format='mp4')
    has_x264 = 'libx264' in av.codecs_available
    rate = Fraction(self._info.rate).limit_denominator(1001)
    self._video = self._output.add_stream(
      'libx264' if has_x264 else 'mpeg4', rate=rate
    )
    h, w, _ = image.shape
    self._video.height, self._video.width = h // 2 * 2, w // 2 * 2
    self._video.pix_fmt = 'yuv420p'
    self._video.codec_context.time_base = _TIME_BASE
    self._video.options = (
      {'crf': '20', 'preset': 'veryfast'}
      if has_x264
      else {'qmin': '2', 'qmax': '5'}
    )
    self._video.codec_context.colorspace = Colorspace.ITU709
    self._video.codec_context.color_range = ColorRange.MPEG
    if self._info.sound_path is not None:
      self._sound = SoundTrack(
        self._output, self._info.sound_path, self._info.audio_stream, time
      )
