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
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable

# Leaves memory to PyTorch, which runs in a process of its own.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import accelerator_steps
from benchmarks.golden import load_golden
from dave_jax.models import stem_stream
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import normalise

# Types of the computation, and the precision of products and convolutions. On
# NVIDIA GPUs the default precision of float32 is TF32.
PRECISIONS = {
  'highest': (jnp.float32, 'highest'),
  'default': (jnp.float32, 'default'),
  'bfloat16': (jnp.bfloat16, 'default'),
}
_FAST = ('bfloat16', 'default')
_COLUMNS = {
  'section': '',
  'name': '',
  'precision': '',
  'batch': 'd',
  'ms': '.2f',
  'per_second': '.1f',
  'tflops': '.1f',
  'share_of_matmul': '.2f',
  'memory_gib': '.2f',
  'max_error': '.1e',
  'compile_s': '.0f',
  'note': '',
}


class Bench:
  """Measures within a limited time and writes each result at once.

  Attributes:
    args: The command line.
    rows: The results so far.
    model_fields: Fields of the networks.
    rates: Measured operations per second of matrix products, by precision.
  """

  def __init__(self, args: argparse.Namespace):
    self.args = args
    self.rows = []
    self.rates = {}
    self._deadline = time.monotonic() + 60 * args.minutes
    self._slowest = 1.0
    self.size = tuple(map(int, args.size.split('x')))
    self.model_fields = {
      'depth': args.depth,
      'width': args.width,
      'frame_size': self.size,
      # The product's kernels for CPUs are slow to compile and not the subject.
      'lax_kernels': jax.default_backend() == 'cpu',
    }

  def left(self) -> float:
    """Returns the seconds left."""
    return self._deadline - time.monotonic()

  def add(self, **row) -> None:
    """Adds a row, prints it and writes the file."""
    if 'ms' in row and 'batch' in row:
      row['per_second'] = 1e3 * row['batch'] / row['ms']
    flops = row.pop('flops', None)
    if flops and 'ms' in row:
      row['tflops'] = flops / row['ms'] / 1e9
      if rate := self.rates.get(row.get('precision')):
        row['share_of_matmul'] = 1e12 * row['tflops'] / rate
    self.rows.append(row)
    print(_line(row), flush=True)
    description = {
      'device': jax.devices()[0].device_kind,
      'platform': jax.default_backend(),
      'versions': _versions(),
      'arguments': vars(self.args),
      'rows': self.rows,
    }
    partial = pathlib.Path(f'{self.args.out}.partial')
    partial.write_text(json.dumps(description, indent=1))
    partial.replace(self.args.out)

  def measure(
    self,
    function: Callable,
    *args,
    precision: str,
    flops: Callable | None = None,
    use: Callable | None = None,
    donate: bool = False,
    **row,
  ) -> None:
    """Compiles a function, times it and adds a row; skips it if time is short.

    Args:
      function: Traced under `precision`.
      *args: Its arguments; they may be large, so they are not closed over.
      precision: One of PRECISIONS.
      flops: Counts the operations of a call; None leaves them out.
      use: Called with the first result; returns more fields of the row.
      donate: Whether the first argument is donated; the first result of each
        call then takes its place.
      **row: Fields of the row.
    """
    row |= {'precision': precision}
    # A program takes about as long to compile as the slowest one before it.
    if self.left() < self._slowest + 3:
      self.add(**row, note=f'skipped: {self.left():.0f} s left')
      return
    begin = time.monotonic()
    try:
      with jax.default_matmul_precision(PRECISIONS[precision][1]):
        jitted = jax.jit(function, donate_argnums=0 if donate else ())
        compiled = jitted.lower(*args).compile()
        row['compile_s'] = time.monotonic() - begin
        row['flops'] = flops() if flops else None
      memory = compiled.memory_analysis()
      if memory is not None:
        needed = memory.argument_size_in_bytes + memory.output_size_in_bytes
        needed += memory.temp_size_in_bytes - memory.alias_size_in_bytes
        row['memory_gib'] = needed / 2**30
      call = _repeatable(compiled, args, donate)
      result = call()
      if use is not None:
        row |= use(result)
      row['ms'] = 1e3 * time_call(call)
    # A failed measurement is shown in the table and must not end the others.
    except Exception as error:
      row['note'] = f'failed: {type(error).__name__}: {error}'[:300]
    self._slowest = max(self._slowest, time.monotonic() - begin)
    self.add(**row)


def _repeatable(compiled, args, donate):
  state = [jax.device_put(args[0]), *args[1:]]

  def call():
    result = compiled(*state)
    if donate:
      state[0] = result[0]
    return result

  return call


