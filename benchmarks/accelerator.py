"""Accuracy, speed and memory of the network on one GPU or TPU.

  python -m benchmarks.accelerator --out=FILE.json --golden=dave_forward.npz

Measures in order of importance until --minutes are over: agreement with the
published code, forward pass, forward and backward pass, both also of PyTorch,
routed training steps, streaming prediction, and a short training. Prints a
Markdown table; FILE.json, written again after every row, holds the same rows
with the name of the card and the versions. Needs JAX, Flax, Optax and NumPy,
and PyTorch for its rows. On a CPU it shows no more than that it works.
"""

import argparse
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time

# Leaves memory to PyTorch, which runs in a separate process.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import accelerator_steps
from benchmarks.accelerator_bench import (
  COLUMNS,
  FAST,
  PRECISIONS,
  Bench,
  comparison,
  versions,
)
from benchmarks.accelerator_steps import inputs, training_loss
from benchmarks.golden import load_golden
from dave_jax.models import stem_stream
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import normalise


def matmul(bench: Bench) -> None:
  """Measures the rate of large matrix products, for the other rows' shares."""
  n = bench.args.matmul
  for precision in (*FAST, 'highest'):
    matrix = jnp.ones((n, n), PRECISIONS[precision][0])
    bench.measure(
      jnp.matmul,
      matrix,
      matrix,
      precision=precision,
      flops=lambda: 2 * n**3,
      section='matrix product',
      name=f'{n} x {n}',
    )
    if 'tflops' in bench.rows[-1]:
      bench.rates[precision] = 1e12 * bench.rows[-1]['tflops']


def golden(bench: Bench) -> None:
  """Compares the full network with the maps of the published code."""
  if not bench.args.golden:
    bench.add(section='golden', name='-', note='skipped: no --golden=FILE')
    return
  size = tuple(map(int, bench.args.golden_size.split('x')))
  case = load_golden(bench.args.golden, size)
  variables = jax.device_put(case.variables)

  def errors(maps):
    difference = np.abs(np.asarray(maps) - case.saliency)
    return {'max_error': float(difference.max() / np.ptp(case.saliency))}

  for precision in PRECISIONS:
    fields = bench.model_fields | {'depth': 18, 'width': 64}
    bench.measure(
      _forward(fields, precision),
      variables,
      case.video,
      case.audio,
      precision=precision,
      use=errors,
      section='golden',
      name='forward, error as a share of the range',
      batch=1,
    )


def forward(bench: Bench) -> None:
  """Measures the forward pass."""
  variables, video, audio, _ = _inputs(bench)
  _measure_pass(bench, 'forward', _forward, variables, video, audio)


def gradient(bench: Bench) -> None:
  """Measures forward and backward pass in training, without an optimizer."""
  _measure_pass(bench, 'forward + backward', _gradient, *_inputs(bench))


def _measure_pass(bench, section, function, *inputs):
  plain = function(bench.model_fields | {'lax_kernels': True}, 'default')
  for precision in FAST:
    bench.measure(
      function(bench.model_fields, precision),
      *inputs,
      precision=precision,
      flops=_counter(plain, *inputs),
      section=section,
      name='ours',
      batch=bench.args.batch,
    )


def pytorch(bench: Bench) -> None:
  """Measures the same two in PyTorch, in another process."""
  seconds = min(0.4 * 60 * bench.args.minutes, bench.left() - 5)
  reason = None
  if importlib.util.find_spec('torch') is None:
    reason = 'PyTorch is not installed'
  elif bench.args.depth != 18:
    reason = 'the PyTorch network has depth 18'
  elif seconds < 10:
    reason = f'{bench.left():.0f} s left'
  if reason:
    bench.add(section='forward', name='PyTorch', note=f'skipped: {reason}')
    return
  command = [sys.executable, '-m', 'benchmarks.accelerator_torch']
  command += [f'--{name}={getattr(bench.args, name)}' for name in _SHARED]
  command += [f'--seconds={seconds}']
  flops = {
    row['section']: row['tflops'] * row['ms'] * 1e9
    for row in bench.rows
    if row.get('name') == 'ours' and 'tflops' in row
  }
  # In a new session, so that its compiler's processes end with it.
  with subprocess.Popen(
    command, stdout=subprocess.PIPE, text=True, start_new_session=True
  ) as process:
    stop = functools.partial(os.killpg, process.pid, signal.SIGKILL)
    timer = threading.Timer(seconds + 5, stop)
    timer.start()
    for line in process.stdout:
      if line.startswith('{'):
        row = json.loads(line)
        bench.add(**row, flops=flops.get(row['section']))
    stopped = not timer.is_alive()
    timer.cancel()
  if stopped:
    bench.add(section='PyTorch', name='-', note='stopped: its time is over')
  elif process.returncode:
    note = f'failed: exit status {process.returncode}'
    bench.add(section='PyTorch', name='-', note=note)


_SHARED = ('batch', 'size', 'width')


