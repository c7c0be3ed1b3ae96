"""Predicts where people look in videos with sound.

  python -m dave_jax.predict VIDEO... --out=DIR
  python -m dave_jax.predict VIDEO... --checkpoint=DIR --out=DIR

VIDEO is a file that FFmpeg reads, an image, a folder of numbered frames with at
most one WAV, or a folder of videos. OUT/NAME of each holds, by --format:

  maps/000001.png  png: a map for each frame; times `scale` in the manifest, the
                   numbers of the 16-bit image are the map
  maps.npz         npz: saliency [n, h, w] float32, time [n], frame [n]
  maps.mat         mat: the same for MATLAB, saliency [h, w, n]
  overlay.mp4      overlay: the video with its saliency drawn over it
  overlay.gif      gif: the same, smaller, without sound
  stills/          stills: the same as a PNG for each predicted frame
  view.html        page: the video with its saliency, and curves, in a browser;
                   OUT/index.html lists these pages

and frames.csv: numbers of each frame, explained in frames.md; and
manifest.json: the time and file of every frame, the model, the settings, and
the problems of the video. A map sums to 1 unless --values says otherwise.
"""

import argparse
import collections
import pathlib
import sys

import av
import jax.numpy as jnp
from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, INTERRUPTED, make_parser
from dave_jax.compile_cache import enable_compilation_cache
from dave_jax.media.clock import ALIGNMENTS
from dave_jax.media.frame_folder import IMAGE_SUFFIXES
from dave_jax.media.overlay import COLORMAPS, STYLES, Style
from dave_jax.media.source import videos_in
from dave_jax.pages.gallery import write_gallery
from dave_jax.prediction import maps
from dave_jax.prediction.loading import load
from dave_jax.prediction.saliency_model import SIZES
from dave_jax.prediction.settings import FORMATS, Settings
from dave_jax.prediction.video_job import Job
from dave_jax.weights.bundled import NOTE

DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = _parser().parse_args(argv)
  enable_compilation_cache()
  try:
    settings = _settings(args)
    folders = _folders(_videos(args.videos), pathlib.Path(args.out))
    if args.checkpoint is None:
      print(f'predict: {NOTE}', file=sys.stderr)
    model = load(args.checkpoint, dtype=DTYPES[args.dtype])
  except (ValueError, OSError) as error:
    return _fail(error)
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
      print(f'Written: {folder}', file=sys.stderr)
      _list_pages(args.out)
    except (ValueError, OSError, av.error.FFmpegError) as error:
      failed += 1
      _fail(error)
    except KeyboardInterrupt:
      print(
        'predict: interrupted; run the same command with --resume to continue',
        file=sys.stderr,
      )
      return INTERRUPTED
  if failed and len(folders) > 1:
    _fail(f'{failed} of {len(folders)} videos failed; the others are done')
  return FAILED if failed else DONE


def _list_pages(out: str) -> None:
  """Writes the page that lists all predictions in a folder."""
  try:
    page = write_gallery(out)
  except OSError as error:
    print(f'predict: {error}', file=sys.stderr)
    return
  if page is not None:
    print(f'To look at: {page}', file=sys.stderr)


def _settings(args) -> Settings:
  return Settings(
    formats=tuple(args.format.split(',')),
    values=args.values,
    size=args.size,
    stride=args.stride,
    fps=args.fps,
    start=args.start,
    end=args.end,
    alignment=args.alignment,
    dtype=args.dtype,
    video_stream=args.video_stream,
    audio_stream=args.audio_stream,
    sound=args.sound,
    rate=args.rate,
    gaze=args.gaze,
    style=Style(args.style, args.opacity, args.colormap),
    areas=args.aoi,
    pixels_per_degree=args.pixels_per_degree,
  )