def time_call(call: Callable, seconds: float = 1.0) -> float:
  """Returns the seconds of a call, the median of five rounds of calls."""

  def per_call(count):
    begin = time.perf_counter()
    for _ in range(count):
      result = call()
    jax.block_until_ready(result)
    return (time.perf_counter() - begin) / count

  per_call(2)
  count = max(1, min(200, int(seconds / 5 / per_call(1))))
  return sorted(per_call(count) for _ in range(5))[2]


def matmul(bench: Bench) -> None:
  """Measures the rate of large matrix products, for the other rows' shares."""
  n = bench.args.matmul
  for precision in (*_FAST, 'highest'):
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
  for precision in _FAST:
    bench.measure(
      _forward(bench.model_fields, precision),
      variables,
      video,
      audio,
      precision=precision,
      flops=lambda: _count(
        _forward(bench.model_fields | {'lax_kernels': True}, 'default'),
        variables,
        video,
        audio,
      ),
      section='forward',
      name='ours',
      batch=bench.args.batch,
    )


def gradient(bench: Bench) -> None:
  """Measures forward and backward pass in training, without an optimizer."""
  variables, *inputs = _inputs(bench)
  for precision in _FAST:
    bench.measure(
      _gradient(bench.model_fields, precision),
      variables,
      *inputs,
      precision=precision,
      flops=lambda: _count(
        _gradient(bench.model_fields | {'lax_kernels': True}, 'default'),
        variables,
        *inputs,
      ),
      section='forward + backward',
      name='ours',
      batch=bench.args.batch,
    )


def pytorch(bench: Bench) -> None:
  """Measures the same two in PyTorch, in another process."""
  if importlib.util.find_spec('torch') is None:
    note = 'skipped: PyTorch is not installed'
    bench.add(section='forward', name='PyTorch', note=note)
    return
  if bench.args.depth != 18:
    note = 'skipped: the PyTorch network has depth 18'
    bench.add(section='forward', name='PyTorch', note=note)
    return
  seconds = min(0.4 * 60 * bench.args.minutes, bench.left() - 5)
  command = [sys.executable, '-m', 'benchmarks.accelerator_torch']
  command += [f'--{name}={getattr(bench.args, name)}' for name in _SHARED]
  command += [f'--seconds={seconds}']
  flops = {
    row['section']: row['tflops'] * row['ms'] * 1e9
    for row in bench.rows
    if row.get('name') == 'ours' and 'tflops' in row
  }
  with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    timer = threading.Timer(seconds + 5, process.kill)
    timer.start()
    for line in process.stdout:
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
  for precision in _FAST:
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
  model = DAVE(**fields, dtype=PRECISIONS[precision][0])

  def loss(params, statistics, video, audio, targets):
    maps, state = model.apply(
      {'params': params, 'batch_stats': statistics},
      video,
      audio,
      train=True,
      mutable=['batch_stats'],
    )
    return ((maps - targets) ** 2).mean(), state['batch_stats']

  def gradient(variables, *inputs):
    return jax.value_and_grad(loss, has_aux=True)(
      variables['params'], variables['batch_stats'], *inputs
    )

  return gradient


def _inputs(bench):
  b, (h, w) = bench.args.batch, bench.size
  rng = np.random.default_rng(0)
  variables = DAVE(**bench.model_fields).initialise(0)
  variables['params']['saliency']['bias'] += 1.0
  arrays = (
    rng.standard_normal((b, 16, h, w, 3), dtype=np.float32),
    rng.standard_normal((b, 16, 64, 64), dtype=np.float32),
    rng.random((b, h // 8, w // 8), dtype=np.float32),
  )
  return jax.device_put((variables, *arrays))


def _count(function, *args):
  """Returns the operations of a function as written, None if not known."""
  costs = jax.jit(function).lower(*args).cost_analysis()
  return (costs or {}).get('flops')


def _versions():
  names = ('jax', 'jaxlib', 'flax', 'optax', 'numpy', 'torch')
  found = {'python': sys.version.split()[0]}
  for name in names:
    if importlib.util.find_spec(name) is not None:
      found[name] = importlib.metadata.version(name)
  return found


def _line(row):
  cells = []
  for name, form in _COLUMNS.items():
    value = row.get(name, '')
    cells.append('' if value is None or value == '' else format(value, form))
  return '| ' + ' | '.join(cells) + ' |'


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
  print(f'{jax.devices()[0].device_kind}, {_versions()}\n')
  print('| ' + ' | '.join(_COLUMNS) + ' |')
  print('|' + ' --- |' * len(_COLUMNS), flush=True)
  for name in names:
    SECTIONS[name](bench)
  print(f'\n{60 * args.minutes - bench.left():.0f} s')


if __name__ == '__main__':
  main()
