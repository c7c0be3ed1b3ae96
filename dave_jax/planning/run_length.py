"""How many steps of each route the epochs of a config have."""

import pathlib
from collections.abc import Mapping

from ml_collections import ConfigDict

from dave_jax.data.windows import find_windows
from dave_jax.datasets.store import open_dataset
from dave_jax.training.saliency_data import ROUTE_OF_STREAM, parse_splits

# Videos and frames: of DAVoS, counts of frames in the fold lists of the STAViS
# release, for its folds (datasets/davos.csv). Images: of SALICON, Jiang et al.,
# CVPR 2015.
_KNOWN_FRAMES = {
  ('davos', 'train'): (93, 151_091),
  ('davos', 'val'): (29, 54_133),
  ('davos', 'test'): (29, 61_108),
}
_KNOWN_IMAGES = {('salicon', 'train'): 10_000, ('salicon', 'val'): 5_000}


def examples_of(
  config: ConfigDict, told: Mapping[str, int]
) -> tuple[dict[str, int], list[str]]:
  """Returns how many examples an epoch has, and how that is known.

  Args:
    config: See configs/davos.py.
    told: {field of config.data: examples}, which come before all else.

  Returns:
    {field: examples}, and a sentence for each.

  Raises:
    ValueError: A set is not on disk, and nobody says how large it is.
  """
  counts, sentences = {}, []
  for field in ROUTE_OF_STREAM:
    if not config.data[field]:
      continue
    if field in told:
      counts[field] = told[field]
      sentences.append(f'data.{field}: {told[field]} examples, as told')
      continue
    counts[field] = 0
    for name, split in parse_splits(config.data[field]):
      count, how = _count(config.data, name, split)
      counts[field] += count
      sentences.append(
        f'data.{field}: {count} examples in {name}:{split}, {how}'
      )
  return counts, sentences


def steps_of(config: ConfigDict, examples: Mapping[str, int]) -> dict[str, int]:
  """Returns {route: steps} of a whole run.

  Args:
    config: Its `train` says how long.
    examples: See `examples_of`.
  """
  train = config.train
  steps = dict.fromkeys((ROUTE_OF_STREAM[field] for field in examples), 0)
  epochs = {
    field: max(1, round(count / train.batch_size))
    for field, count in examples.items()
  }
  fields = list(epochs)
  for number in range(train.epochs):
    field = fields[number % len(fields)]
    steps[ROUTE_OF_STREAM[field]] += epochs[field]
  total = sum(steps.values())
  if train.steps:
    # The same shares of what is asked for.
    return {r: round(train.steps * n / total) for r, n in steps.items()}
  return steps


def _count(data, name, split):
  if pathlib.Path(data.data_dir, name).exists():
    windows = find_windows(
      open_dataset(data.data_dir, name).clips(split),
      stride=data.stride,
      random_frames=data.random_frames,
      fixated_only=True,
    )
    return len(windows), 'counted on disk'
  if (name, split) in _KNOWN_IMAGES:
    return _KNOWN_IMAGES[name, split], 'as published; they are not on disk'
  if (name, split) in _KNOWN_FRAMES:
    videos, frames = _KNOWN_FRAMES[name, split]
    # Each video ends, on average, in the middle of a window.
    return (
      round(frames / data.stride + videos / 2),
      f'assumed: its {frames} published frames, a window of each '
      f'{data.stride}; they are not on disk',
    )
  raise ValueError(
    f'{name}:{split} is not in {data.data_dir}, so that nobody knows how long '
    'an epoch is; say how many examples it has, as '
    '--examples=audio_visual=9500,images=10000'
  )
