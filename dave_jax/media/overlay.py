"""Saliency and gaze drawn over pictures, and videos of them with sound."""

import contextlib
import dataclasses
import os
import pathlib
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image

from dave_jax.media.container import is_utf8
from dave_jax.media.drawing_style import Style
from dave_jax.media.sound_track import SoundTrack
from dave_jax.media.video import VideoInfo

# Holds 24, 25, 30, 60 and 30000/1001 frames per second without rounding, and is
# coarse enough for MPEG-4, which counts in 16 bits.
_TIME_BASE = Fraction(1, 60_000)
_GIF_TIME_BASE = Fraction(1, 100)
_CONTOURS = (0.25, 0.5, 0.75)  # Between the mean of a map, 0, and its peak, 1.
_GAZE_COLOUR = (0, 255, 120)


def draw(
  image: np.ndarray,
  saliency: np.ndarray,
  style: Style | None = None,
  gaze: np.ndarray | None = None,
) -> np.ndarray:
  """Returns a picture with a saliency map, and gaze, drawn over it.

  Colours and their opacity grow from the mean of the map, what gaze spread
  evenly would give, to its peak. Below the mean the picture is unchanged, and
  everywhere if the map is constant.

  Args:
    image: uint8 [h, w, 3], RGB.
    saliency: [h', w'], of any scale.
    style: How to draw; None is `Style()`.
    gaze: [n, 2], x and y of fixations in pixels of the image.

  Returns:
    uint8 [h, w, 3], RGB; [h, 2 w, 3] side by side.
  """
  style = style or Style()
  h, w, _ = image.shape
  saliency = np.asarray(saliency, np.float32)
  mean, peak = saliency.mean(), saliency.max()
  drawn = image.copy()
  if peak > mean:
    above = (saliency - mean) / (peak - mean)
    above = cv2.resize(above, (w, h), interpolation=cv2.INTER_CUBIC)
    paint = _contours if style.style == 'contour' else _heat
    drawn = paint(drawn, np.clip(above, 0, 1), style)
  pictures = [image.copy(), drawn] if style.style == 'side_by_side' else [drawn]
  if gaze is not None:
    for picture in pictures:
      _draw_gaze(picture, gaze)
  return np.concatenate(pictures, axis=1)


def _heat(image, above, style):
  opacity = style.opacity * np.sqrt(above)
  return cv2.blendLinear(
    np.ascontiguousarray(image), _colours(above, style), 1 - opacity, opacity
  )


def _contours(image, above, style):
  image = np.ascontiguousarray(image)
  lines = image.copy()
  thickness = max(1, round(min(image.shape[:2]) / 200))
  for level in _CONTOURS:
    outlines, _ = cv2.findContours(
      (above > level).astype(np.uint8),
      cv2.RETR_EXTERNAL,
      cv2.CHAIN_APPROX_NONE,
    )
    colour = _colours(np.full((1, 1), level, np.float32), style)[0, 0]
    cv2.drawContours(
      lines, outlines, -1, colour.tolist(), thickness, cv2.LINE_AA
    )
  return cv2.addWeighted(lines, style.opacity, image, 1 - style.opacity, 0)


def _colours(above, style):
  levels = np.rint(above * 255).astype(np.uint8)
  code = getattr(cv2, f'COLORMAP_{style.colormap.upper()}')
  return np.ascontiguousarray(cv2.applyColorMap(levels, code)[..., ::-1])


