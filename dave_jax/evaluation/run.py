"""One evaluation, from a data set to `metrics.json`."""

import dataclasses
import hashlib
import pathlib
import re
import sys
from importlib import metadata

import dave_jax
from dave_jax.datasets.boxes import read_boxes
from dave_jax.datasets.store import Dataset, open_dataset
from dave_jax.evaluation.baseline_maps import (
  ChanceMaps,
  ConstantMaps,
  mean_eye_position_of,
)
from dave_jax.evaluation.baselines import centre_gaussian
from dave_jax.evaluation.evaluator import evaluate_maps, evaluate_videos
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.human_infinite import HumanInfinite
from dave_jax.evaluation.map_folder import MapFolder
from dave_jax.evaluation.overlap import in_davos_training
from dave_jax.evaluation.run_folder import RunFolder
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import summarise
from dave_jax.scoring.settings import ScoreSettings
from dave_jax.weights.bundled import BUNDLED, NOTE

# And what tables call them.
BASELINES = {
  'human_infinite': 'Human Infinite',
  'mean_eye_position': 'Mean eye position',
  'centre': 'Centre',
  'chance': 'Chance',
}
# What a network hears: the clip's own sound; that of another clip of the split,
# half a split further on among those with sound; or none.
SOUNDS = ('own', 'other', 'none')
_BASELINE_SIZE = (240, 320)  # Of mean eye position and centre.
_LIBRARIES = ('numpy', 'scipy', 'opencv-python-headless', 'jax')
_LISTED = 5  # Missing frames or clips that a message names.


@dataclasses.dataclass(frozen=True)
class Options:
  """What to evaluate, and how. The defaults here are the only ones.

  Set at most one of `checkpoint`, `predictions` and `baseline`; without any,
  the bundled network is evaluated.

  Attributes:
    dataset: Name of a data set built by `datasets.prepare`.
    split: A split, or several joined by `+`.
    out: Folder of the run.
    data_dir: Folder of data sets.
    checkpoint: Folder of a network.
    predictions: Folder of saliency maps, see `map_folder`.
    baseline: One of `BASELINES`.
    name: The run's name in tables; None derives it from what is scored.
    settings: How maps are scored.
    stride: Scores every n-th frame of each clip.
    size: Size that maps are scored at, 'original' or 'HEIGHTxWIDTH'.
    sigma: Standard deviation of the Gaussian that blurs fixations, in pixels of
      the original; None is the data set's own.
    mean_eye_position: '[NAME:]SPLIT' whose mean eye position IG and its
      baseline use, or 'none'.
    mean_eye_position_stride: Uses every n-th of its frames.
    boxes: CSV file of sound sources, see `sound_source`.
    frames: Whether `metrics.json` lists the scores of every frame.
    partial: Whether to score the remaining frames if maps are missing.
    overwrite: Whether to replace another run in `out`.
    first_frame: Number of the first frame in `predictions`, 0 or 1.
    repeats: Random splits of the viewers for Human Infinite.
    centre_sigma: Standard deviation of the centre baseline, as a share of
      height and width.
    batch_size: Windows per batch of a network.
    alignment: See `data.transforms.WindowReader`.
    sound: What the network hears, one of `SOUNDS`.
    dtype: Type of the network's computation.
    process_index, process_count: This process's share of the videos.
  """

  dataset: str
  split: str
  out: str
  data_dir: str = 'data'
  checkpoint: str | None = None
  predictions: str | None = None
  baseline: str | None = None
  name: str | None = None
  settings: ScoreSettings = dataclasses.field(default_factory=ScoreSettings)
  stride: int = 1
  size: str = 'original'
  sigma: float | None = None
  mean_eye_position: str = 'train'
  mean_eye_position_stride: int = 5
  boxes: str | None = None
  frames: bool = False
  partial: bool = False
  overwrite: bool = False
  first_frame: int = 1
  repeats: int = 5
  centre_sigma: float = 0.25
  batch_size: int = 4
  alignment: str = 'exact'
  sound: str = 'own'
  dtype: str = 'float32'
  process_index: int = 0
  process_count: int = 1


