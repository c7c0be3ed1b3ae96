"""Converts recordings of eye trackers to fixations.csv of the `folder` set.

  python -m dave_jax.datasets.eye_trackers subject1.asc subject2.asc \\
    --out=clips/fixations.csv --offset=320,180 --scale=1.5

reads, by their content:

- EyeLink ASC files (edf2asc): fixations of the lines EFIX. A clip begins at the
  first message that names its file, as `MSG 1234 !V VFRAME 1 0 0 clip.mp4`, or
  at one that --start matches, and ends at the next clip, at --stop or at END.
- Tobii Pro Lab and Tobii Studio exports (TSV) of all samples: rows whose eye
  movement type is Fixation. A clip begins at the first row of its stimulus.

Positions on the screen become pixels of the video: x = (screen x - left) /
scale. Exports in pixels of the media (MCSpx) need neither. Fixations outside
the video are kept, for `prepare` to count. Check the result with
`dave_jax.datasets.show`.
"""

import argparse
import csv
import pathlib
import re
import sys
from collections.abc import Sequence

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.datasets.recordings import (
  Fixation,
  read_eyelink,
  read_tobii,
)
from dave_jax.files import write_atomically

COLUMNS = ('name', 'time', 'duration', 'viewer', 'x', 'y')


def convert(
  fixations: Sequence[Fixation],
  *,
  offset: tuple[float, float],
  scale: float,
  screen: tuple[int, int] | None,
  video: tuple[int, int] | None,
) -> list[tuple]:
  """Returns rows of `COLUMNS`, with positions in pixels of the video.

  Args:
    fixations: Fixations on the screen.
    offset: Left and top edge of the video on the screen, in pixels.
    scale: Pixels of the screen per pixel of the video.
    screen, video: Width and height; if both are given, the video was centred,
      and `offset` is ignored.
  """
  left, top = offset
  if screen and video:
    left = (screen[0] - scale * video[0]) / 2
    top = (screen[1] - scale * video[1]) / 2
  return [
    (
      fixation.name,
      f'{fixation.time:.4f}',
      f'{fixation.duration:.4f}',
      fixation.viewer,
      f'{(fixation.x - left) / scale:.2f}',
      f'{(fixation.y - top) / scale:.2f}',
    )
    for fixation in fixations
  ]


def main(argv: list[str] | None = None) -> int:
  """Writes fixations.csv and returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    if args.scale <= 0:
      raise ValueError(f'expected --scale above 0, got {args.scale:g}')
    if (args.screen is None) != (args.video is None):
      raise ValueError('expected both --screen and --video, or neither')
    fixations: list[Fixation] = []
    for text in args.files:
      path = pathlib.Path(text)
      if _is_eyelink(path):
        fixations += read_eyelink(
          path, start=args.start, stop=args.stop, eye=args.eye
        )
      else:
        fixations += read_tobii(path)
    rows = convert(
      fixations,
      offset=args.offset,
      scale=args.scale,
      screen=args.screen,
      video=args.video,
    )
    with (
      write_atomically(args.out) as partial,
      partial.open('w', newline='', encoding='utf-8') as file,
    ):
      writer = csv.writer(file)
      writer.writerow(COLUMNS)
      writer.writerows(rows)
  except (ValueError, OSError, re.error) as error:
    print(f'eye_trackers: {error}', file=sys.stderr)
    return FAILED
  viewers = len({fixation.viewer for fixation in fixations})
  names = len({fixation.name for fixation in fixations})
  print(
    f'Done: {len(rows)} fixations of {viewers} viewers on {names} clips in '
    f'{args.out}'
  )
  return DONE


def _is_eyelink(path):
  with path.open('rb') as file:
    head = file.read(4096)
  return bool(re.search(rb'^(\*\* |MSG\s|START\s|EFIX\s|SFIX\s)', head, re.M))


def _pair(text):
  """Parses '1920x1080' or '320,180'."""
  try:
    first, second = (float(part) for part in re.split('[x,]', text))
  except ValueError as error:
    raise argparse.ArgumentTypeError(
      f"expected two numbers, such as 1920x1080 or 320,180, got '{text}'"
    ) from error
  return first, second


def _parser():
  parser = make_parser('dave_jax.datasets.eye_trackers', __doc__)
  add = parser.add_argument
  add('files', nargs='+', metavar='FILE', help='recordings, one per viewer')
  add('--out', required=True, help='table to write, FOLDER/fixations.csv')
  add(
    '--offset',
    type=_pair,
    default=(0.0, 0.0),
    metavar='X,Y',
    help='left and top edge of the video on the screen, in pixels (default: '
    '0,0)',
  )
  add(
    '--scale',
    type=float,
    default=1.0,
    help='pixels of the screen per pixel of the video',
  )
  add(
    '--screen',
    type=_pair,
    metavar='WxH',
    help='size of the screen in pixels; with --video, the video was centred on '
    'it, and --offset follows',
  )
  add('--video', type=_pair, metavar='WxH', help='size of the video in pixels')
  add(
    '--start',
    metavar='REGEX',
    help='EyeLink messages that begin a clip; the group is its name (default: '
    'those that name a video or an image)',
  )
  add('--stop', metavar='REGEX', help='EyeLink messages that end a clip')
  add(
    '--eye',
    choices=('auto', 'left', 'right'),
    default='auto',
    help='eye of an EyeLink recording (default: the left of two)',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
