"""Compares the speed of an exported network in ONNX Runtime with JAX's.

  python -m benchmarks.onnx_runtime
  python -m benchmarks.onnx_runtime --checkpoint=DIR --height=256 --width=320

Both take one window of 16 frames on all cores of this machine's CPU, by turns;
prints the least and the median of the rounds, and the largest difference.
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
from dave_jax.prediction.loading import load


def main(argv: list[str] | None = None) -> None:
  """Runs the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--checkpoint', help='default: the bundled network')
  parser.add_argument('--height', type=int)
  parser.add_argument('--width', type=int)
  parser.add_argument('--rounds', type=int, default=10)
  args = parser.parse_args(argv)
  model = load(args.checkpoint)
  height, width = model.frame_size
  size = args.height or height, args.width or width
  ours = make_program(model, 'window', size=size)
  theirs = make_program(model, 'window', size=size, lax_kernels=True)
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'window.onnx')
    write_onnx(theirs, path)
    session = onnxruntime.InferenceSession(
      path, providers=['CPUExecutionProvider']
    )
  rng = np.random.default_rng(0)
  inputs = {
    name: rng.integers(0, 256, x.shape, np.uint8)
    if x.dtype == np.uint8
    else rng.normal(0, 1, x.shape).astype(np.float32)
    for name, x in ours.inputs.items()
  }
  compiled = jax.jit(lambda arrays: ours.function(**arrays)['saliency'])
  runs = {
    'JAX': lambda: np.asarray(compiled(inputs)),
    'ONNX Runtime': lambda: session.run(None, inputs)[0],
  }
  maps = {name: run() for name, run in runs.items()}  # Compiles.
  seconds = {name: [] for name in runs}
  for _ in range(args.rounds):
    for name, run in runs.items():
      begin = time.perf_counter()
      run()
      seconds[name].append(time.perf_counter() - begin)
  print(f'A window of 16 frames of {size[0]}x{size[1]}, milliseconds:')
  for name, found in seconds.items():
    least, median = 1e3 * min(found), 1e3 * np.median(found)
    print(f'  {name:12} least {least:7.1f}  median {median:7.1f}')
  peak = maps['JAX'].max()
  difference = np.abs(maps['JAX'] - maps['ONNX Runtime']).max() / peak
  print(f'Largest difference: {difference:.1e} of the peak')


if __name__ == '__main__':
  main()
