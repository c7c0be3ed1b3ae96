"""The data sets of a config as training streams and validation splits."""

import functools

import jax
from absl import logging
from ml_collections import ConfigDict

from dave_jax.checks import check_choice
from dave_jax.data.augmentation import (
  BrightnessContrast,
  Colour,
  HorizontalFlip,
  RandomView,
)
from dave_jax.data.batches import Batches, Loading, batch_shapes
from dave_jax.data.fake import fake_batches
from dave_jax.data.pipeline import Views, evaluation_batches, train_batches
from dave_jax.data.sounds import SOUNDS
from dave_jax.data.transforms import Reading
from dave_jax.data.unrelated_sound import UnrelatedSound, read_speech
from dave_jax.datasets import overlap
from dave_jax.datasets.store import Dataset, open_dataset
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.media import clock
from dave_jax.scoring.settings import ScoreSettings
from dave_jax.training.routing import RoutedData, Stream
from dave_jax.training.steps import AUDIO_VISUAL, VISUAL
from dave_jax.training.validation import ValidationSet

SCHEDULES = ('epochs', 'steps')
# {stream, a field of `config.data`: its route}, in the order of the streams.
ROUTE_OF_STREAM = {
  'audio_visual': AUDIO_VISUAL,
  'images': VISUAL,
  'silent_video': VISUAL,
}
_FAKE_EPOCH = 10  # Batches in an epoch of fake data.


def parse_splits(text: str) -> list[tuple[str, str]]:
  """Parses 'NAME:SPLIT,NAME:SPLIT' to (name, split) pairs; '' gives none.

  Raises:
    ValueError: An item has no split.
  """
  splits = []
  for item in filter(None, map(str.strip, text.split(','))):
    name, colon, split = item.rpartition(':')
    if not colon:
      raise ValueError(f'expected NAME:SPLIT, got {item!r}')
    splits.append((name, split))
  return splits