def evaluate(options: Options) -> dict | None:
  """Scores this process's share of the videos.

  Returns:
    What `metrics.json` holds, see `evaluation.summary`; None while videos of
    other processes are not finished.

  Raises:
    ValueError, OSError: A setting makes no sense, or data or maps are not
      there.
  """
  size = parse_size(options.size)
  dataset = open_dataset(options.data_dir, options.dataset)
  truth = read_ground_truth(
    dataset,
    options.split,
    stride=options.stride,
    size=size,
    sigma=options.sigma,
  )
  boxes = read_boxes(options.boxes) if options.boxes else None
  mean, mean_name = _mean_eye_position(options, dataset)
  maps, about = _maps(options, dataset, truth, mean)
  scorer = FrameScorer(truth, options.settings, baseline=mean, boxes=boxes)
  heading = {
    'name': options.name or about['name'],
    'maps': about,
    'data': {
      'set': dataset.name,
      'split': options.split,
      'fingerprint': truth.fingerprint,
      'stride': options.stride,
      'size': size or 'original',
      'sigma': options.sigma,
    },
    'settings': dataclasses.asdict(options.settings)
    | {'scores': options.settings.names},
    'mean_eye_position': mean_name,
    'boxes': boxes and boxes.name,
  }
  folder = RunFolder(options.out, heading, overwrite=options.overwrite)
  share = {
    'folder': folder,
    'process_index': options.process_index,
    'process_count': options.process_count,
  }
  if options.baseline == 'human_infinite':
    score = HumanInfinite(
      scorer, repeats=options.repeats, seed=options.settings.seed
    )
    evaluate_videos(score, scorer, **share)
  else:
    evaluate_maps(maps, scorer, **share)
  videos = [folder.done(clip.name) for clip in truth.clips]
  if None in videos:
    left = videos.count(None)
    print(f'evaluate: {left} videos of other processes are not finished')
    return None
  summary = summarise(
    videos, average=options.settings.average, frames=options.frames
  )
  metrics = {
    'format': summary.pop('format'),
    'run': heading,
    'versions': _versions(),
    **summary,
  }
  folder.finish(metrics)
  return metrics


def parse_size(text: str) -> tuple[int, int] | None:
  """Returns (height, width) of 'HEIGHTxWIDTH'; None for 'original'."""
  if text == 'original':
    return None
  match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
  if not match:
    raise ValueError(
      f"expected size 'original' or HEIGHTxWIDTH such as 256x320, got {text!r}"
    )
  return int(match[1]), int(match[2])


def _maps(options, dataset, truth, mean):
  """Returns what gives the maps, and what to note of it."""
  if options.baseline:
    about = {'kind': 'baseline', 'name': BASELINES[options.baseline]}
    if options.baseline == 'human_infinite':
      return None, about | {'repeats': options.repeats}
    if options.baseline == 'chance':
      seed = options.settings.seed
      return ChanceMaps(truth.clips, truth.size, seed), about
    if options.baseline == 'centre':
      sigma = options.centre_sigma
      centre = centre_gaussian(_BASELINE_SIZE, sigma)
      return ConstantMaps(centre), about | {'sigma': sigma}
    if mean is None:
      raise ValueError(
        'baseline mean_eye_position wants a split to take it from; give '
        '--mean_eye_position=NAME:SPLIT'
      )
    return ConstantMaps(mean), about
  if options.predictions:
    return _folder_maps(options, truth)
  return _network_maps(options, dataset, truth)


