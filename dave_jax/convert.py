"""Converts PyTorch weights to a model folder, and back.

  python -m dave_jax.convert --source=model.pth.tar --out=DIR
  python -m dave_jax.convert --source=resnet-18-kinetics.pth --out=DIR \
      --encoders=video_encoder,audio_encoder
  python -m dave_jax.convert --checkpoint=DIR --to_torch=FILE
  python -m dave_jax.convert --checkpoint=DIR --to_half=DIR

Takes the published DAVE; a 3D ResNet of 3D-ResNets-PyTorch of depth 18, 34 or
50 (resnet-*-kinetics.pth of 2018 or the later r3d*_*.pth); or the Lite0 of
EfficientNet-PyTorch, as .pth or .safetensors. The kind is recognised by the
keys; each key is used, listed as unused, or an error. Needs PyTorch:
pip install 'dave-jax[convert]'. --to_half, which writes weights in float16 to
halve their size, does not.
"""

import argparse
import os
import sys

import jax
import numpy as np

from dave_jax import VERSION
from dave_jax.models.dave import DAVE
from dave_jax.weights import conversion, model_folder, weight_files

ENCODERS = ('video_encoder', 'audio_encoder')


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.convert',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--version', action='version', version=VERSION)
  parser.add_argument('--source', help='file of weights to convert')
  parser.add_argument('--out', help='model folder to write')
  parser.add_argument(
    '--kind',
    choices=conversion.KINDS,
    help='network that SOURCE is of (default: recognised by its keys)',
  )
  parser.add_argument(
    '--encoders',
    help='comma-separated encoders that a 3D ResNet is for: '
    f'{", ".join(ENCODERS)} (default: {ENCODERS[0]})',
  )
  parser.add_argument('--checkpoint', help='model folder to convert')
  parser.add_argument('--to_torch', help='PyTorch file to write')
  parser.add_argument('--to_half', help='model folder to write')
  args = parser.parse_args(argv)
  from_file = args.source is not None and args.out is not None
  to_file = args.checkpoint is not None and args.to_torch is not None
  to_folder = args.checkpoint is not None and args.to_half is not None
  if from_file + to_file + to_folder != 1:
    parser.error(
      'give --source=FILE and --out=DIR, or --checkpoint=DIR and '
      '--to_torch=FILE or --to_half=DIR'
    )
  try:
    if from_file:
      lines = from_torch(args.source, args.out, args.kind, args.encoders)
    elif to_file:
      lines = to_torch(args.checkpoint, args.to_torch)
    else:
      lines = to_half(args.checkpoint, args.to_half)
  except (ValueError, OSError, ModuleNotFoundError) as error:
    print(f'convert: {error}', file=sys.stderr)
    return 1
  print('\n'.join(lines))
  return 0


def from_torch(
  source: str | os.PathLike,
  out: str | os.PathLike,
  kind: str | None = None,
  encoders: str | None = None,
) -> list[str]:
  """Converts a file of weights to a model folder.

  Args:
    source: The file, see `weight_files.read_state_dict`.
    out: The folder; must not exist, or be empty.
    kind: One of `conversion.KINDS`; None recognises it by its keys.
    encoders: Comma-separated encoders that get a 3D ResNet's weights; None is
      the video encoder alone.

  Returns:
    Lines that say what was converted and which entries are not used.

  Raises:
    ValueError: The file is not of such a network.
    OSError: A file cannot be read or written, or `out` is not empty.
    ModuleNotFoundError: PyTorch is not installed.
  """
  state_dict = weight_files.read_state_dict(source)
  kind = kind or conversion.recognise(state_dict)
  origin = {'file': os.path.basename(source), 'kind': kind}
  if kind != 'resnet3d' and encoders is not None:
    raise ValueError(
      f'got --encoders, which is for 3D ResNets, and {source} of kind {kind}; '
      'leave it out'
    )
  if kind == 'dave':
    variables, unused = conversion.dave_from_torch(state_dict)
    model_folder.save(out, DAVE(), variables, origin=origin, unused=unused)
    what = 'the published DAVE'
  else:
    names = (encoders or ENCODERS[0]).split(',')
    if strays := set(names) - set(ENCODERS):
      raise ValueError(
        f'expected --encoders of {", ".join(ENCODERS)}, got '
        + ', '.join(sorted(strays))
      )
    encoder, fields, unused = conversion.encoder_from_torch(state_dict, kind)
    variables = {
      collection: dict.fromkeys(names, tree)
      for collection, tree in encoder.items()
    }
    module = DAVE(**fields)
    model_folder.save(
      out, module, variables, origin=origin | fields, contents='encoders'
    )
    what = 'EfficientNet-Lite0'
    if kind == 'resnet3d':
      what = f'3D ResNet-{fields["depth"]} with shortcut {fields["shortcut"]}'
    what += f', for {" and ".join(names)}'
  used = len(state_dict) - len(unused)
  lines = [f'Converted {source} ({what}, {used} entries) to {out}']
  lines += [f'  not used by the network: {key}' for key in sorted(unused)]
  return lines


def to_torch(
  checkpoint: str | os.PathLike, to_file: str | os.PathLike
) -> list[str]:
  """Converts a model folder to a file that the original code loads.

  The original's `load_state_dict(..., strict=True)` takes it.

  Returns:
    Lines that say what was written and which entries were filled in.

  Raises:
    ValueError: The original code has no such network.
    OSError: A file cannot be read or written, or `to_file` exists.
    ModuleNotFoundError: PyTorch is not installed.
  """
  loaded = model_folder.load(checkpoint)
  if loaded.contents != 'network':
    raise ValueError(
      f'{checkpoint}: expected a whole network, got encoders alone'
    )
  state_dict, filled_in = conversion.dave_to_torch(
    loaded.module, loaded.variables, loaded.unused
  )
  weight_files.write_state_dict(to_file, state_dict)
  lines = [f'Wrote {checkpoint} ({len(state_dict)} entries) to {to_file}']
  if loaded.module.decoder_batch_norm:
    lines.append('  folded into convolutions: batch norm of the decoder')
  lines += [
    f'  filled in, not used by the original: {key}' for key in filled_in
  ]
  return lines


def to_half(checkpoint: str | os.PathLike, out: str | os.PathLike) -> list[str]:
  """Writes a model folder with its weights rounded to float16.

  Returns:
    A line that says what was written.

  Raises:
    ValueError: A weight is too large for float16.
    OSError: A file cannot be read or written, or `out` is not empty.
  """
  loaded = model_folder.load(checkpoint)
  largest = max(
    float(np.abs(leaf).max()) for leaf in jax.tree.leaves(loaded.variables)
  )
  most = float(np.finfo(np.float16).max)
  if not largest <= most:
    raise ValueError(
      f'{checkpoint}: expected weights of up to {most:g}, the largest of '
      f'float16, got {largest:g}; keep it in float32'
    )
  model_folder.save(
    out,
    loaded.module,
    jax.tree.map(lambda leaf: leaf.astype(np.float16), loaded.variables),
    origin=loaded.origin,
    contents=loaded.contents,
  )
  return [f'Wrote {checkpoint} to {out} in float16']


if __name__ == '__main__':
  sys.exit(main())
