"""Compares training in bfloat16 and float32: losses and validation scores.

  python -m benchmarks.bfloat16 --study=runs/demo --workdir=runs/bfloat16 \
      --out=docs/images

Trains the audio-visual network of configs/demo.py in both dtypes with several
seeds, from the data and pre-trained networks of the study in --study. The
difference between seeds is the noise to compare with. Writes OUT/bfloat16.png
and prints the validation scores in Markdown.
"""

import argparse
import json
import pathlib

import numpy as np
from ml_collections import ConfigDict

from dave_jax.configs import demo
from dave_jax.report import style
from dave_jax.train import train

DTYPES = ('float32', 'bfloat16')


def config_of(
  study: pathlib.Path, dtype: str, seed: int, steps: int
) -> ConfigDict:
  """Returns the config of the audio-visual network for a dtype and seed."""
  config = demo.get_config().networks.audio_visual
  config.seed = seed
  config.data.data_dir = str(study / 'data')
  config.start.network = str(study / 'pretrain_video' / 'best')
  config.start.audio_encoder = str(study / 'pretrain_audio' / 'best')
  config.model.dtype = dtype
  config.train.steps = steps
  config.evaluation.every = steps
  return config


def read_lines(path: pathlib.Path) -> list[dict]:
  """Returns the rows of a file of JSON lines."""
  return [json.loads(line) for line in path.read_text().splitlines()]


def draw(losses: dict, path: pathlib.Path) -> None:
  """Plots the losses of both dtypes.

  Args:
    losses: {(dtype, seed): {stream of batch: [(step, loss)]}}.
    path: File of the picture.
  """
  streams = list(next(iter(losses.values())))
  with style.new_figure(style.WIDTH, 2.6) as figure:
    panels = figure.subplots(1, len(streams), sharey=True)
    for axes, stream in zip(panels, streams, strict=True):
      for (dtype, seed), curves in losses.items():
        axes.plot(
          *np.array(curves[stream]).T,
          color=style.COLOURS[DTYPES.index(dtype)],
          linewidth=0.8,
          label=None if seed else dtype,
        )
      axes.set(xlabel='step', title=stream.replace('_', '-'))
    panels[0].set_ylabel('loss')
    panels[0].legend()
    figure.savefig(path)


def main() -> None:
  """Trains, prints and draws."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--study', type=pathlib.Path, required=True)
  parser.add_argument('--workdir', type=pathlib.Path, required=True)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--steps', type=int, default=100)
  parser.add_argument('--seeds', type=int, default=2)
  args = parser.parse_args()
  losses = {}
  print('| type | seed | NSS | CC |\n| --- | --- | --- | --- |')
  for seed in range(args.seeds):
    for dtype in DTYPES:
      workdir = args.workdir / f'{dtype}_{seed}'
      train(config_of(args.study, dtype, seed, args.steps), workdir)
      curves = losses.setdefault((dtype, seed), {})
      for row in read_lines(workdir / 'train.jsonl'):
        curves.setdefault(row['stream'], []).append((row['step'], row['loss']))
      scores = read_lines(workdir / 'validation.jsonl')[-1]
      nss, cc = (scores[f'sounding_shapes:val/{s}'] for s in ('NSS', 'CC'))
      print(f'| {dtype} | {seed} | {nss:.3f} | {cc:.3f} |', flush=True)
  draw(losses, args.out / 'bfloat16.png')


if __name__ == '__main__':
  main()
