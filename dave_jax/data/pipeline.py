"""From built data sets to batches, for training and evaluation.

What a batch holds is in `data.batches`.

Order: example i of the endless stream is a function of the data, the seed and
i alone. Batch n of all processes together holds examples n B to n B + B - 1,
of which process p of P takes the p-th P-th. So neither P nor the number of
worker processes changes what is in batch n, and each example of an epoch is
seen once. An epoch need not end where a batch does.
"""

import bisect
import dataclasses
import hashlib
import json
from collections.abc import Sequence

import grain
import numpy as np

from dave_jax.data.augmentation import Augmentation
from dave_jax.data.batches import (
  EPOCHS,
  Batches,
  batches_of_process,
  check_processes,
)
from dave_jax.data.transforms import WindowReader
from dave_jax.data.windows import Windows, find_windows, is_still
from dave_jax.datasets.store import Dataset

# Examples whose order is part of a position: it also pins what Grain's shuffle
# gives, which another release might change.
_PINNED = 64


def train_batches(
  sources: Sequence[tuple[Dataset, str]],
  *,
  batch_size: int,
  seed: int,
  stride: int,
  random_frames: bool,
  alignment: str,
  sigma: float | None,
  fixation_map: bool,
  augmentations: Sequence[Augmentation],
  weights: Sequence[float] | None,
  process_index: int,
  process_count: int,
  workers: int,
  prefetch: int,
  start_batch: int,
) -> Batches:
  """Returns endless shuffled batches of the frames that have fixations.

  Args:
    sources: Data sets and which split of each; all of videos or all of still
      images, of one frame size.
    batch_size: Examples of all processes together.
    seed: Of order, choice of frames and augmentation.
    stride, random_frames: See `windows.find_windows`.
    alignment, sigma, fixation_map: See `transforms.WindowReader`.
    augmentations: What is done to each example, in order.
    weights: How often examples come from each source, in proportion; None
      joins the sources, so that each example comes once an epoch. With weights
      each source has epochs of its own.
    process_index, process_count: Which process this is, of how many.
    workers: Processes that read; 0 reads in threads of this one.
    prefetch: Batches that each worker, or this process without, has ready; 0
      without workers reads when asked.
    start_batch: Number of the first batch.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  check_processes(batch_size, process_index, process_count)
  readers = _readers(sources, alignment, sigma, fixation_map)
  windows = _windows(
    readers, stride=stride, random_frames=random_frames, fixated_only=True
  )
  seeds = np.random.SeedSequence(seed).generate_state(2 + len(sources))
  order_seed, read_seed, *own_seeds = (int(s) for s in seeds)
  sizes = [len(part) for part in windows]
  ends = np.cumsum(sizes).tolist()
  if weights is None:
    numbers = (
      grain.MapDataset.range(ends[-1]).shuffle(seed=order_seed).repeat(EPOCHS)
    )
  else:
    if len(weights) != len(sources) or min(weights) <= 0:
      raise ValueError(
        f'got weights {tuple(weights)} for {len(sources)} sources, wanted one '
        'above 0 for each'
      )
    numbers = grain.MapDataset.mix(
      [
        grain.MapDataset.range(end - size, end).shuffle(seed=own).repeat(EPOCHS)
        for size, end, own in zip(sizes, ends, own_seeds, strict=True)
      ],
      list(weights),
    )
  chosen = numbers.random_map(_Choose(windows, ends), seed=order_seed)
  settings = _settings(
    sources,
    chosen,
    {
      'seed': seed,
      'batch_size': batch_size,
      'stride': stride,
      'random_frames': random_frames,
      'weights': None if weights is None else [float(w) for w in weights],
    },
  )
  examples = chosen.random_map(
    _Read(readers, tuple(augmentations)), seed=read_seed
  )
  return Batches(
    batches_of_process(examples, batch_size, process_index, process_count),
    examples=ends[-1],
    still=_still(windows),
    settings=settings,
    workers=workers,
    prefetch=prefetch,
    start_batch=start_batch,
  )


def evaluation_batches(
  dataset: Dataset,
  split: str,
  *,
  batch_size: int,
  stride: int,
  fixated_only: bool,
  alignment: str,
  sigma: float | None,
  fixation_map: bool,
  process_index: int,
  process_count: int,
  workers: int,
  prefetch: int,
) -> Batches:
  """Returns the windows of a split once, clip by clip and in order.

  All processes have equally many batches of the same size: the last ones are
  filled up with copies of the last window, for which `mask` is False.

  Args:
    dataset, split: What to read.
    batch_size: Examples of all processes together.
    stride, fixated_only: See `windows.find_windows`.
    alignment, sigma, fixation_map: See `transforms.WindowReader`.
    process_index, process_count, workers, prefetch: As for `train_batches`.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  check_processes(batch_size, process_index, process_count)
  sources = [(dataset, split)]
  readers = _readers(sources, alignment, sigma, fixation_map)
  windows = _windows(
    readers, stride=stride, random_frames=False, fixated_only=fixated_only
  )
  count = len(windows[0])
  padded = -(-count // batch_size) * batch_size
  chosen = grain.MapDataset.range(padded).random_map(
    _Choose(windows, [count]), seed=0
  )
  settings = _settings(
    sources,
    chosen,
    {
      'batch_size': batch_size,
      'stride': stride,
      'fixated_only': fixated_only,
    },
  )
  examples = chosen.random_map(_Read(readers, (), evaluation=True), seed=0)
  return Batches(
    batches_of_process(examples, batch_size, process_index, process_count),
    examples=count,
    still=_still(windows),
    settings=settings,
    workers=workers,
    prefetch=prefetch,
    start_batch=0,
  )


@dataclasses.dataclass(frozen=True)
class _Choose(grain.transforms.RandomMap):
  """From the number of a window to (source, clip, frame, whether it counts).

  Attributes:
    windows: Of each source.
    ends: Number after the last of each source.
  """

  windows: tuple[Windows, ...]
  ends: list[int]

  def random_map(self, number, rng):
    counts = number < self.ends[-1]
    number = min(number, self.ends[-1] - 1)
    source = bisect.bisect_right(self.ends, number)
    windows = self.windows[source]
    first = self.ends[source] - len(windows)
    return source, *windows.pick(number - first, rng), counts


@dataclasses.dataclass(frozen=True)
class _Read(grain.transforms.RandomMap):
  """From what `_Choose` gives to an example."""

  readers: tuple[WindowReader, ...]
  augmentations: tuple[Augmentation, ...]
  evaluation: bool = False

  def random_map(self, chosen, rng):
    source, clip, frame, counts = chosen
    reader = self.readers[source]
    example = reader(reader.clips[clip], frame)
    for augment in self.augmentations:
      example = augment(example, rng)
    example |= {
      'source': np.int32(source),
      'clip': np.int32(clip),
      'frame': np.int32(frame),
    }
    return example | ({'mask': np.bool_(counts)} if self.evaluation else {})


def _readers(sources, alignment, sigma, fixation_map):
  if not sources:
    raise ValueError('got no data sets to read, wanted one or more')
  readers = tuple(
    WindowReader(
      dataset,
      split,
      alignment=alignment,
      sigma=sigma,
      fixation_map=fixation_map,
    )
    for dataset, split in sources
  )
  sizes = {reader.frame_size for reader in readers}
  if len(sizes) > 1:
    found = [
      f'{dataset.name} {reader.frame_size}'
      for (dataset, _), reader in zip(sources, readers, strict=True)
    ]
    raise ValueError(
      f'data sets differ in frame size: {", ".join(found)}; build them with '
      'one size'
    )
  return readers


def _windows(
  readers, stride, random_frames, fixated_only
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
  if len({is_still(part.clips[0]) for part in windows}) > 1:
    raise ValueError(
      'got data sets of still images and of videos; a batch holds one kind, '
      'make batches of each'
    )
  return windows


def _still(windows):
  return is_still(windows[0].clips[0])


def _settings(sources, chosen, settings):
  """Returns what fixes the order of examples."""
  pinned = [chosen[i][:3] for i in range(min(_PINNED, len(chosen)))]
  digest = hashlib.sha256(json.dumps(pinned).encode()).hexdigest()[:16]
  names = [
    f'{dataset.name}, {split}, {dataset.fingerprint}'
    for dataset, split in sources
  ]
  return {'data': names, **settings, 'order': digest}
