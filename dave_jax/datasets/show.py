"""Shows a built data set in pictures and numbers, to check it before use.

  python -m dave_jax.datasets.show NAME --data_dir=DIR --out=DIR

writes OUT/README.md with the statistics of each split, contact sheets of frames
with their density and fixations (one colour per viewer, white if viewers are
unknown), plots, short videos with sound, and the report of the build.
"""

import pathlib
import re
import sys

import numpy as np
from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.datasets import contact_sheets as pictures
from dave_jax.datasets import statistics, store
from dave_jax.media.image_file import write_image


def main(argv: list[str] | None = None) -> int:
  """Writes the page and returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    dataset = store.open_dataset(args.data_dir, args.name)
    show(
      dataset,
      pathlib.Path(args.out),
      clips=args.clips,
      seconds=args.seconds,
      rows=args.rows,
      columns=args.columns,
      records=args.records,
      seed=args.seed,
    )
  except (ValueError, OSError) as error:
    print(f'show: {error}', file=sys.stderr)
    return FAILED
  print(f'Done: see {args.out}/README.md')
  return DONE


def show(
  dataset: store.Dataset,
  out: pathlib.Path,
  *,
  clips: int,
  seconds: float,
  rows: int,
  columns: int,
  records: int,
  seed: int,
) -> None:
  """Writes the page of a data set.

  Args:
    dataset: The data set.
    out: Folder to write to.
    clips: Number of videos per split.
    seconds: Length of each video.
    rows, columns: Size of a contact sheet.
    records: Number of records per split that the statistics are computed from.
    seed: Seed of the random choices.
  """
  out.mkdir(parents=True, exist_ok=True)
  page = [f'# {dataset.name}', '', f'`{dataset.fingerprint}`']
  for split in tqdm(dataset.splits, desc='showing', unit='split'):
    sheet = pictures.contact_sheet(
      dataset, split, rows=rows, columns=columns, seed=seed
    )
    write_image(out / f'{split}.png', sheet)
    found = statistics.gather(dataset, split, most=records, seed=seed)
    statistics.plot(dataset, split, found, out / f'{split}_statistics.png')
    page += ['', f'## {split}', '', statistics.table(dataset, split, found), '']
    page += [f'![]({split}.png)', f'![]({split}_statistics.png)', '']
    unreadable = pictures.unreadable_names(dataset.clips(split))
    page += [f'- {short}: {name}' for name, short in unreadable.items()]
    moving = [clip for clip in dataset.clips(split) if clip.frames > 1]
    order = np.random.default_rng(seed).permutation(len(moving))[:clips]
    for number in order:
      clip = moving[number]
      stem = re.sub(r'[^\w.-]', '_', clip.name)
      name = f'{split}_{stem}.mp4'
      pictures.write_clip(
        out / name, dataset.records(split), clip, seconds=seconds
      )
      page.append(f'- [{clip.name}]({name})')
  report = dataset.folder / 'report.txt'
  if report.exists():
    page += ['', '## Report of the build', '', '```', report.read_text(), '```']
  (out / 'README.md').write_text('\n'.join(page) + '\n')


def _parser():
  parser = make_parser('dave_jax.datasets.show', __doc__)
  add = parser.add_argument
  add('name', metavar='NAME', help='name of a built data set')
  add('--data_dir', required=True, help='folder of built data sets')
  add('--out', required=True, help='folder to write to')
  add('--clips', type=int, default=2, help='videos per split')
  add('--seconds', type=float, default=8, help='length of a video')
  add('--rows', type=int, default=6, help='of a contact sheet')
  add('--columns', type=int, default=6, help='of a contact sheet')
  add(
    '--records',
    type=int,
    default=2000,
    help='records per split for the statistics',
  )
  add(
    '--seed',
    type=int,
    default=0,
    help='seed of the random choices',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
