"""PyTorch's part of `benchmarks.accelerator`, run in a separate process.

  python -m benchmarks.accelerator_torch --batch=8 --size=256x320 --seconds=100

Times forward, and forward and backward pass, of the published network in
TF32 and bfloat16 (autocast), with its kernels laid out channels last and first,
eager and by torch.compile, with cudnn.benchmark. Prints a JSON row for each;
stops before what would not end in time.
"""

import argparse
import contextlib
import json
import time

import torch
from torch.nn import functional as F

from benchmarks.torch_twin import DaveTwin, channels_last


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--size', default='256x320')
  parser.add_argument('--width', type=int, default=64)
  parser.add_argument('--seconds', type=float, default=100)
  args = parser.parse_args()
  deadline = time.monotonic() + args.seconds
  device = 'cuda' if torch.cuda.is_available() else 'cpu'
  torch.backends.cudnn.benchmark = True
  torch.set_float32_matmul_precision('high')  # TF32.
  torch.backends.cudnn.allow_tf32 = True
  # Most important first: what is likely to be fastest, then the others.
  plan = [
    (name, precision, 'channels last', False)
    for name in ('forward', 'forward + backward')
    for precision in ('bfloat16', 'default')
  ]
  plan += [(name, p, layout, True) for name, p, layout, _ in plan]
  plan += [(n, p, 'channels first', False) for n, p, _, _ in plan[:4]]
  slowest = 0.0
  for name, precision, layout, compiled in plan:
    begin = time.monotonic()
    expected = max(slowest, 45 if compiled else 1)
    row = {
      'section': name,
      'name': f'PyTorch, {layout}' + ', compiled' * compiled,
      'precision': precision,
      'batch': args.batch,
    }
    if deadline - begin < expected:
      row['note'] = f'skipped: {deadline - begin:.0f} s left'
    else:
      try:
        row |= _measure(args, device, name, precision, layout, compiled)
      # A failed measurement is shown in the table and must not end the others.
      except Exception as error:
        torch._dynamo.reset()
        row['note'] = f'failed: {type(error).__name__}: {error}'[:300]
      slowest = max(slowest, time.monotonic() - begin)
    print(json.dumps(row), flush=True)


def _measure(args, device, name, precision, layout, compiled):
  torch.manual_seed(0)
  h, w = map(int, args.size.split('x'))
  last = layout == 'channels last'
  twin = DaveTwin(args.width).to(device)
  torch.nn.init.constant_(twin.saliency.bias, 1.0)
  if last:
    channels_last(twin)
  form = torch.channels_last_3d if last else torch.contiguous_format
  video = torch.randn(args.batch, 3, 16, h, w, device=device)
  audio = torch.randn(args.batch, 1, 16, 64, 64, device=device)
  video, audio = (
    x.contiguous(memory_format=form)
    for x in (video, audio.expand(-1, 3, -1, -1, -1))
  )
  targets = torch.rand(args.batch, 1, h // 8, w // 8, device=device)
  training = name != 'forward'
  twin.train(training)
  network = torch.compile(twin) if compiled else twin
  cast = contextlib.nullcontext()
  if precision == 'bfloat16':
    cast = torch.autocast(device, torch.bfloat16)

  def step():
    if not training:
      with torch.inference_mode(), cast:
        return network(video, audio)
    twin.zero_grad(set_to_none=True)
    with cast:
      maps = network(video, audio)
    loss = F.mse_loss(maps.float(), targets)
    loss.backward()
    return loss

  if device == 'cuda':
    torch.cuda.reset_peak_memory_stats()
  milliseconds = 1e3 * _time(step, device)
  row = {'ms': milliseconds}
  if device == 'cuda':
    row['memory_gib'] = torch.cuda.max_memory_allocated() / 2**30
  return row


def _time(step, device, seconds=1.0):
  """Returns seconds per call, the median of five rounds, after a warm-up."""

  def rounds(count):
    begin = time.perf_counter()
    for _ in range(count):
      step()
    if device == 'cuda':
      torch.cuda.synchronize()
    return (time.perf_counter() - begin) / count

  rounds(2)
  count = max(1, min(50, int(seconds / 5 / rounds(1))))
  return sorted(rounds(count) for _ in range(5))[2]


if __name__ == '__main__':
  main()
