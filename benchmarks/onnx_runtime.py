"""Compares the speed of exported networks in ONNX Runtime with JAX's.

  python -m benchmarks.onnx_runtime
  python -m benchmarks.onnx_runtime --network=paper --height=128 --width=160

Programs are those of dave_jax.export: a window of 16 frames, and the next frame
of a stream. Both sides use all cores of this machine's CPU and take turns;
prints the least and the median time of a call, and the largest difference. The
weights of the paper's network are random.
"""

import argparse
import pathlib
import tempfile
import time

import jax
import numpy as np
import onnxruntime

from dave_jax.export import write_onnx
from dave_jax.exporting.programs import make_program
from dave_jax.models.dave import DAVE
from dave_jax.prediction.loading import load
from dave_jax.prediction.saliency_model import SaliencyModel


def main(argv: list[str] | None = None) -> None:
  """Runs the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--network', choices=('bundled', 'paper'), default='bundled'
  )
  parser.add_argument('--height', type=int, help='default: of the network')
  parser.add_argument('--width', type=int, help='default: of the network')
  parser.add_argument('--rounds', type=int, default=10)
  args = parser.parse_args(argv)
  model = load() if args.network == 'bundled' else _paper()
  height, width = model.frame_size
  size = args.height or height, args.width or width
  print(
    f'{args.network} network, {size[0]}x{size[1]}, onnxruntime '
    f'{onnxruntime.__version__}, jax {jax.__version__}, milliseconds a call:'
  )
  for name in ('window', 'stream_step'):
    _compare(model, name, size, args.rounds)


def _paper():
  module = DAVE()
  return SaliencyModel(
    module, module.initialise(0), origin={}, fingerprint='random'
  )


def _compare(model, name, size, rounds):
  ours = make_program(model, name, size=size)
  theirs = make_program(model, name, size=size, lax_kernels=True)
  inputs = _inputs(ours)
  compiled = jax.jit(lambda arrays: ours.function(**arrays))
  session = _session(theirs)
  # A stream keeps its state on the device.
  placed = jax.device_put(inputs)
  runs = {
    'JAX': lambda: jax.block_until_ready(compiled(placed)),
    'ONNX Runtime': lambda: session.run(None, inputs),
  }
  maps = (
    np.asarray(runs['JAX']()['saliency']),
    session.run(['saliency'], inputs)[0],
  )
  seconds = {side: [] for side in runs}
  for _ in range(rounds):
    for side, run in runs.items():
      begin = time.perf_counter()
      run()
      seconds[side].append(time.perf_counter() - begin)
  for side, found in seconds.items():
    least, median = 1e3 * min(found), 1e3 * np.median(found)
    print(f'  {name:12} {side:12} least {least:7.1f}  median {median:7.1f}')
  ratio = min(seconds['ONNX Runtime']) / min(seconds['JAX'])
  difference = np.abs(maps[0] - maps[1]).max() / maps[0].max()
  print(
    f'  {name:12} ONNX Runtime takes {ratio:.2f} times as long as JAX; largest '
    f'difference {difference:.1e} of the peak'
  )


def _session(program):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'program.onnx')
    write_onnx(program, path)
    return onnxruntime.InferenceSession(
      path, providers=['CPUExecutionProvider']
    )


def _inputs(program):
  rng = np.random.default_rng(0)
  return {
    name: rng.integers(0, 256, x.shape, np.uint8)
    if x.dtype == np.uint8
    else rng.normal(0, 1, x.shape).astype(np.float32)
    for name, x in program.inputs.items()
  }


if __name__ == '__main__':
  main()
