"""Shows a built data set in pictures and numbers, to check it before use.

  python -m dave_jax.datasets.show NAME --data_dir=DIR --out=DIR

writes OUT/README.md with the statistics of each split, contact sheets of frames
with their density and fixations (one colour per viewer, white if viewers are
unknown), plots, short videos with sound, and the report of the build.
"""

import dataclasses
import pathlib
import re
import sys

import numpy as np
from tqdm import tqdm

from dave_jax.arguments import DONE, FAILED, add_fields, make_parser
from dave_jax.datasets import contact_sheets as pictures
from dave_jax.datasets import statistics, store
from dave_jax.media.image_file import write_image


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
  """What is shown of each split.

  Attributes:
    clips: Number of videos.
    seconds: Length of a video.
    rows, columns: Size of the contact sheet.
    records: Number of records that the statistics are computed from.
    seed: Seed of the random choices.
  """

  clips: int = 2
  seconds: float = 8
  rows: int = 6
  columns: int = 6
  records: int = 2000
  seed: int = 0


def main(argv: list[str] | None = None) -> int:
  """Writes the page and returns the exit status."""
  args = vars(_parser().parse_args(argv))
  name, data_dir, out = (args.pop(key) for key in ('name', 'data_dir', 'out'))
  try:
    show(store.open_dataset(data_dir, name), out, Choice(**args))
  except (ValueError, OSError) as error:
    print(f'show: {error}', file=sys.stderr)
    return FAILED
  print(f'Done: see {out}/README.md')
  return DONE


def show(dataset: store.Dataset, out: pathlib.Path, choice: Choice) -> None:
  """Writes the page of a data set to a folder."""
  out.mkdir(parents=True, exist_ok=True)
  page = [f'# {dataset.name}', '', f'`{dataset.fingerprint}`']
  for split in tqdm(dataset.splits, desc='showing', unit='split'):
    sheet = pictures.contact_sheet(
      dataset, split, rows=choice.rows, columns=choice.columns, seed=choice.seed
    )
    write_image(out / f'{split}.png', sheet)
    found = statistics.gather(
      dataset, split, most=choice.records, seed=choice.seed
    )
    statistics.plot(dataset, split, found, out / f'{split}_statistics.png')
    page += ['', f'## {split}', '', statistics.table(dataset, split, found), '']
    page += [f'![]({split}.png)', f'![]({split}_statistics.png)', '']
    unreadable = pictures.unreadable_names(dataset.clips(split))
    page += [f'- {short}: {name}' for name, short in unreadable.items()]
    moving = [clip for clip in dataset.clips(split) if clip.frames > 1]
    order = np.random.default_rng(choice.seed).permutation(len(moving))
    for number in order[: choice.clips]:
      clip = moving[number]
      stem = re.sub(r'[^\w.-]', '_', clip.name)
      name = f'{split}_{stem}.mp4'
      pictures.write_clip(
        out / name, dataset.records(split), clip, seconds=choice.seconds
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
  add('--out', type=pathlib.Path, required=True, help='folder to write to')
  add_fields(parser, Choice, 'clips seconds rows columns records seed')
  return parser


if __name__ == '__main__':
  sys.exit(main())
