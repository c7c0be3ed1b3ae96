"""Writes videos of pictures and a waveform."""

import os
import pathlib
import tempfile
from collections.abc import Iterable

import numpy as np
import scipy.io.wavfile

from dave_jax.media.audio import SAMPLE_RATE
from dave_jax.media.overlay import OverlayWriter
from dave_jax.media.video import VideoInfo


def write_video(
  path: str | os.PathLike,
  frames: Iterable[tuple[np.ndarray, float]],
  *,
  rate: float,
  waveform: np.ndarray | None,
) -> None:
  """Writes an MP4; see `OverlayWriter` for its limits.

  Args:
    path: The file.
    frames: (picture uint8 [h, w, 3], second) of each frame.
    rate: Frames per second.
    waveform: Sound at 16 kHz from second 0, -1 to 1; None for none.
  """
  with tempfile.TemporaryDirectory() as folder:
    sound = None
    if waveform is not None:
      sound = os.path.join(folder, 'sound.wav')
      scipy.io.wavfile.write(sound, SAMPLE_RATE, waveform)
    info = VideoInfo(
      path=os.fspath(path),
      width=0,
      height=0,
      rate=rate,
      duration=None,
      frames=None,
      start_time=0.0,
      codec='',
      rotation=0,
      video_stream=None,
      sound_path=sound,
      audio_stream=None if sound is None else 0,
    )
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with OverlayWriter(path, info) as writer:
      for picture, time in frames:
        writer.write(picture, time)
