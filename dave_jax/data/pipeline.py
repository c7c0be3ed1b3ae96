"""Makes batches of data sets, for training and evaluation.

See `data.batches` for what a batch holds.

Example i of the endless training stream depends only on the data, the seed and
i. The global batch n, of size B, holds examples n B to n B + B - 1; process p
of P takes the p-th of its P equal slices. The contents of batch n therefore
depend neither on P nor on the number of worker processes, and each epoch has
each example once. An epoch need not end at the end of a batch.
"""

import bisect
import dataclasses
import hashlib
import json
from collections.abc import Sequence

import grain
import numpy as np

from dave_jax.data.augmentation import Augmentation
from dave_jax.data.batches import EPOCHS, Batches, Loading
from dave_jax.data.sounds import draw_other, silenced, with_sound
from dave_jax.data.transforms import Reading, WindowReader
from dave_jax.data.windows import Windows, find_windows, is_still
from dave_jax.datasets.store import Dataset

# Number of examples whose order a saved position is checked against, in case
# another release of Grain shuffles differently.
_CHECKED_EXAMPLES = 64


def train_batches(
  sources: Sequence[tuple[Dataset, str]],
  reading: Reading,
  loading: Loading,
  *,
  seed: int,
  stride: int,
  random_frames: bool,
  augmentations: Sequence[Augmentation],
  views: 'Views | None',
  weights: Sequence[float] | None,
  sound: str,
) -> Batches:
  """Returns endless shuffled batches of the frames that have fixations.

  Args:
    sources: Data sets, each with a split; all of videos, or all of still
      images. With `views` that make windows, images may be among videos.
    reading, loading: How windows and batches are read.
    seed: Seed of the order, the choice of frames and the augmentation.
    stride, random_frames: See `windows.find_windows`.
    augmentations: Applied to each example, in this order.
    views: What is made of still images first; None leaves them as they are.
    weights: Relative frequency of the examples of each source; each source
      then has epochs of its own. None concatenates the sources, so that each
      example occurs once per epoch.
    sound: One of `sounds.SOUNDS`. It changes neither the order of examples nor
      anything else in them.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  readers = _readers(sources, reading, views)
  windows = _windows(
    readers,
    stride=stride,
    random_frames=random_frames,
    fixated_only=True,
    views=views,
  )
  seeds = np.random.SeedSequence(seed).generate_state(3 + len(sources))
  order_seed, read_seed, *source_seeds, frame_seed = (int(s) for s in seeds)
  sizes = [len(part) for part in windows]
  ends = np.cumsum(sizes).tolist()
  if weights is None:
    numbers = (
      grain.MapDataset.range(ends[-1]).shuffle(seed=order_seed).repeat(EPOCHS)
    )
  else:
    if len(weights) != len(sources) or min(weights) <= 0:
      raise ValueError(
        f'expected {len(sources)} weights above 0, one per source, got '
        f'{tuple(weights)}'
      )
    numbers = grain.MapDataset.mix(
      [
        grain.MapDataset.range(end - size, end).shuffle(seed=s).repeat(EPOCHS)
        for size, end, s in zip(sizes, ends, source_seeds, strict=True)
      ],
      list(weights),
    )
  chosen = numbers.random_map(
    SampleWindow(windows, ends, sound), seed=frame_seed
  )
  settings = _settings(
    sources,
    chosen,
    {
      'seed': seed,
      'stride': stride,
      'random_frames': random_frames,
      'weights': None if weights is None else [float(w) for w in weights],
      'sound': sound,
    },
  )
  examples = chosen.random_map(
    LoadWindow(readers, tuple(augmentations), views, sound), seed=read_seed
  )
  return Batches(
    examples,
    loading,
    examples=ends[-1],
    still=_still(windows, views),
    settings=settings,
  )


def evaluation_batches(
  dataset: Dataset,
  split: str,
  reading: Reading,
  loading: Loading,
  *,
  stride: int,
  fixated_only: bool,
  sound: str,
) -> Batches:
  """Returns batches of each window of a split once, in order.

  All processes have the same number of batches of the same size: the last batch
  is padded with copies of the last window, whose `mask` is False.

  Args:
    dataset, split: The split to read.
    reading, loading: How windows and batches are read.
    stride, fixated_only: See `windows.find_windows`.
    sound: One of `sounds.SOUNDS`; of 'other' the same in each pass.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  sources = [(dataset, split)]
  readers = _readers(sources, reading)
  windows = _windows(
    readers, stride=stride, random_frames=False, fixated_only=fixated_only
  )
  count = len(windows[0])
  padded = -(-count // loading.batch_size) * loading.batch_size
  chosen = grain.MapDataset.range(padded).random_map(
    SampleWindow(windows, [count], sound), seed=0
  )
  settings = _settings(
    sources,
    chosen,
    {'stride': stride, 'fixated_only': fixated_only, 'sound': sound},
  )
  load = LoadWindow(readers, (), None, sound, evaluation=True)
  examples = chosen.random_map(load, seed=0)
  return Batches(
    examples,
    loading,
    examples=count,
    still=_still(windows),
    settings=settings,
  )


@dataclasses.dataclass(frozen=True)
class Views:
  """What is made of a still image before the augmentations of all examples.

  Attributes:
    read_size: Height and width that images are read at.
    augmentations: Applied to each, in this order.
    windows: Whether they make windows of 16 frames with sound of it.
  """

  read_size: tuple[int, int]
  augmentations: tuple[Augmentation, ...]
  windows: bool


@dataclasses.dataclass(frozen=True)
class SampleWindow(grain.transforms.RandomMap):
  """Maps the index of a window to (source, clip, frame, mask, heard).

  `heard` is the index of another clip of the source and its frame, whose sound
  the window gets; None leaves it its own.

  Attributes:
    windows: The windows of each source.
    ends: Index after the last window of each source. Later indices are padding:
      they give the last window and a mask of False.
    sound: One of `sounds.SOUNDS`.
  """

  windows: tuple[Windows, ...]
  ends: list[int]
  sound: str

  def __post_init__(self):
    for part in self.windows:
      if not is_still(part.clips[0]):
        with_sound(part.clips, self.sound)  # Raises if they are too few.

  def random_map(self, number, rng):
    mask = number < self.ends[-1]
    number = min(number, self.ends[-1] - 1)
    source = bisect.bisect_right(self.ends, number)
    windows = self.windows[source]
    first = self.ends[source] - len(windows)
    clip, frame = windows.pick(number - first, rng)
    heard = None
    if self.sound == 'other' and windows.clips[clip].has_sound:
      # Drawn last, so that the frame does not depend on it.
      heard = draw_other(windows.clips, clip, rng)
    return source, clip, frame, mask, heard


@dataclasses.dataclass(frozen=True)
class LoadWindow(grain.transforms.RandomMap):
  """Reads and augments the window that `SampleWindow` chose."""

  readers: tuple[WindowReader, ...]
  augmentations: tuple[Augmentation, ...]
  views: Views | None
  sound: str
  evaluation: bool = False

  def random_map(self, chosen, rng):
    source, clip, frame, mask, heard = chosen
    reader = self.readers[source]
    example = reader(reader.clips[clip], frame)
    augmentations = self.augmentations
    if self.views is not None and is_still(reader.clips[clip]):
      augmentations = self.views.augmentations + augmentations
    for augment in augmentations:
      example = augment(example, rng)
    if heard is not None:
      other, moment = heard
      example |= reader.sound(reader.clips[other], moment)
    if self.sound == 'none':
      example = silenced(example)
    example |= {
      'source': np.int32(source),
      'clip': np.int32(clip),
      'frame': np.int32(frame),
    }
    return example | ({'mask': np.bool_(mask)} if self.evaluation else {})


def _readers(sources, reading, views=None):
  if not sources:
    raise ValueError('expected one or more data sets, got none')
  readings = [
    dataclasses.replace(reading, frame_size=views.read_size)
    if views is not None and is_still(dataset.clips(split)[0])
    else reading
    for dataset, split in sources
  ]
  return tuple(
    WindowReader(*source, how)
    for source, how in zip(sources, readings, strict=True)
  )


def _windows(
  readers, stride, random_frames, fixated_only, views=None
) -> tuple[Windows, ...]:
  windows = tuple(
    find_windows(
      reader.clips,
      stride=stride,
      random_frames=random_frames,
      fixated_only=fixated_only,
    )
    for reader in readers
  )
  if len({_still([part], views) for part in windows}) > 1:
    raise ValueError(
      'expected data sets of videos or of still images, got both; make '
      'separate batches of each, or windows of images: '
      '--config.data.views.enabled'
    )
  return windows


def _still(windows, views=None):
  """Returns whether examples of these windows are still images."""
  return is_still(windows[0].clips[0]) and not (views and views.windows)


def _settings(sources, chosen, settings):
  """Returns what the order of the examples depends on, for JSON."""
  first = [chosen[i][:3] for i in range(min(_CHECKED_EXAMPLES, len(chosen)))]
  digest = hashlib.sha256(json.dumps(first).encode()).hexdigest()[:16]
  names = [
    f'{dataset.name}, {split}, {dataset.fingerprint}'
    for dataset, split in sources
  ]
  return {'data': names, **settings, 'order': digest}
