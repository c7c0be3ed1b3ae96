"""Opens the maps to evaluate: of a network, a folder or a baseline."""

import hashlib
import pathlib
import sys

import numpy as np

import dave_jax
from dave_jax.buckets import local_model
from dave_jax.datasets import overlap
from dave_jax.datasets.store import Dataset, open_dataset
from dave_jax.evaluation import baselines
from dave_jax.evaluation.evaluator import Maps
from dave_jax.evaluation.ground_truth import GroundTruth, read_ground_truth
from dave_jax.evaluation.map_folder import MapFolder
from dave_jax.evaluation.options import BASELINES, Options
from dave_jax.evaluation.seo import seo_maps
from dave_jax.weights.bundled import BUNDLED, NOTE

_BASELINE_SIZE = (240, 320)  # Of mean eye position and centre.
_LISTED = 5  # Frames or clips that a message names.


def open_maps(
  options: Options,
  dataset: Dataset,
  truth: GroundTruth,
  mean: np.ndarray | None,
) -> tuple[Maps | None, dict]:
  """Opens the maps to evaluate.

  Args:
    options: What to evaluate.
    dataset, truth: The data to evaluate it on.
    mean: The mean eye position, if there is one.

  Returns:
    The maps, None for Human Infinite; and a record of their source.

  Raises:
    ValueError, OSError: Maps or a checkpoint are missing or damaged.
  """
  if options.baseline:
    return _open_baseline(options, truth, mean)
  if options.predictions:
    return _open_folder(options, truth)
  return _open_network(options, dataset, truth)


def read_mean_eye_position(
  options: Options, dataset: Dataset
) -> tuple[np.ndarray | None, dict | None]:
  """Returns the mean eye position and a record of its source, if needed.

  Without the default split, IG is left out.
  """
  name, _, split = options.mean_eye_position.rpartition(':')
  needed = options.baseline == 'mean_eye_position' or 'IG' in (
    options.settings.names
  )
  if split == 'none' or not needed:
    return None, None
  source = open_dataset(options.data_dir, name) if name else dataset
  if split not in source.splits and not name:
    message = (
      f"{source.name} has no split '{split}' to take the mean eye position "
      'from; set --mean_eye_position=NAME:SPLIT'
    )
    given = options.mean_eye_position != Options.mean_eye_position
    if given or options.baseline == 'mean_eye_position':
      raise ValueError(f'{message}, or =none to leave out IG')
    warn(f'IG is left out: {message} to have it')
    return None, None
  if source.name == dataset.name and split in options.split.split('+'):
    warn(
      f'the mean eye position is that of {source.name}:{split}, which is also '
      'scored. This baseline has seen the test data.'
    )
  truth = read_ground_truth(
    source,
    split,
    stride=options.mean_eye_position_stride,
    size=None,
    sigma=options.sigma,
  )
  return baselines.mean_eye_position(truth, _BASELINE_SIZE), {
    'split': f'{source.name}:{split}',
    'fingerprint': source.fingerprint,
    'stride': options.mean_eye_position_stride,
  }


def _open_baseline(options, truth, mean):
  record = {'kind': 'baseline', 'name': BASELINES[options.baseline]}
  if options.baseline == 'human_infinite':
    return None, record | {'repeats': options.repeats}
  if options.baseline == 'chance':
    return baselines.chance_maps(truth, options.settings.seed), record
  if options.baseline == 'seo':
    return seo_maps(truth), record
  if options.baseline == 'centre':
    sigma = options.centre_sigma
    centre = baselines.centre_gaussian(_BASELINE_SIZE, sigma)
    return baselines.constant_maps(centre), record | {'sigma': sigma}
  if mean is None:
    raise ValueError(
      'the baseline mean_eye_position needs a split to take it from; set '
      '--mean_eye_position=NAME:SPLIT'
    )
  return baselines.constant_maps(mean), record


def _open_folder(options, truth):
  root = pathlib.Path(options.predictions)
  maps = MapFolder(
    root,
    options.first_frame,
    average_colours=options.settings.protocol == 'msu',
  )
  scored = [truth.frame[truth.rows(n)] for n in range(len(truth.clips))]
  missing, extra = maps.check(truth.clips, scored)
  if missing:
    count = sum(map(len, missing.values()))
    listed = [
      f'{clip}: {_listing([f + options.first_frame for f in frames])}'
      for clip, frames in missing.items()
    ]
    message = (
      f'{root}: {count} of {len(truth)} frames have no map: '
      + _listing(listed, '; ')
    )
    if not options.partial or count == len(truth):
      raise ValueError(
        f'{message}; predict them, set --first_frame to the number of the '
        'first frame, or use --partial to score the others'
      )
    warn(f'{message}; not scored')
  if extra:
    warn(
      f'{root}: {sum(extra.values())} maps lie past the end of their clips '
      f'({_listing(list(extra))}) and are not scored; check that the '
      'numbers of maps are those of the frames'
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


def _open_network(options, dataset, truth):
  # Importing JAX takes seconds that folders and baselines do not need.
  from dave_jax.compile_cache import enable_compilation_cache
  from dave_jax.evaluation.network_maps import NetworkMaps

  enable_compilation_cache()
  if options.checkpoint is None:
    warn(NOTE)
  checkpoint = pathlib.Path(
    local_model(options.checkpoint or BUNDLED)
  ).resolve()
  # The folder of a training run holds one of these.
  weights = [n for n in ('best', 'last') if (checkpoint / n).is_dir()]
  checkpoint = checkpoint.joinpath(*weights[:1])
  model = dave_jax.load(checkpoint, dtype=options.dtype)
  # A network that was trained without sound is scored without.
  sound = options.sound or model.origin.get('sound', 'own')
  maps = NetworkMaps(
    model,
    dataset,
    options.split,
    batch_size=options.batch_size,
    alignment=options.alignment,
    sound=sound,
    sound_shift=options.sound_shift,
  )
  stored = tuple(dataset.settings['frame_size'])
  if stored != model.frame_size and model.uses_video:
    (h, w), (new_h, new_w) = stored, model.frame_size
    warn(
      f'frames of {dataset.name} are stored at {h}x{w}; resized to '
      f'{new_h}x{new_w}, the size of the network'
    )
  seen = _seen(model.origin, truth.clips)
  in_run = checkpoint.name in ('best', 'last')
  named = checkpoint.parent if in_run else checkpoint
  return maps, {
    'kind': 'checkpoint',
    'name': named.name,
    'fingerprint': model.fingerprint,
    'origin': model.origin,
    'trained_on': seen,
    'stored_frames': stored,
    'alignment': options.alignment,
    'sound': sound,
    'dtype': options.dtype,
  } | ({'sound_shift': options.sound_shift} if sound == 'shifted' else {})


def _seen(origin, clips) -> list[str]:
  """Returns the clips that a network was trained on by its own record."""
  recorded = 'trained_on' in origin
  trained_on = origin['trained_on'] if recorded else overlap.davos_training()
  seen = overlap.seen(clips, trained_on)
  if seen:
    reason = (
      'the network was trained on them'
      if recorded
      else 'in the training fold of DAVoS; a network trained on DAVoS, such as '
      'the published one, has seen them'
    )
    warn(f'{len(seen)} of {len(clips)} clips ({_listing(seen)}): {reason}')
  return seen if recorded else []


def _listing(items, separator=', '):
  more = len(items) - _LISTED
  listed = separator.join(map(str, items[:_LISTED]))
  return listed + (f' and {more} more' if more > 0 else '')


def warn(message: str) -> None:
  """Prints a message to standard error."""
  print(f'evaluate: {message}', file=sys.stderr)
