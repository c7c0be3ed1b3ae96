"""Measures the input pipeline: windows a second, and memory over epochs.

  python -m benchmarks.data --workers=2 --json=rows.json

Builds a data set in a temporary folder: videos of 256x320 with the spectrum of
photographs, with sound. Measures the whole pipeline (reading, decoding,
log-mel, target, batching, transfer from the worker processes), reading records
alone, and the memory of this process and its workers after the first and later
epochs. Ratios are to the targets for two cores: 60 windows a second, 300
without decoding, and memory that does not grow.
"""

import argparse
import csv
import multiprocessing
import os
import pathlib
import tempfile
import time

import cv2
import numpy as np

from benchmarks.report import Row, report
from dave_jax.data.batches import Loading
from dave_jax.data.pipeline import train_batches
from dave_jax.data.transforms import Reading, WindowReader
from dave_jax.datasets.build import build
from dave_jax.datasets.prepare import make_builder
from dave_jax.datasets.store import open_dataset
from dave_jax.media import clock
from dave_jax.media.write_video import write_video

SIZE, RATE = (256, 320), 25
TARGET, TARGET_UNDECODED = 60, 300  # Windows a second.
READING = Reading((256, 320), 'exact', None, fixation_map=False)


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--clips', type=int, default=4)
  parser.add_argument('--seconds', type=int, default=8)
  parser.add_argument('--batch_size', type=int, default=10)
  parser.add_argument('--workers', type=int, default=2)
  parser.add_argument('--epochs', type=int, default=3)
  parser.add_argument('--json')
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    dataset = _dataset(pathlib.Path(folder), args.clips, args.seconds)
    undecoded = _undecoded(dataset)
    whole, memory = _whole(dataset, args)
  first, last = memory[0], memory[-1]
  report(
    [
      Row(
        f'whole pipeline, {args.workers} workers',
        whole,
        'windows/s',
        f'the target of {TARGET}',
        whole / TARGET,
      ),
      Row(
        'reading records, one process',
        undecoded,
        'windows/s',
        f'the target of {TARGET_UNDECODED}',
        undecoded / TARGET_UNDECODED,
      ),
      Row('memory after an epoch', first, 'MB'),
      Row(
        f'memory after {args.epochs} epochs',
        last,
        'MB',
        'after an epoch',
        first / last,
      ),
    ],
    args.json,
  )


def _whole(dataset, args):
  """Returns (windows a second, [megabytes after each epoch])."""
  batches = train_batches(
    [(dataset, 'train')],
    READING,
    Loading(args.batch_size, 0, 1, workers=args.workers, prefetch=1),
    seed=0,
    stride=1,
    random_frames=False,
    augmentations=(),
    views=None,
    weights=None,
    sound='own',
  )
  for _ in range(2 * max(1, args.workers)):  # Workers start.
    next(batches)
  count = batches.examples // args.batch_size
  memory = []
  begin = time.perf_counter()
  for _ in range(args.epochs):
    for _ in range(count):
      next(batches)
    memory.append(_megabytes())
  took = time.perf_counter() - begin
  batches.close()
  return args.epochs * count * args.batch_size / took, memory


def _undecoded(dataset):
  """Returns windows a second when records are only read."""
  reader = WindowReader(dataset, 'train', READING)
  rng = np.random.default_rng(0)
  rates = []
  for _ in range(3):
    begin = time.perf_counter()
    for _ in range(400):
      clip = reader.clips[rng.integers(len(reader.clips))]
      last = int(rng.integers(clip.frames))
      reader.records(clip, clock.window_frames(last))
    rates.append(400 / (time.perf_counter() - begin))
  return float(np.median(rates))


def _megabytes():
  """Returns the memory of this process and its workers in bytes."""
  pids = [os.getpid(), *(p.pid for p in multiprocessing.active_children())]
  total = 0
  for pid in pids:
    # Proportional set size, on Linux only: shared pages count once.
    lines = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    total += next(int(s.split()[1]) for s in lines if s.startswith('Pss:'))
  return total / 1024


def _dataset(folder, clips, seconds):
  source = folder / 'videos'
  source.mkdir()
  names = [f'clip{number}' for number in range(clips)]
  for seed, name in enumerate(names):
    _write_video(source / f'{name}.mp4', seconds, seed)
  with (source / 'clips.csv').open('w', newline='') as file:
    rows = csv.writer(file)
    rows.writerow(['name', 'split', 'category'])
    rows.writerows([name, 'train', ''] for name in names)
  rng = np.random.default_rng(0)
  with (source / 'fixations.csv').open('w', newline='') as file:
    rows = csv.writer(file)
    rows.writerow(['name', 'frame', 'viewer', 'x', 'y'])
    for name in names:
      for frame in range(seconds * RATE):
        for viewer, xy in enumerate(rng.uniform(0, SIZE[::-1], (20, 2))):
          rows.writerow([name, frame, viewer, *xy])
  builder = make_builder(
    'folder', folder / 'data', settings={'pixels_per_degree': '20'}
  )
  build(builder, source)
  return open_dataset(folder / 'data', 'folder')


def _write_video(path, seconds, seed):
  """Writes a video of a moving picture, with sound."""
  h, w = SIZE
  rng = np.random.default_rng(seed)
  frames = seconds * RATE
  scene = np.zeros((h, w + 2 * frames, 3), np.float32)
  for octave in range(1, 8):  # Amplitude as 1 / frequency.
    size = 2**octave, 2**octave * scene.shape[1] // h + 1
    noise = rng.normal(0, 90 / octave**2, (*size, 3)).astype(np.float32)
    scene += cv2.resize(
      noise, scene.shape[1::-1], interpolation=cv2.INTER_CUBIC
    )
  scene = np.clip(scene + 128, 0, 255).astype(np.uint8)
  write_video(
    path,
    ((scene[:, 2 * n : 2 * n + w], n / RATE) for n in range(frames)),
    rate=RATE,
    waveform=rng.normal(0, 0.1, seconds * 16000).astype(np.float32),
  )


if __name__ == '__main__':
  main()
