"""Compares evaluations: tables and figures as the paper has them.

  python -m dave_jax.report RUN... --out=DIR

RUN is what `python -m dave_jax.evaluate` wrote to --out; all of one data set
and with the same settings. DIR/report.md holds everything; each table is there
as .csv and .tex too, each figure as .png and .pdf.
"""

import argparse
import sys

from dave_jax import VERSION
from dave_jax.report.runs import read_runs
from dave_jax.report.write import write_report
from dave_jax.scoring.settings import SCORES

DONE, FAILED = 0, 1


def main(argv: list[str] | None = None) -> int:
  """Reports as the command line says; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    path = write_report(
      read_runs(args.runs), args.out, score=args.score, design=args.design
    )
  except (ValueError, OSError) as error:
    print(f'report: {error}', file=sys.stderr)
    return FAILED
  print(path)
  return DONE


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.report',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add('--version', action='version', version=VERSION)
  add('runs', nargs='+', metavar='RUN', help='folder of an evaluation')
  add('--out', required=True, help='folder to write')
  add(
    '--score',
    default='NSS',
    choices=SCORES,
    help='shown over time and in figures (default: %(default)s)',
  )
  add(
    '--design',
    default='repeated',
    choices=('repeated', 'independent'),
    help='of the analysis of variance: all models see the same videos, or as '
    'if each had its own (default: %(default)s)',
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