def _draw_gaze(image, gaze):
  radius = max(2, round(min(image.shape[:2]) / 60))
  for x, y in gaze:
    centre = round(float(x)), round(float(y))
    cv2.circle(image, centre, radius + 1, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.circle(image, centre, radius, _GAZE_COLOUR, 2, cv2.LINE_AA)


class OverlayWriter(contextlib.AbstractContextManager):
  """Writes an MP4 of drawn frames with the sound of their video.

  The file is written under a temporary name beside `path` and renamed when it
  is closed complete; an error in the `with` block removes it. It begins with
  the first frame written, and its sound is cut to its frames. A picture of odd
  height or width loses its last row or column, as H.264 requires. A GIF has no
  sound.

  Attributes:
    path: The file.
    problems: What differs from what was asked for, as text.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    info: VideoInfo,
    *,
    audio_stream: int | None = None,
    sound_start: float = 0.0,
  ):
    """Takes where to write to, and the video that frames and sound are of.

    Args:
      path: The file, NAME.mp4 or NAME.gif.
      info: Description of the video.
      audio_stream: Index of the stream of sound; None is that of `info`.
      sound_start: Second on the clock of the video at which the clock of the
        sound is at 0.
    """
    self.path = pathlib.Path(path)
    self.problems: list[str] = []
    self._partial = self.path.with_name(
      f'{self.path.stem}.partial{self.path.suffix}'
    )
    self._info = info
    if audio_stream is not None:
      self._info = dataclasses.replace(info, audio_stream=audio_stream)
    self._gif = self.path.suffix == '.gif'
    self._time_base = _GIF_TIME_BASE if self._gif else _TIME_BASE
    self._file = self._output = self._video = self._sound = None
    self._last = -1
    self._sound_start = sound_start
    self._reformatter = VideoReformatter()

  def __exit__(self, kind, error, trace) -> None:
    if error is None:
      self.close()
    else:
      self.abort()

  def write(self, image: np.ndarray, time: float) -> None:
    """Adds a frame.

    Args:
      image: uint8 [h, w, 3], RGB; all of the same size.
      time: Seconds on the clock of the video; later than the frame before.
    """
    if self._output is None:
      self._open(image, time)
    h, w = self._video.height, self._video.width
    frame = self._frame(np.ascontiguousarray(image[:h, :w]))
    # Two frames closer than the clock of the file ticks are put a tick apart.
    stamp = max(round((time - self._begin) / self._time_base), self._last + 1)
    frame.time_base, frame.pts = self._time_base, stamp
    self._last = stamp
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
    try:
      self._output.mux(self._video.encode())
      if self._sound is not None:
        self._sound.write_until(self._end)
        self.problems += self._sound.problems
      self._close_files()
    except BaseException:
      self.abort()
      raise
    os.replace(self._partial, self.path)

  def abort(self) -> None:
    """Removes what was written."""
    try:
      if self._output is not None:
        self._close_files()
    except av.error.FFmpegError:
      pass  # A file that could not be written cannot be finished either.
    self._partial.unlink(missing_ok=True)

  def _close_files(self):
    if self._sound is not None:
      self._sound.close()
    try:
      self._output.close()
    finally:
      if self._file is not None:
        self._file.close()

  def _open(self, image, time):
    self._begin = time
    self.path.parent.mkdir(parents=True, exist_ok=True)
    target = str(self._partial)
    if not is_utf8(target):
      target = self._file = self._partial.open('wb+')
    h, w, _ = image.shape
    rate = Fraction(self._info.rate).limit_denominator(1001)
    self._output = av.open(target, 'w', format='gif' if self._gif else 'mp4')
    if self._gif:
      self._video = self._output.add_stream('gif', rate=rate)
      self._video.height, self._video.width = h, w
      self._video.pix_fmt = 'pal8'
    else:
      self._add_video(h // 2 * 2, w // 2 * 2, rate)
    self._video.codec_context.time_base = self._time_base
    if self._info.sound_path is not None and not self._gif:
      self._sound = SoundTrack(
        self._output,
        self._info.sound_path,
        self._info.audio_stream,
        time - self._sound_start,
      )

  def _add_video(self, h, w, rate):
    codec, options = 'libx264', {'crf': '20', 'preset': 'veryfast'}
    if codec not in av.codecs_available:
      codec, options = 'mpeg4', {'qmin': '2', 'qmax': '5'}
      self.problems.append(
        'overlay: this FFmpeg cannot encode H.264 (libx264); using MPEG-4, '
        'which browsers do not play'
      )
    self._video = self._output.add_stream(codec, rate=rate)
    self._video.height, self._video.width = h, w
    self._video.pix_fmt = 'yuv420p'
    self._video.options = options
    self._video.codec_context.colorspace = Colorspace.ITU709
    self._video.codec_context.color_range = ColorRange.MPEG

  def _frame(self, image):
    if self._gif:
      picture = Image.fromarray(image).quantize(
        255,  # One stays free for FFmpeg to mark unchanged pixels with.
        dither=Image.Dither.NONE,
      )
      colours = np.zeros((256, 4), np.uint8)
      known = np.reshape(picture.getpalette(), (-1, 3))
      colours[: len(known)] = np.c_[known, np.full(len(known), 255)]
      # PyAV takes alpha, red, green, blue.
      colours = np.ascontiguousarray(np.roll(colours, 1, axis=1))
      return av.VideoFrame.from_ndarray(
        (np.asarray(picture), colours), format='pal8'
      )
    return self._reformatter.reformat(
      av.VideoFrame.from_ndarray(image, format='rgb24'),
      format='yuv420p',
      dst_colorspace=Colorspace.ITU709,
      dst_color_range=ColorRange.MPEG,
    )
