"""Predicts a clip that it makes itself: the whole way, without any download.

  python -m dave_jax.demo --out=demo

Writes `clip.mp4`, five seconds of a ball that sounds when it bounces;
`network`, a small DAVE with random weights; and `prediction`, its maps, an
overlay video and a manifest. The weights are NOT trained: the maps show that
everything works, not where people look. For that convert published weights
with `dave_jax.convert` and predict with `dave_jax.predict`.
"""

import argparse
import pathlib
import sys
from fractions import Fraction

import av
import numpy as np

from dave_jax import predict
from dave_jax.model.dave import DAVE
from dave_jax.weights import store

SECONDS, RATE, HEIGHT, WIDTH, SAMPLE_RATE = 5, 25, 240, 320, 44100
_BOUNCES = 1.25  # Seconds between them.


def main(argv: list[str] | None = None) -> int:
  """Runs the demonstration; returns the exit status."""
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.demo',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--out', default='demo', help='folder to write')
  out = pathlib.Path(parser.parse_args(argv).out)
  out.mkdir(parents=True, exist_ok=True)
  clip, network = out / 'clip.mp4', out / 'network'
  write_clip(clip)
  if not network.exists():
    module = DAVE(depth=10, width=8, frame_size=(128, 160))
    variables = module.initialise(0)
    store.save(network, module, variables, origin={'made': 'random, seed 0'})
  print('The weights of this demonstration are random, not trained.')
  return predict.main(
    [
      str(clip),
      f'--checkpoint={network}',
      f'--out={out / "prediction"}',
      '--overwrite',
    ]
  )


def write_clip(path: pathlib.Path) -> None:
  """Writes an MP4 of a ball that bounces, with a tone at each bounce."""
  with av.open(str(path), 'w') as container:
    video = container.add_stream('libx264', rate=RATE)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
    audio = container.add_stream('aac', rate=SAMPLE_RATE, layout='mono')
    for i in range(SECONDS * RATE):
      frame = av.VideoFrame.from_ndarray(_picture(i / RATE), format='rgb24')
      container.mux(video.encode(frame))
    container.mux(video.encode())
    waveform = _sound(np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE)
    for start in range(0, len(waveform), 1024):
      block = waveform[None, start : start + 1024].astype(np.float32)
      frame = av.AudioFrame.from_ndarray(block, format='fltp', layout='mono')
      frame.sample_rate = SAMPLE_RATE
      frame.pts, frame.time_base = start, Fraction(1, SAMPLE_RATE)
      container.mux(audio.encode(frame))
    container.mux(audio.encode())


def _picture(time: float) -> np.ndarray:
  """Returns the frame [HEIGHT, WIDTH, 3], uint8, of a second in the clip."""
  phase = time % _BOUNCES / _BOUNCES
  y = HEIGHT * (0.85 - 0.6 * 4 * phase * (1 - phase))
  x = WIDTH * (0.15 + 0.7 * time / SECONDS)
  rows, columns = np.mgrid[:HEIGHT, :WIDTH]
  frame = np.stack([60 + rows // 4, 80 + columns // 5, 110 + 0 * rows], -1)
  frame[(rows - y) ** 2 + (columns - x) ** 2 < 20**2] = 240, 90, 40
  return frame.astype(np.uint8)


def _sound(time: np.ndarray) -> np.ndarray:
  """Returns the waveform at the given seconds: a tone fading at each bounce."""
  since = time % _BOUNCES
  return 0.5 * np.exp(-since / 0.1) * np.sin(2 * np.pi * 440 * time)


if __name__ == '__main__':
  sys.exit(main())
