"""Scores saliency maps against human fixations.

  python -m dave_jax.evaluate --dataset=davos --split=test --checkpoint=DIR \\
    --out=runs/dave

scores a network on a data set built by `datasets.prepare`. --predictions=DIR
scores the maps of any model instead (DIR/NAME/0001.png, DIR/NAME/img_00001.jpg,
DIR/NAME.npz, DIR/IMAGE.png, ...), and --baseline=NAME scores a baseline.
OUT/metrics.json holds the mean scores; `python -m dave_jax.report` compares
several runs. Run the same command again to resume. To share the videos between
processes, start each with the same --out, --process_index=I and
--process_count=N.
"""

import argparse
import sys

from dave_jax.arguments import (
  DONE,
  FAILED,
  INTERRUPTED,
  add_fields,
  make_parser,
)
from dave_jax.blas import use_one_blas_thread
from dave_jax.evaluation.options import BASELINES, SOUNDS, Options
from dave_jax.garbage import collect_garbage_rarely
from dave_jax.scoring.settings import ScoreSettings


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = vars(_parser().parse_args(argv))
  collect_garbage_rarely()
  # Data sets take half a second to import, which --help does not need.
  from dave_jax.evaluation.run import evaluate
  from dave_jax.evaluation.summary import print_metrics

  use_one_blas_thread()  # Of the NumPy that these have imported.

  try:
    scoring = {key: args.pop(key) for key in ScoreSettings.__annotations__}
    metrics = evaluate(Options(**args, settings=ScoreSettings(**scoring)))
  except (ValueError, OSError) as error:
    print(f'evaluate: {error}', file=sys.stderr)
    return FAILED
  except KeyboardInterrupt:
    print(
      'evaluate: interrupted; run the same command to resume', file=sys.stderr
    )
    return INTERRUPTED
  if metrics:
    print_metrics(metrics, args['out'])
  return DONE


def _parser() -> argparse.ArgumentParser:
  parser = make_parser('dave_jax.evaluate', __doc__)

  group = parser.add_argument_group('what is scored')
  add_fields(group, Options, 'dataset split data_dir out name')
  add_fields(
    group.add_mutually_exclusive_group(),
    Options,
    'checkpoint predictions baseline',
    baseline=tuple(BASELINES),
  )
  group = parser.add_argument_group('scores')
  add_fields(group, ScoreSettings, ' '.join(ScoreSettings.__annotations__))
  add_fields(
    group,
    Options,
    'stride size sigma mean_eye_position mean_eye_position_stride boxes frames '
    'keep_maps',
  )
  group = parser.add_argument_group('networks')
  add_fields(
    group,
    Options,
    'batch_size alignment sound sound_shift dtype',
    alignment=('exact', 'causal'),
    sound=SOUNDS,
    dtype=('float32', 'bfloat16'),
  )
  group = parser.add_argument_group('other')
  add_fields(
    group,
    Options,
    'partial overwrite first_frame repeats centre_sigma process_index '
    'process_count',
    first_frame=(0, 1),
  )
  return parser


if __name__ == '__main__':
  sys.exit(main())
