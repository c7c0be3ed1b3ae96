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
import os
import sys

from dave_jax.arguments import (
  DONE,
  FAILED,
  INTERRUPTED,
  add_fields,
  make_parser,
)
from dave_jax.datasets.schema import GAZE_KINDS
from dave_jax.evaluation.options import BASELINES, SOUNDS, Options
from dave_jax.evaluation.run import evaluate
from dave_jax.evaluation.run_folder import METRICS
from dave_jax.scoring.settings import ScoreSettings


def main(argv: list[str] | None = None) -> int:
  """Runs the command line; returns the exit status."""
  args = vars(_parser().parse_args(argv))
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


def print_metrics(metrics: dict, out: str) -> None:
  """Prints the mean scores of an evaluation, and where they are.

  Args:
    metrics: See `evaluation.run.evaluate`.
    out: Folder of the run.
  """
  path = os.path.join(out, METRICS)
  counts = metrics['counts']
  print(
    f'{metrics["run"]["name"]}: {counts["videos"]} videos, {counts["frames"]} '
    f'frames scored, {counts["empty"]} without fixations skipped'
  )
  kinds = metrics['run']['data']['gaze_kinds']
  print(f'ground truth: {" and ".join(GAZE_KINDS[kind] for kind in kinds)}')
  for key, what in (
    ('missing', 'without a map'),
    ('broken', 'whose map contains NaN or infinity'),
  ):
    if counts[key]:
      print(f'{counts[key]} frames {what}: not scored, listed in {path}')
  for name in metrics['scores']:
    value = metrics['overall'][name]
    shown = 'undefined' if value is None else f'{value:.4f}'
    spread = metrics['overall'].get('spread', {}).get(name)
    shown += f' +- {spread:.4f}' if spread is not None else ''
    undefined = counts['undefined'][name]
    shown += f'  (undefined in {undefined} frames)' if undefined else ''
    print(f'  {name:10} {shown}')
  print(f'Wrote {path}')


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
    'batch_size alignment sound dtype',
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
