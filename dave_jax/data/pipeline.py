"""Makes batches of data sets, for training and evaluation.

See `data.batches` for what a batch holds.

Example i of the endless training stream depends only on the data, the seed and
i. The global batch n, of size B, holds examples n B to n B + B - 1; process p
of P takes the p-th of its P equal slices. The contents of batch n therefore
depend neither on P nor on the number of worker processes, and each epoch sees
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
from dave_jax.data.batches import (
  EPOCHS,
  Batches,
  batches_of_process,
  check_processes,
)
from dave_jax.data.transforms import WindowReader
from dave_jax.data.windows import Windows, find_windows, is_still
from dave_jax.datasets.store import Dataset

# Number of examples whose order a saved position is checked against, in case
# another release of Grain shuffles differently.
_CHECKED_EXAMPLES = 64


def train_batches(
  sources: Sequence[tuple[Dataset, str]],
  *,
  batch_size: int,
  seed: int,
  stride: int,
  random_frames: bool,
  frame_size: tuple[int, int],
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
    sources: Data sets, each with a split; all of videos, or all of still
      images.
    batch_size: Global batch size, of all processes together.
    seed: Seed of the order, the choice of frames and the augmentation.
    stride, random_frames: See `windows.find_windows`.
    frame_size, alignment, sigma, fixation_map: See `transforms.WindowReader`.
    augmentations: Applied to each example, in this order.
    weights: Relative frequency of the examples of each source; each source
      then has epochs of its own. None concatenates the sources, so that each
      example occurs once per epoch.
    process_index, process_count: Index of this process and their number.
    workers: Number of worker processes; 0 reads in threads of this process.
    prefetch: Batches that each worker, or this process if there is none, reads
      ahead.
    start_batch: Index of the first batch.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  check_processes(batch_size, process_index, process_count)
  readers = _readers(sources, frame_size, alignment, sigma, fixation_map)
  windows = _windows(
    readers, stride=stride, random_frames=random_frames, fixated_only=True
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
  chosen = numbers.random_map(SampleWindow(windows, ends), seed=frame_seed)
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
    LoadWindow(readers, tuple(augmentations)), seed=read_seed
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
  frame_size: tuple[int, int],
  alignment: str,
  sigma: float | None,
  fixation_map: bool,
  process_index: int,
  process_count: int,
  workers: int,
  prefetch: int,
) -> Batches:
  """Returns batches of each window of a split once, in order.

  All processes have the same number of batches of the same size: the last batch
  is padded with copies of the last window, whose `mask` is False.

  Args:
    dataset, split: The split to read.
    batch_size: Global batch size, of all processes together.
    stride, fixated_only: See `windows.find_windows`.
    frame_size, alignment, sigma, fixation_map: See `transforms.WindowReader`.
    process_index, process_count, workers, prefetch: As for `train_batches`.

  Raises:
    ValueError: The arguments do not fit each other or the data.
  """
  check_processes(batch_size, process_index, process_count)
  sources = [(dataset, split)]
  readers = _readers(sources, frame_size, alignment, sigma, fixation_map)
  windows = _windows(
    readers, stride=stride, random_frames=False, fixated_only=fixated_only
  )
  count = len(windows[0])
  padded = -(-count // batch_size) * batch_size
  chosen = grain.MapDataset.range(padded).random_map(
    SampleWindow(windows, [count]), seed=0
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
  examples = chosen.random_map(LoadWindow(readers, (), evaluation=True), seed=0)
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
class SampleWindow(grain.transforms.RandomMap):
  """Maps the index of a window to (source, clip, frame, mask).

  Attributes:
    windows: The windows of each source.
    ends: Index after the last window of each source. Later indices are padding:
      they give the last window and a mask of False.
  """

  windows: tuple[Windows, ...]
  ends: list[int]

  def random_map(self, number, rng):
    mask = number < self.ends[-1]
    number = min(number, self.ends[-1] - 1)
    source = bisect.bisect_right(self.ends, number)
    windows = self.windows[source]
    first = self.ends[source] - len(windows)
    return source, *windows.pick(number - first, rng), mask


@dataclasses.dataclass(frozen=True)
class LoadWindow(grain.transforms.RandomMap):
  """Reads and augments the window that `SampleWindow` chose."""

  readers: tuple[WindowReader, ...]
  augmentations: tuple[Augmentation, ...]
  evaluation: bool = False

  def random_map(self, chosen, rng):
    source, clip, frame, mask = chosen
    reader = self.readers[source]
    example = reader(reader.clips[clip], frame)
    for augment in self.augmentations:
      example = augment(example, rng)
    example |= {
      'source': np.int32(source),
      'clip': np.int32(clip),
      'frame': np.int32(frame),
    }
    return example | ({'mask': np.bool_(mask)} if self.evaluation else {})


def _readers(sources, frame_size, alignment, sigma, fixation_map):
  if not sources:
    raise ValueError('expected one or more data sets, got none')
  return tuple(
    WindowReader(
      dataset,
      split,
      frame_size=frame_size,
      alignment=alignment,
      sigma=sigma,
      fixation_map=fixation_map,
    )
    for dataset, split in sources
  )


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
      'expected data sets of videos or of still images, got both; make '
      'separate batches of each'
    )
  return windows


def _still(windows):
  return is_still(windows[0].clips[0])


def _settings(sources, chosen, settings):
  """Returns what the order of the examples depends on, for JSON."""
  first = [chosen[i][:3] for i in range(min(_CHECKED_EXAMPLES, len(chosen)))]
  digest = hashlib.sha256(json.dumps(first).encode()).hexdigest()[:16]
  names = [
    f'{dataset.name}, {split}, {dataset.fingerprint}'
    for dataset, split in sources
  ]
  return {'data': names, **settings, 'order': digest}
