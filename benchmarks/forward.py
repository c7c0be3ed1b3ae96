"""Times the forward pass of one window, against PyTorch and plain XLA.

  python benchmarks/forward.py --rounds=7 --json=rows.json

Float32, random weights. PyTorch runs in `inference_mode` with channels first
and channels last; the faster one counts.
"""

import argparse

import numpy as np
import torch
from contestants import (
  channels_last,
  flop,
  inputs,
  jitted_forward,
  matrix_product,
  networks,
  take_turns,
  torch_inputs,
)
from report import Row, report


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=1)
  parser.add_argument('--height', type=int, default=256)
  parser.add_argument('--width', type=int, default=320)
  parser.add_argument('--rounds', type=int, default=7)
  parser.add_argument('--json')
  args = parser.parse_args()
  twin, variables = networks()
  twin.eval()
  video, audio, _ = inputs(args.batch, args.height, args.width)
  ours, plain = (
    jitted_forward(lax_kernels=lax_kernels) for lax_kernels in (False, True)
  )
  first = torch_inputs(video, audio, torch.contiguous_format)
  last = torch_inputs(video, audio, torch.channels_last_3d)
  twin_last = channels_last(networks()[0].eval())

  def pytorch(twin, arrays):
    with torch.inference_mode():
      return twin(*arrays)[:, 0].numpy()

  expected = pytorch(twin, first)
  error = np.abs(ours(variables, video, audio) - expected).max()
  print(f'largest difference: {error / np.ptp(expected):.1e} of the range')
  multiply, product = matrix_product()
  seconds = take_turns(
    {
      'ours': lambda: ours(variables, video, audio),
      'first': lambda: pytorch(twin, first),
      'last': lambda: pytorch(twin_last, last),
      'plain': lambda: plain(variables, video, audio),
      'matrix product': multiply,
    },
    args.rounds,
  )
  pytorch_best = min(seconds['first'], seconds['last'])
  peak = product / seconds['matrix product'] / 1e9
  rate = flop(twin, *first) / seconds['ours'] / 1e9
  milliseconds = 1e3 * seconds['ours'] / args.batch
  report(
    [
      Row(
        'forward, a window',
        milliseconds,
        'ms',
        'PyTorch',
        pytorch_best / seconds['ours'],
      ),
      Row(
        'forward, a window',
        milliseconds,
        'ms',
        "XLA's convolutions",
        seconds['plain'] / seconds['ours'],
      ),
      Row('matrix product', peak, 'GFLOP/s'),
      Row('forward', rate, 'GFLOP/s', 'matrix product', rate / peak),
    ],
    args.json,
  )


if __name__ == '__main__':
  main()