def _parser() -> argparse.ArgumentParser:
  parser = make_parser('dave_jax.predict', __doc__)

  def add(group, flag, help, **kwargs):
    group.add_argument(flag, help=help, **kwargs)

  add(parser, 'videos', 'videos to predict', nargs='+', metavar='VIDEO')
  add(parser, '--out', 'folder of the results', required=True)
  add(
    parser,
    '--checkpoint',
    'folder of a network that convert wrote, or of a training run, whose best '
    'weights are used (default: the bundled small network)',
  )
  present = parser.add_mutually_exclusive_group()
  add(present, '--overwrite', 'remove earlier results', action='store_true')
  add(present, '--resume', 'continue unfinished results', action='store_true')

  group = parser.add_argument_group('frames and sound')
  add(
    group,
    '--stride',
    'predict every n-th frame, counted from the first of the video',
    type=int,
    default=1,
  )
  add(group, '--fps', 'predict so many frames per second instead', type=float)
  add(group, '--start', 'second to start at', type=float, default=0.0)
  add(group, '--end', 'second to stop before', type=float)
  add(
    group,
    '--sound',
    "'own', 'none' for silence, or a file whose sound begins with the first "
    'frame and is used instead',
    default='own',
  )
  add(
    group,
    '--alignment',
    'sound that belongs to a frame: by time stamps (exact), only what was '
    'heard before it (causal), or as the published code counts (reference)',
    default='exact',
    choices=ALIGNMENTS,
  )
  add(group, '--video_stream', 'index of the stream of video', type=int)
  add(group, '--audio_stream', 'index of the stream of sound', type=int)
  add(
    group,
    '--rate',
    'frames per second of a folder of frames (default: the number that its '
    'name ends with, as clip_25)',
    type=float,
  )

  group = parser.add_argument_group('maps')
  add(
    group,
    '--format',
    f'comma-separated from {",".join(FORMATS)}; at most one of '
    f'{", ".join(maps.FORMATS)}',
    default='png,overlay,page',
  )
  add(
    group,
    '--size',
    "size of the maps: the video's, or an eighth of the network's frame size",
    default='video',
    choices=SIZES,
  )
  add(
    group,
    '--values',
    'maps sum to 1 (probability), range from 0 to 1 (minmax), or are as the '
    'network computes them',
    default='probability',
    choices=maps.VALUES,
  )

  group = parser.add_argument_group('drawings')
  add(group, '--style', 'how maps are drawn', default='heat', choices=STYLES)
  add(group, '--opacity', 'at the peak, 0 to 1', type=float, default=0.75)
  add(group, '--colormap', 'colours', default='inferno', choices=COLORMAPS)
  add(
    group,
    '--gaze',
    "people's fixations, drawn as circles: a CSV with the columns name, frame "
    'or time, viewer, x, y',
  )

  group = parser.add_argument_group('numbers of each frame')
  add(
    group,
    '--aoi',
    'areas of interest, a CSV or JSON that a page saved; frames.csv has the '
    'share of the attention in each',
  )
  add(
    group,
    '--pixels_per_degree',
    'pixels of the video per degree of visual angle, for columns in degrees',
    type=float,
  )

  group = parser.add_argument_group('computation')
  add(
    group,
    '--batch_size',
    'windows per batch; the maps do not depend on it',
    type=int,
    default=4,
  )
  add(
    group,
    '--dtype',
    'type of the computation',
    default='float32',
    choices=tuple(DTYPES),
  )
  return parser


def _videos(paths: list[str]) -> list[str]:
  """Returns the paths, with the videos in it in place of a folder of videos.

  Raises:
    ValueError: A folder holds both videos and frames.
  """
  videos = []
  for path in map(pathlib.Path, paths):
    inside = videos_in(path) if path.is_dir() else []
    images = inside and [
      file.name
      for file in path.iterdir()
      if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != '.'
    ]
    if images:
      raise ValueError(
        f'{path}: expected videos or the frames of one, got both ('
        f'{inside[0].name}, {images[0]}); name the videos one by one'
      )
    videos += map(str, inside or [path])
  return list(dict.fromkeys(videos))


def _folders(videos, out) -> dict[str, pathlib.Path]:
  """Returns {video: folder of its results}.

  Folders are named after the video without its suffix, or with it where two
  would have the same name.

  Raises:
    ValueError: Two videos have the same name.
  """
  paths = {video: pathlib.Path(video).absolute() for video in videos}
  # The name of a folder of frames has no suffix: in clip_29.97, .97 is none.
  short = {v: p.name if p.is_dir() else p.stem for v, p in paths.items()}
  counts = collections.Counter(short.values())
  names = {
    v: p.name if counts[short[v]] > 1 else short[v] for v, p in paths.items()
  }
  counts = collections.Counter(names.values())
  same = [video for video in videos if counts[names[video]] > 1]
  if same:
    raise ValueError(
      f'{" and ".join(same)} would both be written to {out / names[same[0]]}; '
      'use another --out for one of them'
    )
  return {video: out / name for video, name in names.items()}


def _fail(message) -> int:
  print(f'predict: {message}', file=sys.stderr)
  return FAILED


if __name__ == '__main__':
  sys.exit(main())