class SaliencyData:
  """The data that a config trains on and validates with.

  Attributes:
    fixation_map: Whether training batches contain fixation maps.
  """

  def __init__(self, config: ConfigDict):
    """Opens the data sets.

    Args:
      config: See configs/davos.py.

    Raises:
      ValueError, OSError: A setting is wrong, or data is missing.
    """
    check_choice('train.schedule', config.train.schedule, SCHEDULES)
    check_choice('data.sound', config.data.sound, SOUNDS)
    if config.model.modality == 'video' and config.data.sound != 'own':
      raise ValueError(
        "expected data.sound 'own' with a video-only network, which uses no "
        f'sound, got {config.data.sound!r}; leave it, or use '
        "model.modality 'audio_visual'"
      )
    self._config = config
    self._open = functools.cache(
      functools.partial(open_dataset, config.data.data_dir)
    )
    self.fixation_map = config.loss.nss != 0
    streams = [name for name in ROUTE_OF_STREAM if config.data[name]]
    if not streams:
      raise ValueError(
        'expected training data as NAME:SPLIT in one or more of data.'
        f'{", data.".join(ROUTE_OF_STREAM)}; all are empty'
      )
    if config.model.modality == 'audio' and streams != ['audio_visual']:
      raise ValueError(
        'an audio-only network trains on data.audio_visual; set data.images '
        "and data.silent_video to ''"
      )
    splits = {
      name: parse_splits(config.data[name]) for name in (*streams, 'validation')
    }
    self._sources = {}
    if not config.fake_data:
      for name, pairs in splits.items():
        self._sources[name] = [self._opened(*pair) for pair in pairs]
    self._batches = {name: self._train_batches(name) for name in streams}

  def routes(self) -> dict[str, bool]:
    """Returns {route: whether its batches may hold still images}."""
    return {
      ROUTE_OF_STREAM[name]: (
        ROUTE_OF_STREAM[name] == VISUAL and 'images' in self._batches
      )
      for name in self._batches
    }

  def trained_on(self) -> set[str]:
    """Returns the keys of the training clips, see `datasets.overlap`."""
    return {
      key
      for stream, sources in self._sources.items()
      if stream != 'validation'
      for dataset, split in sources
      for key in overlap.keys(dataset.clips(split))
    }

  def steps_of_epochs(self, epochs: int) -> int:
    """Returns the number of steps of epochs that alternate between streams."""
    steps = [self._epoch(batches) for batches in self._batches.values()]
    return sum(steps[i % len(steps)] for i in range(epochs))

  def train_data(self) -> RoutedData:
    """Returns the training batches of this process, from the first on."""
    in_epochs = self._config.train.schedule == 'epochs'
    return RoutedData(
      [
        Stream(name, batches, self._epoch(batches) if in_epochs else 1)
        for name, batches in self._batches.items()
      ]
    )

  def validation_sets(self) -> dict[str, ValidationSet]:
    """Returns the validation splits by name, none with fake data."""
    if self._config.fake_data:
      return {}
    names = parse_splits(self._config.data.validation)
    return {
      ':'.join(name): self._validation_set(*source)
      for name, source in zip(names, self._sources['validation'], strict=True)
    }

  def examples(self, stream: str, batch: dict) -> list[str]:
    """Returns 'SET:SPLIT, clip CLIP, frame FRAME' of each example."""
    sources = self._sources.get(stream)
    if sources is None:
      return [f'fake example {frame}' for frame in batch['frame']]
    lines = []
    rows = zip(batch['source'], batch['clip'], batch['frame'], strict=True)
    for source, clip, frame in rows:
      dataset, split = sources[source]
      name = dataset.clips(split)[clip].name
      lines.append(f'{dataset.name}:{split}, clip {name}, frame {frame}')
    return lines

  def _validation_set(self, dataset, split):
    evaluation = self._config.evaluation
    reading = self._reading(fixation_map=False)
    batches = functools.partial(
      evaluation_batches,
      dataset,
      split,
      reading,
      self._loading(evaluation.batch_size),
      stride=evaluation.stride,
      fixated_only=True,
      sound=self._config.data.sound,
    )
    truth = read_ground_truth(
      dataset,
      split,
      stride=evaluation.stride,
      size=reading.frame_size,
      sigma=reading.sigma,
    )
    settings = ScoreSettings(**evaluation.scoring)
    scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
    if scorer.undefined:
      logging.warning('%s: %s', truth.name, scorer.undefined)
    return ValidationSet(batches, scorer)

  def _epoch(self, batches):
    return max(1, round(batches.examples / self._config.train.batch_size))

  def _train_batches(self, stream) -> Batches:
    config = self._config
    data = config.data
    # Each stream has its own random numbers.
    seed = config.seed + 1_000_003 * list(ROUTE_OF_STREAM).index(stream)
    loading = self._loading(config.train.batch_size)
    if config.fake_data:
      shapes = batch_shapes(
        batch_size=loading.batch_size,
        frame_size=tuple(config.model.frame_size),
        still=stream == 'images',
        fixation_map=self.fixation_map,
        evaluation=False,
      )
      examples = _FAKE_EPOCH * loading.batch_size
      return fake_batches(shapes, loading, examples=examples, seed=seed)
    weights = data[f'{stream}_weights']
    batches = train_batches(
      self._sources[stream],
      self._reading(fixation_map=self.fixation_map),
      loading,
      seed=seed,
      stride=data.stride,
      random_frames=data.random_frames,
      augmentations=self._augmentations(),
      views=self._views(windows=stream != 'images'),
      weights=[float(w) for w in weights.split(',')] if weights else None,
      # The visual route uses none.
      sound=data.sound if stream == 'audio_visual' else 'own',
    )
    expected = stream == 'images'
    if batches.still != expected:
      kinds = {True: 'still images', False: 'videos'}
      raise ValueError(
        f'expected {kinds[expected]} in data.{stream}, got '
        f'{kinds[batches.still]} in {data[stream]!r}'
      )
    return batches

  def _reading(self, *, fixation_map):
    data = self._config.data
    size = tuple(self._config.model.frame_size)
    return Reading(size, data.alignment, data.sigma, fixation_map)

  def _loading(self, batch_size):
    data = self._config.data
    return Loading(
      batch_size,
      jax.process_index(),
      jax.process_count(),
      workers=data.workers,
      prefetch=data.prefetch,
    )

  def _augmentations(self):
    data = self._config.data
    chosen = []
    if data.flip:
      chosen.append(HorizontalFlip(data.flip))
    if data.brightness or data.contrast:
      chosen.append(BrightnessContrast(data.brightness, data.contrast))
    if data.saturation or data.grey:
      chosen.append(Colour(data.saturation, data.grey))
    return chosen

  def _views(self, *, windows) -> Views | None:
    """Returns what photographs become: windows of video, or views of them."""
    settings = self._config.data.views.to_dict()
    if not settings.pop('enabled'):
      return None
    read_size = tuple(settings.pop('read_size'))
    settings['scale'] = tuple(settings['scale'])
    view = RandomView(
      frames=clock.WINDOW_FRAMES if windows else 1,
      size=tuple(self._config.model.frame_size),
      **settings,
    )
    if not windows:
      return Views(read_size, (view,), windows=False)
    return Views(read_size, (view, self._unrelated_sound), windows=True)

  @functools.cached_property
  def _unrelated_sound(self) -> UnrelatedSound:
    folder = self._config.data.speech
    return UnrelatedSound(read_speech(folder) if folder else ())

  def _opened(self, name, split) -> tuple[Dataset, str]:
    dataset = self._open(name)
    dataset.clips(split)  # Raises if there is no such split.
    return dataset, split