def streaming(bench: Bench) -> None:
  """Measures predictions of a video that arrives frame by frame."""
  frames = np.random.default_rng(0).integers(
    0, 256, (16, *bench.size, 3), np.uint8
  )
  audio = jnp.zeros((1, 16, 64, 64))
  variables = DAVE(**bench.model_fields).initialise(0)
  encoder = {c: tree['video_encoder'] for c, tree in variables.items()}
  variables = jax.device_put(variables)
  prepare = jax.jit(normalise)
  for precision in FAST:
    row = {'section': 'streaming', 'precision': precision, 'batch': 1}
    row['name'] = 'frame to map, stem once a frame'
    if bench.left() < 30 * (jax.default_backend() != 'cpu'):
      bench.add(**row, note=f'skipped: {bench.left():.0f} s left')
      continue
    dtype, multiply = PRECISIONS[precision]
    model = DAVE(**bench.model_fields, dtype=dtype)
    with jax.default_matmul_precision(multiply):
      rest = jax.jit(
        lambda variables, window, audio, model=model: model.apply(
          variables, window[None], audio, train=False, from_stem=True
        )
      )
      weights = stem_stream.stem_weights(encoder, dtype=dtype)
      state = stem_stream.first_state(weights, prepare(frames[0]))
      begin, count = time.perf_counter(), 0
      previous = None
      # The first second compiles; then frames for at most three seconds.
      while count < 200 and (count < 3 or time.perf_counter() - begin < 3):
        if count == 2:
          jax.block_until_ready(previous)
          begin = time.perf_counter()
        frame = prepare(frames[count % len(frames)])
        state, window = stem_stream.push(weights, state, frame)
        maps = rest(variables, window, audio)
        if previous is not None:
          np.asarray(previous)  # To the host, while the next one is computed.
        previous = maps
        count += 1
      jax.block_until_ready(previous)
    row['ms'] = 1e3 * (time.perf_counter() - begin) / (count - 2)
    bench.add(**row)


def _forward(fields, precision):
  model = DAVE(**fields, dtype=PRECISIONS[precision][0])
  return lambda variables, video, audio: model.apply(
    variables, video, audio, train=False
  )


def _gradient(fields, precision):
  loss = training_loss(DAVE(**fields, dtype=PRECISIONS[precision][0]))
  gradient = jax.value_and_grad(loss, has_aux=True)
  return lambda variables, *inputs: gradient(
    variables['params'], variables['batch_stats'], *inputs
  )


def _inputs(bench):
  variables = DAVE(**bench.model_fields).initialise(0)
  variables['params']['saliency']['bias'] += 1.0
  return jax.device_put((variables, *inputs(bench.args.batch, *bench.size)))


def _counter(function, *args):
  """Returns a function that counts the operations, None if not known, once."""

  def count():
    # Lowered for a CPU, since XLA does not count those of cuDNN's calls.
    shapes = jax.eval_shape(lambda *args: args, *args)
    with jax.default_device(jax.devices('cpu')[0]):
      costs = jax.jit(function).lower(*shapes).cost_analysis()
    return (costs or {}).get('flops')

  return functools.cache(count)


SECTIONS = {
  'matmul': matmul,
  'golden': golden,
  'forward': forward,
  'gradient': gradient,
  'pytorch': pytorch,
  'routed': accelerator_steps.routed,
  'streaming': streaming,
  'training': accelerator_steps.training,
}


def main(argv: list[str] | None = None) -> None:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--out', required=True, help='JSON file to write')
  parser.add_argument(
    '--golden', default='', help='golden of the published net'
  )
  parser.add_argument('--golden_size', default='256x320')
  parser.add_argument('--minutes', type=float, default=5)
  parser.add_argument('--sections', default=','.join(SECTIONS))
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--size', default='256x320', help='HEIGHTxWIDTH')
  parser.add_argument('--depth', type=int, default=18)
  parser.add_argument('--width', type=int, default=64)
  parser.add_argument('--matmul', type=int, default=8192, help='matrix size')
  parser.add_argument('--steps', type=int, default=300, help='training steps')
  args = parser.parse_args(argv)
  names = args.sections.split(',')
  if unknown := set(names) - SECTIONS.keys():
    parser.error(f'expected --sections among {list(SECTIONS)}, got {unknown}')
  bench = Bench(args)
  print(f'{jax.devices()[0].device_kind}, {versions()}\n')
  print('| ' + ' | '.join(COLUMNS) + ' |')
  print('|' + ' --- |' * len(COLUMNS), flush=True)
  for name in names:
    try:
      SECTIONS[name](bench)
    # As in `Bench.measure`.
    except Exception as error:
      note = f'failed: {type(error).__name__}: {error}'[:300]
      bench.add(section=name, name='-', note=note)
  print()
  for line in comparison(bench.rows):
    print(line)
  print(f'{60 * args.minutes - bench.left():.0f} s')


if __name__ == '__main__':
  main()
