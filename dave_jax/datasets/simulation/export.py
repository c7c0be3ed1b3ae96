"""Writes clips of the simulated set sounding_shapes as video files.

  python -m dave_jax.datasets.simulation.export --out=clips --clips=4

writes OUT/NAME.mp4 with sound, fixations.csv and clips.csv for the data set
`folder` of `dave_jax.datasets.prepare`, and boxes.csv (see `datasets.boxes`).
The clips are the first of a split.
"""

import csv
import pathlib
import sys
from collections.abc import Iterator

from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.datasets.boxes import Row, write_boxes
from dave_jax.datasets.simulation.scenario import Scenario
from dave_jax.datasets.simulation.sounding_shapes import ShapesSource, boxes
from dave_jax.datasets.simulation.viewers import watch
from dave_jax.datasets.source import SourceClip
from dave_jax.media.write_video import write_video


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    height, width = map(int, args.frame_size.split('x'))
    source = ShapesSource(
      **dict.fromkeys(('train', 'val', 'test'), 0) | {args.split: args.clips},
      seed=args.seed,
    )
    export(source, pathlib.Path(args.out), (height, width))
  except (ValueError, OSError) as error:
    print(f'export: {error}', file=sys.stderr)
    return FAILED
  return DONE


def export(
  source: ShapesSource, out: pathlib.Path, size: tuple[int, int]
) -> None:
  """Writes all clips of a source and their tables into a folder.

  Args:
    source: The clips.
    out: Folder to write.
    size: Height and width of frames, both even.
  """
  out.mkdir(parents=True, exist_ok=True)
  clips, _ = source.find(None)
  for clip in tqdm(clips, desc='writing', unit='clip'):
    write_clip(out / f'{clip.name}.mp4', source.scenario(clip.name), size)
  with (out / 'clips.csv').open('w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['name', 'split', 'category'])
    table.writerows([c.name, c.split, c.category] for c in clips)
  with (out / 'fixations.csv').open('w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['name', 'frame', 'viewer', 'x', 'y'])
    for clip in clips:
      table.writerows(_fixation_rows(source, clip, size))
  write_boxes(out / 'boxes.csv', _box_rows(source, clips, size))


def write_clip(
  path: pathlib.Path, scenario: Scenario, size: tuple[int, int]
) -> None:
  """Writes a clip as MP4 with its sound.

  Args:
    path: File to write.
    scenario: The clip.
    size: Height and width of frames, both even.
  """
  pictures = enumerate(scenario.pictures(size))
  write_video(
    path,
    ((picture, frame / scenario.rate) for frame, picture in pictures),
    rate=scenario.rate,
    waveform=scenario.waveform(),
  )


def _fixation_rows(
  source: ShapesSource, clip: SourceClip, size: tuple[int, int]
) -> Iterator[tuple]:
  height, width = size
  gaze = watch(source.scenario(clip.name), source.viewers)
  for (x, y), frame, viewer in zip(
    gaze.xy * [width, height], gaze.when, gaze.viewer, strict=True
  ):
    yield clip.name, int(frame), int(viewer), f'{x:.2f}', f'{y:.2f}'


def _box_rows(source, clips, size) -> Iterator[Row]:
  for clip in clips:
    frames, box = boxes(source.scenario(clip.name), *size)
    for frame, edges in zip(frames.tolist(), box.tolist(), strict=True):
      yield clip.name, frame, *edges


def _parser():
  parser = make_parser('dave_jax.datasets.simulation.export', __doc__)
  add = parser.add_argument
  add('--out', required=True, help='folder to write')
  add(
    '--clips',
    type=int,
    default=4,
    help='number of clips',
  )
  add('--split', choices=('train', 'val', 'test'), default='test')
  add('--seed', type=int, default=0, help='seed of the set')
  add(
    '--frame_size',
    default='256x320',
    help='HEIGHTxWIDTH, both even',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
