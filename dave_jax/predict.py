"""Predicts where people look in videos with sound.

  python -m dave_jax.predict VIDEO... --out=DIR
  python -m dave_jax.predict VIDEO... --checkpoint=DIR --out=DIR
  python -m dave_jax.predict VIDEO... --submission=ntire2026 --out=DIR
  python -m dave_jax.predict --videos=LIST.txt --out=DIR --resume \
      --process_index=0 --process_count=8
  python -m dave_jax.predict --videos='gs://BUCKET/*.mp4' --out=DIR

VIDEO is a file that FFmpeg reads, an image, a folder of numbered frames with at
most one WAV, or a folder of videos. A file may be in a bucket (gs://, s3://).
OUT/NAME of each holds, by --format:

  maps/000001.png  png: a map for each frame; times `scale` in the manifest, the
                   numbers of the 16-bit image are the map
  maps.npz         npz: saliency [n, h, w] float32, time [n], frame [n]
  maps.mat         mat: the same for MATLAB, saliency [h, w, n]
  NAME.mp4         mp4, mp4_10bit: a grey video of maps, each scaled to the full
                   range, as challenges take it
  overlay.mp4      overlay: the video with its saliency drawn over it
  overlay.gif      gif: the same, smaller, without sound
  stills/          stills: the same as a PNG for each predicted frame
  view.html        page: the video with its saliency, and curves, in a browser;
                   OUT/index.html lists these pages

and frames.csv: numbers of each frame, explained in frames.md; and
manifest.json: the time and file of every frame, the model, the settings, and
the problems of the video. A map sums to 1 unless --values says otherwise.
--submission writes videos of maps and, when all are done and have the frames
and the size of their videos, OUT/ntire2026.zip to hand in.

Several processes, on one machine or many, share a list of videos: each is given
the same command and its own --process_index. OUT/failures.csv, or
failures_INDEX.csv of each process, lists the videos that failed and why. Run
the same command again with --resume to predict what is missing.
"""

import argparse
import dataclasses
import pathlib
import sys

from dave_jax.arguments import (
  DONE,
  FAILED,
  INTERRUPTED,
  add_fields,
  make_parser,
)
from dave_jax.garbage import collect_garbage_rarely
from dave_jax.media.clock import ALIGNMENTS
from dave_jax.media.drawing_style import COLORMAPS, STYLES, Style
from dave_jax.prediction.settings import (
  FORMATS,
  MAP_FORMATS,
  SIZES,
  SUBMISSIONS,
  VALUES,
  VIDEO_BITS,
  Settings,
)
from dave_jax.weights.bundled import NOTE

DTYPES = ('float32', 'bfloat16')


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = _parser().parse_args(argv)
  collect_garbage_rarely()
  # JAX and FFmpeg take a second to import, which --help does not need.
  from dave_jax.compile_cache import enable_compilation_cache
  from dave_jax.prediction.loading import load
  from dave_jax.prediction.run import predict_videos

  enable_compilation_cache()
  try:
    settings = _settings(args)
    folders = _folders(args)
    if args.checkpoint is None:
      print(f'predict: {NOTE}', file=sys.stderr)
    model = load(args.checkpoint, dtype=args.dtype)
  except (ValueError, OSError) as error:
    return _fail(error)
  if (sound := model.origin.get('sound', 'own')) != 'own':
    print(
      f"predict: the network was trained with data.sound='{sound}', so it has "
      'not learned what the sound of a video says about where people look',
      file=sys.stderr,
    )
  try:
    failures = predict_videos(
      model,
      folders,
      settings,
      out=args.out,
      batch_size=args.batch_size,
      overwrite=args.overwrite,
      resume=args.resume,
    )
  except KeyboardInterrupt:
    print(
      'predict: interrupted; run the same command with --resume to continue',
      file=sys.stderr,
    )
    return INTERRUPTED
  failed = _report_failures(failures, folders, args)
  if failed or not args.submission:
    return FAILED if failed else DONE
  return _submit(args, folders)


def _submit(args, folders) -> int:
  """Writes the zip of a challenge; returns the exit status."""
  from dave_jax.prediction.submission import submit

  path = pathlib.Path(args.out) / f'{args.submission}.zip'
  try:
    submit(path, folders, args.sample)
  except (ValueError, OSError) as error:
    return _fail(error)
  print(f'Written: {path}', file=sys.stderr)
  return DONE


def _folders(args) -> dict[str, pathlib.Path]:
  """Returns {video: folder of its results} of this process's share."""
  from dave_jax.prediction import video_list

  videos = video_list.find_videos(args.videos + video_list.read_list(args.list))
  if not videos:
    raise ValueError('expected VIDEO... or --videos=LIST.txt, got no video')
  if args.submission and args.process_count > 1:
    raise ValueError(
      '--submission takes all videos; run it with --resume and without '
      '--process_count when all processes are done'
    )
  # Folders are named before the videos are shared out, so that the names do
  # not depend on the number of processes.
  folders = video_list.assign_folders(videos, pathlib.Path(args.out))
  share = video_list.take_share(videos, args.process_index, args.process_count)
  return {video: folders[video] for video in share}


