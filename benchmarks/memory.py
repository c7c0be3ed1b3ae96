"""Measures the peak memory of a training step with Adam, against PyTorch.

  python -m benchmarks.memory --batch=2 --json=rows.json

Linux only. Each measurement runs in a process of its own. The figure is the
peak of resident memory during the third step, less what the process held before
it had any weights: weights, moments, gradients and batch count. What the
compiler leaves behind counts in the first start of a program; later starts load
the compiled program from the cache.
"""

import argparse
import ctypes
import multiprocessing
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import optax
import torch

from benchmarks.accelerator_steps import inputs, training_loss
from benchmarks.contestants import networks, torch_gradient, torch_inputs
from benchmarks.report import Row, report
from dave_jax.kernels import conv_cpu
from dave_jax.models.dave import DAVE


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=2)
  parser.add_argument('--height', type=int, default=256)
  parser.add_argument('--width', type=int, default=320)
  parser.add_argument('--json')
  args = parser.parse_args()
  size = args.batch, args.height, args.width
  peaks = {}
  with tempfile.TemporaryDirectory() as cache:
    for name, step in (
      ('PyTorch', _torch_step),
      ('first start', _our_step),
      ('later starts', _our_step),
    ):
      with multiprocessing.get_context('spawn').Pool(1) as pool:
        peaks[name] = pool.apply(_peak, (step, cache, *size))
  theirs = peaks.pop('PyTorch')
  report(
    [
      Row(
        f'training step, batch {args.batch}, {name}',
        peak / 2**20,
        'MiB',
        'PyTorch',
        theirs / peak,
      )
      for name, peak in peaks.items()
    ],
    args.json,
  )


def _peak(make_step, cache, batch, height, width):
  jax.config.update('jax_compilation_cache_dir', cache)
  # The first call of both libraries allocates more.
  jax.block_until_ready(jnp.ones(1) + 1)
  torch.ones(1) + 1
  before = _memory('VmRSS')
  step = make_step(*inputs(batch, height, width))
  step()
  step()
  ctypes.CDLL(None).malloc_trim(0)  # Returns unused heap.
  pathlib.Path('/proc/self/clear_refs').write_text('5')  # Resets the peak.
  step()
  return _memory('VmHWM') - before


def _memory(field):
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith(field):
      return 1024 * int(line.split()[1])
  raise ValueError(f'/proc/self/status has no {field}')


def _our_step(video, audio, targets):
  optimizer = optax.adam(1e-3)
  gradient = jax.grad(training_loss(DAVE()), has_aux=True)

  def update(params, statistics, moments, *batch):
    gradients, statistics = gradient(params, statistics, *batch)
    updates, moments = optimizer.update(gradients, moments)
    return optax.apply_updates(params, updates), statistics, moments

  update = jax.jit(
    update,
    donate_argnums=(0, 1, 2),
    compiler_options=conv_cpu.COMPILER_OPTIONS,
  )
  _, variables = networks()
  params = variables['params']
  state = params, variables['batch_stats'], optimizer.init(params)
  del variables, params

  def step():
    nonlocal state
    state = jax.block_until_ready(update(*state, video, audio, targets))

  return step


def _torch_step(video, audio, targets):
  twin, _ = networks()
  optimizer = torch.optim.Adam(twin.parameters(), 1e-3)
  arrays = torch_inputs(video, audio, torch.contiguous_format)
  targets = torch.from_numpy(targets)

  def step():
    torch_gradient(twin, *arrays, targets)
    optimizer.step()

  return step


if __name__ == '__main__':
  main()
