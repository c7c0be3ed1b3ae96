"""Times the forward and backward pass, against PyTorch and plain XLA.

  python benchmarks/train_step.py --batch=2 --rounds=3 --json=rows.json

Float32, batch norm in training mode, random weights, mean squared error.
PyTorch runs with channels first and channels last; the faster one counts. Plain
XLA is slow (`--plain` adds it).
"""

import argparse

import numpy as np
import torch
from contestants import (
  channels_last,
  inputs,
  jitted_gradient,
  networks,
  take_turns,
  torch_gradient,
  torch_inputs,
)
from report import Row, report


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=2)
  parser.add_argument('--height', type=int, default=256)
  parser.add_argument('--width', type=int, default=320)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--plain', action='store_true')
  parser.add_argument('--json')
  args = parser.parse_args()
  twin, variables = networks()
  twin_last = channels_last(networks()[0])
  video, audio, targets = inputs(args.batch, args.height, args.width)
  first = torch_inputs(video, audio, torch.contiguous_format)
  last = torch_inputs(video, audio, torch.channels_last_3d)
  torch_targets = torch.from_numpy(targets)
  ours, plain = (
    jitted_gradient(lax_kernels=lax_kernels) for lax_kernels in (False, True)
  )
  arrays = (
    variables['params'],
    variables['batch_stats'],
    video,
    audio,
    targets,
  )
  torch_gradient(twin, *first, torch_targets)
  theirs = twin.video_branch.conv1.weight.grad.permute(2, 3, 4, 1, 0).numpy()
  gradient = ours(*arrays)[1]['video_encoder']['stem']['kernel']
  cosine = (gradient * theirs).sum() / (
    np.linalg.norm(gradient) * np.linalg.norm(theirs)
  )
  # Not 1: rounding moves a few ReLUs across zero and a few maxima to a
  # neighbour, which sends their gradients elsewhere.
  print(f"first kernel's gradient: cosine {cosine:.6f} with PyTorch's")
  calls = {
    'ours': lambda: ours(*arrays),
    'first': lambda: torch_gradient(twin, *first, torch_targets),
    'last': lambda: torch_gradient(twin_last, *last, torch_targets),
  }
  if args.plain:
    calls['plain'] = lambda: plain(*arrays)
  seconds = take_turns(calls, args.rounds)
  others = {'PyTorch': min(seconds['first'], seconds['last'])}
  if args.plain:
    others["XLA's convolutions"] = seconds['plain']
  report(
    [
      Row(
        'forward and backward, a window',
        1e3 * seconds['ours'] / args.batch,
        'ms',
        against,
        other / seconds['ours'],
      )
      for against, other in others.items()
    ],
    args.json,
  )


if __name__ == '__main__':
  main()