def _report_failures(failures, folders, args) -> bool:
  """Writes which videos failed and why; returns whether any did."""
  from dave_jax.prediction.video_list import write_failures

  name = 'failures.csv'
  if args.process_count > 1:
    name = f'failures_{args.process_index}.csv'
  path = pathlib.Path(args.out, name)
  try:
    write_failures(path, failures)
  except OSError as error:
    _fail(error)
  if failures and len(folders) > 1:
    _fail(
      f'{len(failures)} of {len(folders)} videos failed; the others are done:'
    )
    for video, error in failures.items():
      print(f'  {video}: {error.removeprefix(f"{video}: ")}', file=sys.stderr)
    print(f'Written: {path}', file=sys.stderr)
  return bool(failures)


def _settings(args) -> Settings:
  # The others have other names or types on the command line.
  same = {f.name for f in dataclasses.fields(Settings)} - {'style'}
  return Settings(
    **{name: value for name, value in vars(args).items() if name in same},
    formats=_formats(args),
    style=Style(args.style, args.opacity, args.colormap),
    areas=args.aoi,
  )


def _formats(args) -> tuple[str, ...]:
  if args.format is not None:
    formats = tuple(args.format.split(','))
    if args.submission and not set(formats) & VIDEO_BITS.keys():
      raise ValueError(
        f'--submission: expected a --format of {" or ".join(VIDEO_BITS)}, got '
        f'{args.format}; leave it out'
      )
    return formats
  if args.submission:
    return (SUBMISSIONS[args.submission],)
  return Settings.formats


def _parser() -> argparse.ArgumentParser:
  parser = make_parser('dave_jax.predict', __doc__)
  parser.add_argument(
    'videos', nargs='*', metavar='VIDEO', help='Videos to predict'
  )
  parser.add_argument(
    '--videos',
    dest='list',
    metavar='LIST.txt',
    help='Text file of more videos, one path in a line, or a pattern of videos '
    'in a bucket: gs://BUCKET/*.mp4',
  )
  parser.add_argument('--out', required=True, help='Folder of the results')
  parser.add_argument(
    '--checkpoint',
    help='Folder of a network that convert wrote, or of a training run, whose '
    'best weights are used (default: the bundled small network)',
  )
  present = parser.add_mutually_exclusive_group()
  present.add_argument(
    '--overwrite', action='store_true', help='Remove earlier results'
  )
  present.add_argument(
    '--resume', action='store_true', help='Continue unfinished results'
  )
  group = parser.add_argument_group('several processes')
  group.add_argument(
    '--process_index',
    type=int,
    default=0,
    help='Which process this is, from 0',
  )
  group.add_argument(
    '--process_count',
    type=int,
    default=1,
    help='Number of processes; each predicts every n-th video of the list',
  )
  group = parser.add_argument_group('frames and sound')
  add_fields(
    group,
    Settings,
    'stride fps start end sound alignment video_stream audio_stream rate',
    alignment=ALIGNMENTS,
  )
  group = parser.add_argument_group('maps')
  group.add_argument(
    '--format',
    help=f'Comma-separated from {",".join(FORMATS)}; at most one of '
    f'{", ".join(MAP_FORMATS)} (default: {",".join(Settings.formats)}, or mp4 '
    'for a submission)',
  )
  group.add_argument(
    '--submission',
    choices=tuple(SUBMISSIONS),
    help='Challenge whose zip is written when all videos are done',
  )
  group.add_argument(
    '--sample',
    help='Sample submission, a folder or zip, that names, frames and sizes are '
    'checked against (default: the videos)',
  )
  add_fields(group, Settings, 'size values', size=SIZES, values=VALUES)
  group = parser.add_argument_group('drawings')
  add_fields(
    group, Style, 'style opacity colormap', style=STYLES, colormap=COLORMAPS
  )
  add_fields(group, Settings, 'gaze')
  group = parser.add_argument_group('numbers of each frame')
  group.add_argument(
    '--aoi',
    help='Areas of interest, a CSV or JSON that a page saved; frames.csv has '
    'the share of the attention in each',
  )
  add_fields(group, Settings, 'compare_sound pixels_per_degree')
  group = parser.add_argument_group('computation')
  group.add_argument(
    '--batch_size',
    type=int,
    default=4,
    help='Windows per batch; the maps do not depend on it',
  )
  add_fields(group, Settings, 'dtype', dtype=DTYPES)
  return parser


def _fail(message) -> int:
  print(f'predict: {message}', file=sys.stderr)
  return FAILED


if __name__ == '__main__':
  sys.exit(main())