def _folder_maps(options, truth):
  root = pathlib.Path(options.predictions)
  maps = MapFolder(root, options.first_frame)
  wanted = [truth.frame[truth.rows(i)] for i in range(len(truth.clips))]
  missing, extra = maps.check(truth.clips, wanted)
  if missing:
    count = sum(map(len, missing.values()))
    named = '; '.join(
      f'{clip}: {_listing(frames, options.first_frame)}'
      for clip, frames in list(missing.items())[:_LISTED]
    )
    more = len(missing) - _LISTED
    message = (
      f'{root}: no maps of {count} of {len(truth)} frames, by their numbers '
      f'{named}' + (f'; and of {more} more clips' if more > 0 else '')
    )
    if not options.partial or count == len(truth):
      raise ValueError(
        f'{message}; predict them, set --first_frame to the number that the '
        'first frame has, or --partial to score those that are there'
      )
    print(f'evaluate: {message}; not scored', file=sys.stderr)
  if extra:
    print(
      f'evaluate: {root}: {sum(extra.values())} maps are past the end of their '
      f'clips ({", ".join(list(extra)[:_LISTED])}), not scored; do the frames '
      'of the clip and of the maps count alike?',
      file=sys.stderr,
    )
  files = sorted(
    (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
    for path in root.rglob('*')
    if path.is_file()
  )
  return maps, {
    'kind': 'predictions',
    'name': root.resolve().name,
    'files': len(files),
    'fingerprint': hashlib.sha256(repr(files).encode()).hexdigest()[:16],
    'first_frame': options.first_frame,
    'extra': extra,
  }


def _listing(frames, first_frame):
  numbers = ', '.join(str(frame + first_frame) for frame in frames[:_LISTED])
  more = len(frames) - _LISTED
  return numbers + (f' and {more} more' if more > 0 else '')


def _network_maps(options, dataset, truth):
  # JAX takes seconds that folders and baselines need not.
  from dave_jax.compile_cache import keep_compiled_programs
  from dave_jax.evaluation.network_maps import NetworkMaps

  keep_compiled_programs()
  if options.checkpoint is None:
    print(f'evaluate: {NOTE}', file=sys.stderr)
  checkpoint = options.checkpoint or BUNDLED
  model = dave_jax.load(checkpoint, dtype=options.dtype)
  maps = NetworkMaps(
    model,
    dataset,
    options.split,
    batch_size=options.batch_size,
    alignment=options.alignment,
    sound=options.sound,
  )
  seen = in_davos_training(truth.clips)
  if seen:
    more = len(seen) - _LISTED
    print(
      f'evaluate: {len(seen)} of {len(truth.clips)} clips are in the training '
      f'fold of DAVoS ({", ".join(seen[:_LISTED])}'
      + (f' and {more} more' if more > 0 else '')
      + '); a network trained on it has seen them',
      file=sys.stderr,
    )
  return maps, {
    'kind': 'checkpoint',
    'name': pathlib.Path(checkpoint).resolve().name,
    'fingerprint': model.fingerprint,
    'origin': model.origin,
    'alignment': options.alignment,
    'sound': options.sound,
    'dtype': options.dtype,
  }


def _mean_eye_position(options, dataset: Dataset):
  """Returns the map, None without, and the name of the split it is of."""
  name, _, split = options.mean_eye_position.rpartition(':')
  if split == 'none':
    return None, None
  source = open_dataset(options.data_dir, name) if name else dataset
  if split not in source.splits and not name:
    raise ValueError(
      f"{source.name} has no split '{split}' to take the mean eye position "
      f'from; give --mean_eye_position=NAME:SPLIT, or =none to leave out IG'
    )
  if source.name == dataset.name and split in options.split.split('+'):
    print(
      f'evaluate: the mean eye position is that of {source.name}:{split}, '
      'which is scored; it knows more than a baseline may',
      file=sys.stderr,
    )
  truth = read_ground_truth(
    source,
    split,
    stride=options.mean_eye_position_stride,
    size=None,
    sigma=options.sigma,
  )
  mean = mean_eye_position_of(truth, _BASELINE_SIZE)
  return mean, {
    'split': f'{source.name}:{split}',
    'fingerprint': source.fingerprint,
    'stride': options.mean_eye_position_stride,
  }


def _versions():
  versions = {name: metadata.version(name) for name in _LIBRARIES}
  return {'dave_jax': dave_jax.__version__, **versions}
