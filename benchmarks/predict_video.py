"""Measures frames a second from video file to maps, against PyTorch.

  python -m benchmarks.predict_video clip.mp4 --frames=24 --json=rows.json

Includes decoding, sound and the network at 256x320, stride 1, float32, random
weights. PyTorch computes each window separately in `inference_mode`, from
frames and sound of the same reader. Implementations alternate for `--rounds`
rounds; medians are printed.
"""

import argparse
import itertools

import numpy as np
import torch

from benchmarks.contestants import networks, take_turns
from benchmarks.report import Row, report
from dave_jax.media import clock
from dave_jax.media.source import open_source
from dave_jax.models.dave import DAVE
from dave_jax.models.normalisation import MEAN, STANDARD_DEVIATION
from dave_jax.prediction.saliency_model import SaliencyModel
from dave_jax.prediction.sliding_windows import windows


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('clip')
  parser.add_argument('--frames', type=int, default=24)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--json')
  args = parser.parse_args()
  twin, variables = networks()
  twin.eval()
  model = SaliencyModel(DAVE(), variables, origin={}, fingerprint='')
  end = _end(args.clip, args.frames)
  contestants = {
    'ours': lambda: _ours(model, args.clip, end),
    'PyTorch': lambda: _pytorch(twin, args.clip, end),
  }
  maps = {name: predict() for name, predict in contestants.items()}
  difference = np.abs(maps['ours'] - maps['PyTorch']).max()
  share = difference / np.ptp(maps['PyTorch'])
  print(f'largest difference: {share:.1e} of the range')
  seconds = take_turns(contestants, args.rounds)
  rate = len(maps['ours']) / seconds['ours']
  ratio = seconds['PyTorch'] / seconds['ours']
  report(
    [Row('video prediction', rate, 'frames/s', 'PyTorch', ratio)], args.json
  )


def _end(clip, frames):
  """Returns the time before which a clip has so many frames, in seconds."""
  with open_source(clip, size=(32, 32)) as reader:
    times = [f.time for f in itertools.islice(reader, frames + 1)]
  return times[-1]


def _ours(model, clip, end):
  return np.stack(
    [
      saliency
      for _, saliency in model.predict(
        clip, end=end, size='network', values='network'
      )
    ]
  )


def _windows(model, clip, end):
  """Yields frames [16, h, w, 3] and examples [16, 64, 64] of each window."""
  with open_source(clip, size=model.frame_size, end=end) as reader:
    sound = reader.sound()
    rate = reader.info.rate
    for window in windows(reader, sound, alignment='exact', rate=rate):
      images = np.stack([frame.image for frame in window.frames])
      yield images, clock.cut_examples(sound.log_mel, window.starts)


def _pytorch(twin, clip, end):
  model = SaliencyModel(DAVE(), {}, origin={}, fingerprint='')
  mean, deviation = torch.tensor(MEAN), torch.tensor(STANDARD_DEVIATION)
  maps = []
  with torch.inference_mode():
    for images, examples in _windows(model, clip, end):
      video = (torch.from_numpy(images).float() - mean) / deviation
      video = video.permute(3, 0, 1, 2)[None].contiguous()
      audio = torch.from_numpy(examples)[None, None].expand(-1, 3, -1, -1, -1)
      maps.append(twin(video, audio)[0, 0].numpy())
  return np.stack(maps)


if __name__ == '__main__':
  main()
