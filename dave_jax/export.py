"""Exports a network to ONNX or StableHLO.

  python -m dave_jax.export --to=onnx --out=dave.onnx
  python -m dave_jax.export --checkpoint=DIR --to=stablehlo --out=dave.stablehlo

Programs, whose inputs and outputs docs/export.md lists:

  window        16 frames and their sound to the map of the last
  stream_start  the first frame of a video to the state of its stream
  stream_step   state, frame and sound to the map of the frame and the new state

Frames are uint8 RGB; the network normalises them. Sizes are fixed. Needs
pip install 'dave-jax[export]'.
"""

import os
import pathlib
import sys

import jax

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.exporting.programs import PROGRAMS, Program, make_program
from dave_jax.files import write_atomically
from dave_jax.prediction.loading import load

FORMATS = ('onnx', 'stablehlo')
PLATFORMS = ('cpu', 'cuda', 'tpu')


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    model = load(args.checkpoint)
    height, width = model.frame_size
    program = make_program(
      model,
      args.program,
      size=(args.height or height, args.width or width),
      batch=args.batch,
      # ONNX has one way to convolve, StableHLO a fast one for each platform.
      lax_kernels=args.to == 'onnx',
    )
    write = {'onnx': write_onnx, 'stablehlo': write_stablehlo}[args.to]
    write(program, args.out)
  except (
    ValueError,
    OSError,
    NotImplementedError,
    ModuleNotFoundError,
  ) as error:
    hint = ''
    if isinstance(error, ModuleNotFoundError):
      hint = "; pip install 'dave-jax[export]'"
    print(f'export: {error}{hint}', file=sys.stderr)
    return FAILED
  for kind, arrays in (
    ('input', program.inputs),
    ('output', jax.eval_shape(program.function, **program.inputs)),
  ):
    for name, array in arrays.items():
      print(f'{kind:6} {name}: {array.dtype} {list(array.shape)}')
  print(f'Written: {args.out}', file=sys.stderr)
  return DONE


def write_onnx(program: Program, path: str | os.PathLike) -> None:
  """Writes a program, made with `lax_kernels`, as an ONNX model.

  Raises:
    ModuleNotFoundError: The package onnx is missing.
  """
  from dave_jax.exporting import graph, operators

  model = graph.to_onnx(program.function, program.inputs, operators.lower)
  with write_atomically(path) as partial:
    partial.write_bytes(model.SerializeToString())


def write_stablehlo(program: Program, path: str | os.PathLike) -> None:
  """Writes a program for CPUs, CUDA and TPUs, for `jax.export.deserialize`.

  Raises:
    ModuleNotFoundError: The package flatbuffers is missing.
  """
  from jax import export

  exported = export.export(
    jax.jit(lambda inputs: program.function(**inputs)), platforms=PLATFORMS
  )(program.inputs)
  with write_atomically(path) as partial:
    partial.write_bytes(exported.serialize())


def _parser():
  parser = make_parser('dave_jax.export', __doc__)
  parser.add_argument(
    '--checkpoint',
    help='Folder of a network that convert wrote, or of a training run, whose '
    'best weights are used (default: the bundled small network)',
  )
  parser.add_argument(
    '--to', required=True, choices=FORMATS, help='Format to write'
  )
  parser.add_argument(
    '--out', required=True, type=pathlib.Path, help='File to write'
  )
  parser.add_argument(
    '--program', choices=PROGRAMS, default='window', help='What to export'
  )
  parser.add_argument(
    '--height', type=int, help="Height of the frames (default: the network's)"
  )
  parser.add_argument(
    '--width', type=int, help="Width of the frames (default: the network's)"
  )
  parser.add_argument(
    '--batch', type=int, default=1, help='Windows in a call of window'
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
