"""Predicts where people look in videos with sound.

  python -m dave_jax.predict VIDEO... --out=DIR
  python -m dave_jax.predict VIDEO... --checkpoint=DIR --out=DIR

VIDEO is a file that FFmpeg reads, or a folder of numbered frames and one WAV.
OUT/NAME of each holds `maps/` (--format=png or npz), `overlay.mp4`
(--format=overlay) and `manifest.json`: every frame's time and file, the model,
the settings, and whatever was wrong with the video.

A 16-bit PNG holds a map divided by its largest value; times `scale` in the
manifest its numbers are the map again. Interrupted, the command with --resume
goes on where it stopped.
"""

import argparse
import collections
import pathlib
import sys

import av
import jax.numpy as jnp
from tqdm import tqdm

from dave_jax import VERSION
from dave_jax.compile_cache import keep_compiled_programs
from dave_jax.media.clock import ALIGNMENTS
from dave_jax.prediction import maps
from dave_jax.prediction.options import FORMATS, SIZES, Settings
from dave_jax.prediction.saliency_model import load
from dave_jax.prediction.video_job import Job
from dave_jax.weights.bundled import NOTE

DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}
# Numbers of the exit status.
DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: list[str] | None = None) -> int:
  """Predicts as the command line says; returns the exit status."""
  args = _parser().parse_args(argv)
  keep_compiled_programs()
  try:
    settings = Settings(
      formats=tuple(args.format.split(',')),
      values=args.values,
      size=args.size,
      stride=args.stride,
      start=args.start,
      end=args.end,
      alignment=args.alignment,
      dtype=args.dtype,
      video_stream=args.video_stream,
      audio_stream=args.audio_stream,
      rate=args.rate,
    )
    folders = _folders(args.videos, pathlib.Path(args.out))
    if args.checkpoint is None:
      print(f'predict: {NOTE}', file=sys.stderr)
    model = load(args.checkpoint, dtype=DTYPES[args.dtype])
  except (ValueError, OSError) as error:
    return _fail(str(error))
  failed = 0
  for video, folder in folders.items():
    try:
      with tqdm(desc=pathlib.Path(video).name, unit='frame') as progress:
        problems = Job(model, video, folder, settings).run(
          batch_size=args.batch_size,
          overwrite=args.overwrite,
          resume=args.resume,
          progress=progress,
        )
      for problem in problems:
        print(f'{video}: {problem}', file=sys.stderr)
    except (ValueError, OSError, av.error.FFmpegError) as error:
      failed += 1
      _fail(str(error))
    except KeyboardInterrupt:
      print(
        'predict: interrupted; the same command with --resume goes on',
        file=sys.stderr,
      )
      return INTERRUPTED
  if failed and len(folders) > 1:
    _fail(f'{failed} of {len(folders)} videos failed; the others are done')
  return FAILED if failed else DONE


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.predict',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add('--version', action='version', version=VERSION)
  add('videos', nargs='+', metavar='VIDEO', help='file, or folder of frames')
  add(
    '--checkpoint',
    help='folder that convert or main wrote (default: the small network that '
    'comes with the package)',
  )
  add('--out', required=True, help='folder to write; one in it for each VIDEO')
  add(
    '--format',
    default='png,overlay',
    help=f'what to write, separated by commas: {", ".join(FORMATS)} '
    '(default: %(default)s)',
  )
  add(
    '--values',
    default='probability',
    choices=maps.VALUES,
    help='a map sums to 1, or spans 0 to 1 (default: %(default)s)',
  )
  add(
    '--size',
    default='network',
    choices=SIZES,
    help="size of the maps, the network's or the video's "
    '(default: %(default)s)',
  )
  add('--stride', type=int, default=1, help='a map for every how many frames')
  add('--start', type=float, default=0.0, help='second to begin at')
  add('--end', type=float, help='second to stop before')
  add(
    '--batch_size',
    type=int,
    default=4,
    help='windows computed at a time; the maps do not depend on it '
    '(default: %(default)s)',
  )
  add(
    '--alignment',
    default='exact',
    choices=ALIGNMENTS,
    help='which sound belongs to a frame: by its time stamp, only what came '
    'before it, or as the published code counted (default: %(default)s)',
  )
  add(
    '--dtype',
    default='float32',
    choices=DTYPES,
    help='type of the computation (default: %(default)s)',
  )
  add('--video_stream', type=int, help='index of the stream; default: the best')
  add('--audio_stream', type=int, help='index of the stream; default: its own')
  add('--rate', type=float, help='frames a second of a folder of frames')
  group = parser.add_mutually_exclusive_group()
  group.add_argument(
    '--overwrite', action='store_true', help='removes earlier results'
  )
  group.add_argument(
    '--resume', action='store_true', help='goes on with unfinished results'
  )
  return parser


def _folders(videos, out) -> dict[str, pathlib.Path]:
  """Returns {video: folder of its results}.

  Raises:
    ValueError: Two would write to the same.
  """
  folders = {video: out / pathlib.Path(video).stem for video in videos}
  counts = collections.Counter(folders.values())
  twice = [video for video, folder in folders.items() if counts[folder] > 1]
  if twice:
    raise ValueError(
      f'{" and ".join(twice)} would both write to {folders[twice[0]]}; predict '
      'them into different folders'
    )
  return folders


def _fail(message: str) -> int:
  print(f'predict: {message}', file=sys.stderr)
  return FAILED


if __name__ == '__main__':
  sys.exit(main())
