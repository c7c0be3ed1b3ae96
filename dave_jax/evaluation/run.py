"""One evaluation, from a data set to `metrics.json`."""

import dataclasses
from importlib import metadata

import dave_jax
from dave_jax.datasets.boxes import read_boxes
from dave_jax.datasets.store import open_dataset
from dave_jax.evaluation.baselines import HumanInfinite
from dave_jax.evaluation.evaluator import evaluate_videos, score_maps
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.kept_clips import ClipKeeper
from dave_jax.evaluation.options import Options, parse_size
from dave_jax.evaluation.run_folder import RunFolder
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.sources import (
  open_maps,
  read_mean_eye_position,
  warn,
)
from dave_jax.evaluation.summary import summarise

_LIBRARIES = ('numpy', 'scipy', 'opencv-python-headless', 'jax')


def evaluate(options: Options) -> dict | None:
  """Scores this process's share of the videos.

  Returns:
    The content of `metrics.json`, see `evaluation.summary`; None while videos
    of other processes are unfinished.

  Raises:
    ValueError, OSError: An option is invalid, or data or maps are missing.
  """
  size = parse_size(options.size)
  if options.settings.protocol == 'msu' and (size or options.boxes):
    raise ValueError(
      "protocol 'msu' scores at the size of the stored density maps and has no "
      'contextual scores; leave out size and boxes'
    )
  dataset = open_dataset(options.data_dir, options.dataset)
  options = _with_only_split(options, dataset)
  truth = read_ground_truth(
    dataset,
    options.split,
    stride=options.stride,
    size=size,
    sigma=options.sigma,
  )
  boxes = read_boxes(options.boxes) if options.boxes else None
  if boxes is not None:
    boxes.check_clips([clip.name for clip in truth.clips])
  mean, mean_source = read_mean_eye_position(options, dataset)
  maps, source = open_maps(options, dataset, truth, mean)
  if options.baseline == 'mean_eye_position':
    source |= {'mean_eye_position': mean_source}
  scorer = FrameScorer(truth, options.settings, baseline=mean, boxes=boxes)
  if scorer.undefined:
    warn(scorer.undefined)
  heading = {
    'name': options.name or source['name'],
    'maps': source,
    'data': {
      'set': dataset.name,
      'split': options.split,
      'fingerprint': truth.fingerprint,
      'gaze_kinds': sorted({clip.gaze_kind for clip in truth.clips}),
      'stride': options.stride,
      'size': size or 'original',
      'sigma': options.sigma,
    },
    'settings': dataclasses.asdict(options.settings)
    | {'scores': options.settings.names},
    # What IG is relative to; runs with another one are not comparable.
    'mean_eye_position': (
      mean_source if 'IG' in options.settings.names else None
    ),
    'boxes': boxes and boxes.name,
  }
  folder = RunFolder(options.out, heading, overwrite=options.overwrite)
  keeper = None
  if options.baseline == 'human_infinite':  # Has no maps to keep.
    score = HumanInfinite(
      scorer, repeats=options.repeats, seed=options.settings.seed
    )
  else:
    keeper = ClipKeeper(folder, truth) if options.keep_maps else None
    score = score_maps(maps, scorer, keeper)
  evaluate_videos(
    score,
    scorer,
    folder=folder,
    process_index=options.process_index,
    process_count=options.process_count,
    keeper=keeper,
  )
  videos = [folder.done(clip.name) for clip in truth.clips]
  if None in videos:
    print(
      f'evaluate: {videos.count(None)} videos of other processes are unfinished'
    )
    return None
  summary = summarise(
    videos, average=options.settings.average, frames=options.frames
  )
  metrics = {
    'format': summary.pop('format'),
    'run': heading,
    'versions': _versions(),
    'rules': options.settings.rules(scorer.names),
    **summary,
  }
  folder.finish(metrics)
  return metrics


def _with_only_split(options, dataset):
  """Returns the options with the split of a set that has a single one.

  A small set of one's own is all for testing, whatever it was built for.
  """
  if len(dataset.splits) > 1 or options.split in dataset.splits:
    return options
  (split,) = dataset.splits
  warn(
    f"{dataset.name} has no split '{options.split}'; scoring its only one, "
    f"'{split}'"
  )
  return dataclasses.replace(options, split=split)


def _versions():
  versions = {name: metadata.version(name) for name in _LIBRARIES}
  return {'dave_jax': dave_jax.__version__, **versions}
