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

from dave_jax.arguments import DONE, FAILED, INTERRUPTED, make_parser
from dave_jax.datasets.schema import GAZE_KINDS
from dave_jax.evaluation.options import BASELINES, SOUNDS, Options
from dave_jax.evaluation.run import evaluate
from dave_jax.evaluation.run_folder import METRICS
from dave_jax.scoring.settings import SCORES, ScoreSettings


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

  def add(flag, help, group=parser, **kwargs):
    """Adds a flag whose default is that of the field of its name."""
    name = flag.removeprefix('--')
    owner = ScoreSettings if name in ScoreSettings.__annotations__ else Options
    default = getattr(owner, name, None)
    if isinstance(default, int) and 'action' not in kwargs:
      kwargs.setdefault('type', type(default))
    group.add_argument(flag, help=help, default=default, **kwargs)

  yes_no = argparse.BooleanOptionalAction
  data = parser.add_argument_group('what is scored')
  add('--dataset', 'data set built by prepare', data, required=True)
  add('--split', 'split, or several joined by +', data, required=True)
  add('--data_dir', 'folder of data sets', data)
  add('--out', 'folder of this run', data, required=True)
  add('--name', "the run's name in tables (default: what is scored)", data)
  source = data.add_mutually_exclusive_group()
  add(
    '--checkpoint',
    'folder of a network or of a training run (default: the bundled small '
    'network)',
    source,
  )
  add('--predictions', 'folder of saliency maps', source)
  add('--baseline', 'a baseline', source, choices=tuple(BASELINES))

  scores = parser.add_argument_group('scores')
  add('--scores', f"comma-separated from {','.join(SCORES)}, or 'all'", scores)
  add(
    '--protocol',
    'definition of the scores',
    scores,
    choices=('videosal', 'pysaliency', 'msu'),
  )
  add('--seed', 'seed of random scores and baselines', scores)
  add('--jitter', 'break ties of AUC_Judd by noise', scores, action=yes_no)
  add(
    '--splits',
    'random splits of sAUC and AUC_Borji; 0: all negatives at once',
    scores,
  )
  add(
    '--negatives',
    'number of other frames that sAUC takes negatives from; 0: all',
    scores,
  )
  add(
    '--exclude_same',
    'which frames give no negatives: those of the same video, or the frame '
    'itself',
    scores,
    choices=('video', 'frame'),
  )
  add(
    '--negatives_from',
    'whether negatives come from all videos or the same one',
    scores,
    choices=('all', 'video'),
  )
  add(
    '--drop_own_fixations',
    "drop negatives at the frame's own fixated pixels",
    scores,
    action=yes_no,
  )
  add(
    '--average',
    'average over frames, then videos; or over all frames',
    scores,
    choices=('videos', 'frames'),
  )
  add('--stride', 'score every n-th frame of each clip', scores)
  add('--size', "size to score maps at: 'original' or HEIGHTxWIDTH", scores)
  add(
    '--sigma',
    'standard deviation of the Gaussian that blurs fixations, in pixels of the '
    "original (default: the data set's)",
    scores,
    type=float,
  )
  add(
    '--mean_eye_position',
    "split whose mean eye position IG and its baseline use, or 'none'",
    scores,
    metavar='[NAME:]SPLIT',
  )
  add('--mean_eye_position_stride', 'use every n-th of its frames', scores)
  add(
    '--boxes',
    'CSV clip,frame,x0,y0,x1,y1 of sound sources, for NSS inside and outside',
    scores,
  )
  add(
    '--frames',
    'list the scores of every frame in metrics.json',
    scores,
    action='store_true',
  )

  network = parser.add_argument_group('networks')
  add('--batch_size', 'windows per batch', network)
  add(
    '--alignment',
    'sound that belongs to a frame, see media/clock.py',
    network,
    choices=('exact', 'causal'),
  )
  add(
    '--sound',
    "sound that the network hears: the clip's own, another clip's or none",
    network,
    choices=SOUNDS,
  )
  add(
    '--dtype',
    'type of the computation',
    network,
    choices=('float32', 'bfloat16'),
  )

  other = parser.add_argument_group('other')
  add(
    '--partial',
    'score what is there if maps are missing, and list those that are not',
    other,
    action='store_true',
  )
  add(
    '--overwrite',
    'replace another run in --out',
    other,
    action='store_true',
  )
  add(
    '--first_frame',
    'number of the first frame in --predictions',
    other,
    choices=(0, 1),
  )
  add('--repeats', 'random splits of viewers for human_infinite', other)
  add(
    '--centre_sigma',
    'standard deviation of the baseline centre, as a share of height and width',
    other,
    type=float,
  )
  add('--process_index', 'index of this process', other)
  add('--process_count', 'number of processes', other)
  return parser


if __name__ == '__main__':
  sys.exit(main())
