"""Scores saliency maps against where people looked.

  python -m dave_jax.evaluate --dataset=davos --split=test --checkpoint=DIR \\
    --out=runs/dave

scores a network on a data set that `datasets.prepare` built;
--predictions=DIR instead scores any model's maps (DIR/NAME/0001.png or
img_00001.jpg, DIR/NAME.npz, DIR/IMAGE.png ...), --baseline=... what a model has
to beat. OUT/metrics.json holds the means; `python -m dave_jax.report`
compares several OUT. Interrupted, the same command goes on. Several processes
with --process_index=I --process_count=N and one --out share the videos.
"""

import argparse
import os
import re
import sys

from dave_jax import VERSION
from dave_jax.evaluation.run import BASELINES, Options, evaluate
from dave_jax.evaluation.run_folder import METRICS
from dave_jax.scoring.settings import SCORES, SOUNDS, ScoreSettings

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: list[str] | None = None) -> int:
  """Evaluates as the command line says; returns the exit status."""
  args = _parser().parse_args(argv)
  try:
    metrics = evaluate(_options(args))
  except (ValueError, OSError) as error:
    print(f'evaluate: {error}', file=sys.stderr)
    return FAILED
  except KeyboardInterrupt:
    print('evaluate: interrupted; the same command goes on', file=sys.stderr)
    return INTERRUPTED
  if metrics:
    _print(metrics, os.path.join(args.out, METRICS))
  return DONE


def _print(metrics, path):
  counts = metrics['counts']
  print(
    f'{metrics["run"]["name"]}: {counts["videos"]} videos, {counts["frames"]} '
    f'frames scored, {counts["empty"]} without fixations left out'
  )
  for key, what in (
    ('missing', 'without a map'),
    ('broken', 'whose map holds NaN or infinity'),
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
  print(path)


def _options(args) -> Options:
  fields = vars(args).copy()
  settings = ScoreSettings(
    scores=_scores(fields.pop('scores'), args.protocol),
    protocol=fields.pop('protocol'),
    seed=fields.pop('seed'),
    jitter=fields.pop('jitter') == 'yes',
    splits=fields.pop('splits') or None,
    negatives=fields.pop('negatives') or None,
    exclude=fields.pop('exclude'),
    pool=fields.pop('pool'),
    own=fields.pop('own'),
    average=fields.pop('average'),
  )
  return Options(**fields | {'settings': settings, 'size': _size(args.size)})


def _scores(text, protocol):
  if text != 'all':
    return tuple(text.split(','))
  only_videosal = {'AUC_Borji'}
  return tuple(
    s for s in SCORES if protocol == 'videosal' or s not in only_videosal
  )


def _size(text) -> tuple[int, int] | None:
  if text == 'original':
    return None
  match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
  if not match:
    raise ValueError(
      f"size is {text!r}; want 'original' or HEIGHTxWIDTH, as 256x320"
    )
  return int(match[1]), int(match[2])


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='python -m dave_jax.evaluate',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add('--version', action='version', version=VERSION)
  add('--dataset', required=True, help='a data set that prepare built')
  add('--split', required=True, help='split, or several with + between them')
  add('--data_dir', default='data', help='default: %(default)s')
  add('--out', required=True, help='folder of this run')
  what = parser.add_mutually_exclusive_group()
  what.add_argument(
    '--checkpoint',
    help='a network (default: the small one that comes with the package)',
  )
  what.add_argument('--predictions', help="folder of a model's maps")
  what.add_argument('--baseline', choices=BASELINES)
  add('--name', help='of the run, in tables; default: of what is scored')
  add('--stride', type=int, default=1, help='every how many frames are scored')
  add(
    '--size',
    default='original',
    help='HEIGHTxWIDTH that maps are scored at (default: %(default)s)',
  )
  add(
    '--sigma',
    type=float,
    help='blur of fixations, pixels of the original; default: as recorded',
  )
  add('--scores', default='all', help=f'of {",".join(SCORES)} (default: all)')
  add('--protocol', default='videosal', choices=('videosal', 'pysaliency'))
  add('--seed', type=int, default=0, help='of random scores and baselines')
  add(
    '--jitter',
    default='yes',
    choices=('yes', 'no'),
    help='whether AUC_Judd breaks ties by noise (default: %(default)s)',
  )
  add(
    '--splits',
    type=int,
    default=100,
    help='random choices of sAUC and AUC_Borji; 0: all negatives at once '
    '(default: %(default)s)',
  )
  add(
    '--negatives',
    type=int,
    default=10,
    help='other frames that give sAUC its negatives; 0: all (default: '
    '%(default)s)',
  )
  add(
    '--exclude',
    default='video',
    choices=('video', 'frame'),
    help="whether the frame's whole video gives no negatives (default: "
    '%(default)s)',
  )
  add('--pool', default='all', choices=('all', 'video'), help='of negatives')
  add('--own', default='kept', choices=('kept', 'removed'))
  add('--average', default='videos', choices=('videos', 'frames'))
  add(
    '--mean_eye_position',
    default='train',
    metavar='[NAME:]SPLIT',
    help="whose mean eye position IG and its baseline take; 'none' leaves "
    'them out (default: %(default)s)',
  )
  add(
    '--mean_eye_position_stride',
    type=int,
    default=5,
    help='every how many frames of it (default: %(default)s)',
  )
  add('--boxes', help='CSV clip,frame,x0,y0,x1,y1: NSS inside and outside')
  add('--frames', action='store_true', help='lists the scores of frames too')
  add(
    '--partial',
    action='store_true',
    help='goes on where maps are missing, and lists them',
  )
  add('--overwrite', action='store_true', help='removes another run from --out')
  add(
    '--first_frame',
    type=int,
    default=1,
    choices=(0, 1),
    help='number of the first frame in --predictions (default: %(default)s)',
  )
  add(
    '--repeats',
    type=int,
    default=5,
    help='how often human_infinite splits viewers (default: %(default)s)',
  )
  add(
    '--centre_sigma',
    type=float,
    default=0.25,
    help="share of the frame's sides (default: %(default)s)",
  )
  add('--batch_size', type=int, default=4, help='windows computed at a time')
  add('--alignment', default='exact', choices=('exact', 'causal'))
  add('--strip_frames', type=int, default=128, help='see data.transforms')
  add(
    '--sound',
    default='own',
    choices=SOUNDS,
    help="what a network hears: the clip, another clip's sound, or none "
    '(default: %(default)s)',
  )
  add('--dtype', default='float32', choices=('float32', 'bfloat16'))
  add('--process_index', type=int, default=0, help='which process this is')
  add('--process_count', type=int, default=1, help='of how many')
  return parser


if __name__ == '__main__':
  sys.exit(main())
