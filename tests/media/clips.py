"""Small media files whose every frame and sample says which one it is."""

from fractions import Fraction

import av
import numpy as np

BITS = 10
TIME_BASE = Fraction(1, 12000)  # Holds 24, 25, 30 and 60 a second exactly.


def picture(number: int, h: int = 64, w: int = 96) -> np.ndarray:
  """Returns a picture [h, w, 3] with `number` in vertical black-white bars.

  The lowest bit is at the left. Bars have a dark top, so that a picture on its
  head is told from one that is not.
  """
  bars = (number >> np.arange(BITS)) & 1
  columns = np.repeat(bars, -(-w // BITS))[:w] * 200 + 25
  image = np.repeat(columns[None], h, axis=0)
  image[: h // 4] = 25
  return np.repeat(image[..., None], 3, axis=2).astype(np.uint8)


def number(image: np.ndarray) -> int:
  """Returns the number that `picture` put into an image of any size."""
  h, w, _ = image.shape
  bars = image[h // 2 :].mean(axis=(0, 2))
  middles = (np.arange(BITS) + 0.5) * -(-w // BITS)
  bits = bars[np.minimum(middles, w - 1).astype(int)] > 125
  return int(bits @ (1 << np.arange(BITS)))


def tone(seconds: float, rate: int = 16000, hertz: float = 440) -> np.ndarray:
  """Returns a sine [samples], float32."""
  time = np.arange(round(seconds * rate)) / rate
  return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def write_clip(
  path,
  *,
  frames=(),
  rate: float = 25,
  times=None,
  size=(64, 96),
  codec='libx264',
  pixel_format='yuv420p',
  options=None,
  rotation: int = 0,
  keyframes: int = 12,
  sound=None,
  sound_rate: int = 16000,
  sound_codec='aac',
  layout='mono',
  sound_start: float = 0.0,
  sound_hole: tuple[float, float] | None = None,
  container_options=None,
):
  """Writes a media file and returns its path.

  Args:
    path: Its suffix says which container.
    frames: Numbers of the frames, shown as `picture`s, or pictures
      [h, w, 3]; nothing makes a file without video.
    rate: Frames per second.
    times: Seconds of each frame; None is i / rate.
    size, codec, pixel_format, options, keyframes: Of the video.
    rotation: Degrees, of the display matrix.
    sound: float32 [samples] or [channels, samples]; None is no sound.
    sound_rate, sound_codec, layout, sound_start: Of the sound.
    sound_hole: (second, seconds): from there on, time stamps are that later.
    container_options: For the muxer.
  """
  frames = list(frames)
  rate = Fraction(rate).limit_denominator(1001)
  base = TIME_BASE
  if times is None:
    times = [i / rate for i in range(len(frames))]
    base = 1 / rate
  with av.open(str(path), 'w', options=container_options or {}) as container:
    if frames:
      video = container.add_stream(codec, rate=rate)
      video.height, video.width = size
      video.pix_fmt = pixel_format
      video.codec_context.gop_size = keyframes
      video.codec_context.time_base = base
      video.options = options or (
        {'preset': 'ultrafast', 'crf': '10'} if codec == 'libx264' else {}
      )
      if rotation:
        video.set_display_rotation(rotation)
    if sound is not None:
      audio = container.add_stream(sound_codec, rate=sound_rate, layout=layout)
    if frames:
      for content, time in zip(frames, times, strict=True):
        image = picture(content, *size) if np.ndim(content) == 0 else content
        frame = av.VideoFrame.from_ndarray(image, format='rgb24')
        frame.time_base = base
        frame.pts = round(time / base)
        container.mux(video.encode(frame))
      container.mux(video.encode())
    if sound is not None:
      sound = np.atleast_2d(np.asarray(sound, np.float32))
      for begin in range(0, sound.shape[1], 1024):
        piece = np.ascontiguousarray(sound[:, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(piece, 'fltp', layout)
        frame.sample_rate = sound_rate
        frame.time_base = Fraction(1, sound_rate)
        frame.pts = begin + round(sound_start * sound_rate)
        if sound_hole and begin >= round(sound_hole[0] * sound_rate):
          frame.pts += round(sound_hole[1] * sound_rate)
        container.mux(audio.encode(frame))
      container.mux(audio.encode())
  return path
