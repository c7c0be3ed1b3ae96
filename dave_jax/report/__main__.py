"""Compares evaluations by the tables and figures of the paper.

  python -m dave_jax.report RUN... --out=DIR

RUN is the --out of `python -m dave_jax.evaluate`, or NAME=RUN to name it in
tables. All runs must share the data set and the settings. DIR/report.html is
the report for a browser, DIR/report.md the same as text; tables are also
written as .csv and .tex, figures as .png and .pdf. After `evaluate --keep_maps`
the page plays clips: people and every model side by side.
"""

import argparse
import sys

from dave_jax.arguments import DONE, FAILED, make_parser
from dave_jax.scoring.settings import SCORES


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = _parser().parse_args(argv)
  # Figures and statistics take seconds to import, which --help does not need.
  from dave_jax.report.runs import read_runs
  from dave_jax.report.write import write_report

  try:
    path = write_report(
      read_runs(args.runs),
      args.out,
      score=args.score,
      design=args.design,
      clips=args.clips.split(',') if args.clips else (),
    )
  except (ValueError, OSError) as error:
    print(f'report: {error}', file=sys.stderr)
    return FAILED
  print(f'Wrote {path} and {path.with_suffix(".html")}')
  return DONE


def _parser() -> argparse.ArgumentParser:
  parser = make_parser('dave_jax.report', __doc__)
  add = parser.add_argument
  add(
    'runs',
    nargs='+',
    metavar='RUN',
    help='folder of an evaluation, or NAME=FOLDER',
  )
  add('--out', required=True, help='folder of the report')
  add(
    '--score',
    default='NSS',
    choices=SCORES,
    help='score of the figures',
  )
  add(
    '--design',
    default='repeated',
    choices=('repeated', 'independent'),
    help='design of the analysis of variance: videos as subjects that all '
    'models share, or independent samples',
  )
  add(
    '--clips',
    default='',
    help='comma-separated names of clips that the page shows beside the best '
    "and the worst of each run, or 'all'",
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
