"""Timing and records of `benchmarks.accelerator`."""

import argparse
import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp

# Types of the computation, and the precision of products and convolutions. On
# NVIDIA GPUs the default precision of float32 is TF32.
PRECISIONS = {
  'highest': (jnp.float32, 'highest'),
  'default': (jnp.float32, 'default'),
  'bfloat16': (jnp.bfloat16, 'default'),
}
FAST = ('bfloat16', 'default')
COLUMNS = {
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
      'versions': versions(),
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
      row['flops'] = flops() if flops else None
    # A failed measurement is shown in the table and must not end the others.
    except Exception as error:
      row['note'] = f'failed: {type(error).__name__}: {error}'[:300]
    self._slowest = max(self._slowest, time.monotonic() - begin)
    self.add(**row)


def _repeatable(compiled, args, donate):
  state = list(jax.device_put(args))

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


def versions():
  names = ('jax', 'jaxlib', 'flax', 'optax', 'numpy', 'torch')
  found = {'python': sys.version.split()[0]}
  for name in names:
    if importlib.util.find_spec(name) is not None:
      found[name] = importlib.metadata.version(name)
  return found


def _line(row):
  cells = []
  for name, form in COLUMNS.items():
    value = row.get(name, '')
    cells.append('' if value is None or value == '' else format(value, form))
  return '| ' + ' | '.join(cells) + ' |'


def comparison(rows: list[dict]) -> Iterator[str]:
  """Yields lines that compare our times with PyTorch's best."""
  timed = [row for row in rows if 'ms' in row]
  for ours in (row for row in timed if row['name'] == 'ours'):
    same = [
      row
      for row in timed
      if row['name'].startswith('PyTorch')
      and row['section'] == ours['section']
      and row['precision'] == ours['precision']
    ]
    if same:
      best = min(same, key=lambda row: row['ms'])
      yield (
        f'- {ours["section"]}, {ours["precision"]}: {ours["ms"]:.2f} ms, '
        f'{best["ms"] / ours["ms"]:.2f} times as fast as {best["name"]}'
      )
