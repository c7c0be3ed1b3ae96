"""The data sets of a config as streams of batches."""

import functools

import jax
from ml_collections import ConfigDict

from dave_jax.data.augmentation import BrightnessContrast, HorizontalFlip
from dave_jax.data.batches import Batches
from dave_jax.data.fake import fake_batches
from dave_jax.data.pipeline import evaluation_batches, train_batches
from dave_jax.datasets.store import Dataset, open_dataset
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.scoring.settings import ScoreSettings
from dave_jax.training.routing import RoutedData, Stream
from dave_jax.training.steps import AUDIO_VISUAL, VISUAL
from dave_jax.training.validation import ValidationSet


def parse_splits(text: str) -> list[tuple[str, str]]:
  """Returns the (name, split) of 'NAME:SPLIT,NAME:SPLIT'; '' names none.

  Raises:
    ValueError: One names no split.
  """
  named = []
  for item in filter(None, map(str.strip, text.split(','))):
    name, colon, split = item.rpartition(':')
    if not colon:
      raise ValueError(f'{item!r} names no split; write it as NAME:SPLIT')
    named.append((name, split))
  return named


SCHEDULES = ('epochs', 'steps')
# Fields of `config.data`, in the order of their turns, and their routes.
ROUTE_OF_STREAM = {
  'audio_visual': AUDIO_VISUAL,
  'images': VISUAL,
  'silent_video': VISUAL,
}
_FAKE_EPOCH = 10  # Batches that an epoch of made-up data is said to have.


class SaliencyData:
  """What a config trains on and validates with.

  Attributes:
    fixation_map: Whether training batches hold a map of the fixations.
  """

  def __init__(self, config: ConfigDict):
    """Opens the data sets.

    Args:
      config: See configs/davos.py.

    Raises:
      ValueError, OSError: A setting makes no sense, or data is not there.
    """
    if config.train.schedule not in SCHEDULES:
      raise ValueError(
        f'train.schedule {config.train.schedule!r} is none of {SCHEDULES}'
      )
    self._config = config
    self._open = functools.cache(
      functools.partial(open_dataset, config.data.data_dir)
    )
    self.fixation_map = config.loss.nss != 0
    self._streams = [name for name in ROUTE_OF_STREAM if config.data[name]]
    if not self._streams:
      raise ValueError(
        f'nothing to train on: data.{", data.".join(ROUTE_OF_STREAM)} are all '
        'empty; name a set, as NAME:SPLIT'
      )
    if config.model.modality == 'audio' and self._streams != ['audio_visual']:
      raise ValueError(
        'an audio-only network learns from data.audio_visual alone; set the '
        "others to ''"
      )
    named = {
      stream: parse_splits(config.data[stream])
      for stream in (*self._streams, 'validation')
    }
    self._sources = {}
    if not config.fake_data:
      for stream, sets in named.items():
        self._sources[stream] = [self._opened(*item) for item in sets]
    self._batches = {f: self._train_batches(f) for f in self._streams}

  def routes(self) -> dict[str, bool]:
    """Returns {route: whether its batches may be of still images}."""
    return {
      ROUTE_OF_STREAM[stream]: (
        ROUTE_OF_STREAM[stream] == VISUAL and 'images' in self._streams
      )
      for stream in self._streams
    }

  def steps_of_epochs(self, epochs: int) -> int:
    """Returns the steps of some epochs, one stream after the other."""
    turns = [self._epoch(batches) for batches in self._batches.values()]
    return sum(turns[i % len(turns)] for i in range(epochs))

  def train_data(self) -> RoutedData:
    """Returns the training batches of this process, from the first on."""
    in_epochs = self._config.train.schedule == 'epochs'
    streams = []
    for stream, batches in self._batches.items():
      turn = self._epoch(batches) if in_epochs else 1
      streams.append(Stream(stream, batches, turn))
    return RoutedData(streams)

  def validation_sets(self) -> dict[str, ValidationSet]:
    """Returns what is validated with, by the names in the config."""
    config = self._config
    if config.fake_data:
      return {}
    names = parse_splits(config.data.validation)
    sources = self._sources['validation']
    return {
      ':'.join(name): self._validation_set(*source)
      for name, source in zip(names, sources, strict=True)
    }

  def _validation_set(self, dataset, split):
    config = self._config
    data, evaluation = config.data, config.evaluation
    batches = functools.partial(
      evaluation_batches,
      dataset,
      split,
      batch_size=evaluation.batch_size,
      stride=evaluation.stride,
      fixated_only=True,
      frame_size=tuple(config.model.frame_size),
      alignment=data.alignment,
      sigma=data.sigma,
      fixation_map=False,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
      workers=data.workers,
      prefetch=data.prefetch,
    )
    truth = read_ground_truth(
      dataset,
      split,
      stride=evaluation.stride,
      size=tuple(config.model.frame_size),
      sigma=data.sigma,
    )
    settings = ScoreSettings(**evaluation.scoring)
    scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
    return ValidationSet(batches, scorer)

  def examples(self, stream: str, batch: dict) -> list[str]:
    """Returns 'NAME:SPLIT, clip CLIP, frame FRAME' of each example."""
    sources = self._sources.get(stream)
    lines = []
    rows = zip(batch['source'], batch['clip'], batch['frame'], strict=True)
    for source, clip, frame in rows:
      if sources is None:
        lines.append(f'made-up example {frame}')
        continue
      dataset, split = sources[source]
      name = dataset.clips(split)[clip].name
      lines.append(f'{dataset.name}:{split}, clip {name}, frame {frame}')
    return lines

  def _epoch(self, batches):
    return max(1, round(batches.examples / self._config.train.batch_size))

  def _train_batches(self, stream) -> Batches:
    config = self._config
    data = config.data
    # Streams draw from numbers of their own.
    seed = config.seed + 1_000_003 * list(ROUTE_OF_STREAM).index(stream)
    processes = {
      'process_index': jax.process_index(),
      'process_count': jax.process_count(),
    }
    if config.fake_data:
      return fake_batches(
        batch_size=config.train.batch_size,
        frame_size=tuple(config.model.frame_size),
        still=stream == 'images',
        fixation_map=self.fixation_map,
        examples=_FAKE_EPOCH * config.train.batch_size,
        seed=seed,
        start_batch=0,
        **processes,
      )
    weights = data[f'{stream}_weights']
    batches = train_batches(
      self._sources[stream],
      batch_size=config.train.batch_size,
      seed=seed,
      stride=data.stride,
      random_frames=data.random_frames,
      frame_size=tuple(config.model.frame_size),
      alignment=data.alignment,
      sigma=data.sigma,
      fixation_map=self.fixation_map,
      augmentations=self._augmentations(),
      weights=[float(w) for w in weights.split(',')] if weights else None,
      workers=data.workers,
      prefetch=data.prefetch,
      start_batch=0,
      **processes,
    )
    wanted = stream == 'images'
    if batches.still != wanted:
      kinds = {True: 'still images', False: 'videos'}
      raise ValueError(
        f'data.{stream} {data[stream]!r} is of {kinds[batches.still]}, wanted '
        f'{kinds[wanted]}'
      )
    return batches

  def _augmentations(self):
    data = self._config.data
    chosen = []
    if data.flip:
      chosen.append(HorizontalFlip(data.flip))
    if data.brightness or data.contrast:
      chosen.append(BrightnessContrast(data.brightness, data.contrast))
    return chosen

  def _opened(self, name, split) -> tuple[Dataset, str]:
    dataset = self._open(name)
    dataset.clips(split)  # Raises where there is no such split.
    return dataset, split
