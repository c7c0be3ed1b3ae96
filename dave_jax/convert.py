"""Converts weights from PyTorch and back.

  python -m dave_jax.convert --source=model.pth.tar --out=DIR
  python -m dave_jax.convert --source=resnet-18-kinetics.pth --out=DIR \
      --encoders=video_encoder,audio_encoder
  python -m dave_jax.convert --checkpoint=DIR --to_torch=FILE
  python -m dave_jax.convert --checkpoint=DIR --to_half=DIR

What a file holds is recognised by its keys: the published DAVE, or a 3D ResNet
of 3D-ResNets-PyTorch (2018's resnet-*-kinetics.pth or the later r3d*_*.pth) of
depth 18, 34 or 50. Every key is accounted for. PyTorch must be installed: pip
install 'dave-jax[convert]'. --to_half needs none: it writes the same network
with weights of 16 bits, half as large on disk.
"""

import argparse
import os
import sys

import jax
import numpy as np

from dave_jax import VERSION
from dave_jax.models.dave import DAVE
from dave_jax.weights import conversion, torch_file
from dave_jax.weights import model_folder as store

ENCODERS = ('video_encoder', 'audio_encoder')


def main(argv: list[str] | None = None) -> int:
  """Converts as the command line says; returns the exit status."""
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.convert',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--version', action='version', version=VERSION)
  parser.add_argument('--source', help='file of PyTorch weights to convert')
  parser.add_argument('--out', help='checkpoint folder to write')
  parser.add_argument(
    '--kind',
    choices=conversion.KINDS,
    help='what SOURCE is; recognised by its keys unless given',
  )
  parser.add_argument(
    '--encoders',
    help='encoders that take the weights of a 3D ResNet, separated by commas '
    f'(default: {ENCODERS[0]})',
  )
  parser.add_argument('--checkpoint', help='checkpoint folder to convert back')
  parser.add_argument('--to_torch', help='PyTorch file to write')
  parser.add_argument('--to_half', help='checkpoint folder to write')
  args = parser.parse_args(argv)
  forth = args.source is not None and args.out is not None
  back = args.checkpoint is not None and args.to_torch is not None
  half = args.checkpoint is not None and args.to_half is not None
  if forth + back + half != 1:
    parser.error(
      'give --source=FILE and --out=DIR, or --checkpoint=DIR and '
      '--to_torch=FILE or --to_half=DIR'
    )
  try:
    if forth:
      lines = from_torch(args.source, args.out, args.kind, args.encoders)
    elif back:
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
  """Converts a PyTorch file into a checkpoint folder.

  Args:
    source: The file.
    out: The folder; must not exist, or be empty.
    kind: 'dave' or 'resnet3d'; None recognises it.
    encoders: Names of the encoders that take a 3D ResNet's weights, separated
      by commas; None is the video encoder alone.

  Returns:
    Lines that tell what was converted and what was left unused.

  Raises:
    ValueError, OSError, ModuleNotFoundError: As the message says.
  """
  state_dict = torch_file.read_state_dict(source)
  kind = kind or conversion.recognise(state_dict)
  origin = {'file': os.path.basename(source), 'kind': kind}
  if kind == 'dave':
    if encoders is not None:
      raise ValueError('--encoders is for 3D ResNets; this is a whole DAVE')
    variables, unused = conversion.dave_from_torch(state_dict)
    store.save(out, DAVE(), variables, origin=origin, unused=unused)
    what = 'published DAVE'
  else:
    names = (encoders or ENCODERS[0]).split(',')
    if strays := set(names) - set(ENCODERS):
      raise ValueError(
        f'no encoder is named {", ".join(sorted(strays))}; wanted '
        + ' or '.join(ENCODERS)
      )
    encoder, facts, unused = conversion.encoder_from_torch(state_dict)
    variables = {
      collection: dict.fromkeys(names, tree)
      for collection, tree in encoder.items()
    }
    module = DAVE(**facts)
    store.save(
      out, module, variables, origin=origin | facts, contents='encoders'
    )
    what = f'3D ResNet-{facts["depth"]}, shortcut {facts["shortcut"]}'
    what += f', into {" and ".join(names)}'
  used = len(state_dict) - len(unused)
  lines = [f'{source}: {what}; {used} entries converted to {out}']
  lines += [f'  not used by the network: {key}' for key in sorted(unused)]
  return lines


def to_torch(
  checkpoint: str | os.PathLike, to_file: str | os.PathLike
) -> list[str]:
  """Writes a checkpoint as the original DAVE loads it with `strict=True`.

  Returns:
    Lines that tell what was written and what had to be made up.

  Raises:
    ValueError, OSError, ModuleNotFoundError: As the message says.
  """
  stored = store.load(checkpoint)
  if stored.contents != 'network':
    raise ValueError(f'{checkpoint}: holds encoders alone, no whole network')
  state_dict, made_up = conversion.dave_to_torch(
    stored.module, stored.variables, stored.unused
  )
  torch_file.write_state_dict(to_file, state_dict)
  lines = [f'{checkpoint}: {len(state_dict)} entries written to {to_file}']
  if stored.module.decoder_batch_norm:
    lines.append('  batch norm of the decoder: folded into its convolutions')
  lines += [f'  made up, the original never uses it: {key}' for key in made_up]
  return lines


def to_half(checkpoint: str | os.PathLike, out: str | os.PathLike) -> list[str]:
  """Writes a checkpoint with weights of 16 bits, rounded to 11 digits of them.

  Returns:
    A line that tells what was written.

  Raises:
    ValueError: A weight is larger than 16 bits hold.
    OSError: As the message says.
  """
  stored = store.load(checkpoint)
  largest = max(
    float(np.abs(leaf).max()) for leaf in jax.tree.leaves(stored.variables)
  )
  most = float(np.finfo(np.float16).max)
  if not largest <= most:
    raise ValueError(
      f'{checkpoint}: holds a weight of {largest:g}, more than the {most:g} '
      'that 16 bits hold; keep it as it is'
    )
  store.save(
    out,
    stored.module,
    jax.tree.map(lambda leaf: leaf.astype(np.float16), stored.variables),
    origin=stored.origin,
    contents=stored.contents,
  )
  return [f'{checkpoint}: written to {out} with weights of 16 bits']


if __name__ == '__main__':
  sys.exit(main())
