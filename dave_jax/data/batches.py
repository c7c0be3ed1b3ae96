"""Contents of a batch, and an iterator of batches that can be resumed.

A batch is a dict of NumPy arrays; b is the batch size of one process.
`batch_shapes` returns this table.

| key | shape | type | |
| --- | --- | --- | --- |
| frames | [b, 16, h, w, 3] | uint8 | RGB; the target is of the last |
|  | [b, 1, h, w, 3] | uint8 | still images: repeated 16 times on the device |
| log_mel | [b, 384, 64] | float32 | chunk of sound; not with still images |
| offsets | [b, 16] | int32 | where in it the example of each frame starts |
| density | [b, h / 8, w / 8] | float32 | sums to 1; 0 without fixations |
| fixations | [b, h / 8, w / 8] | uint8 | 1 at fixations; with `fixation_map` |
| source | [b] | int32 | index of the data set |
| clip | [b] | int32 | index into its `clips(split)` |
| frame | [b] | int32 | index of the last frame, from 0 |
| mask | [b] | bool | evaluation only: False for padding |

`media.clock.examples_of_chunk` cuts the examples out of the chunks.
"""

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

import cv2
import grain
import numpy as np
import threadpoolctl
from absl import flags

from dave_jax.data.transforms import TARGET_STRIDE
from dave_jax.media import clock

# Epochs of an endless stream. By default Grain repeats as often as an index can
# count, which overflows by rounding in batches of one.
EPOCHS = 2**32


def batch_shapes(
  *,
  batch_size: int,
  frame_size: tuple[int, int],
  still: bool,
  fixation_map: bool,
  evaluation: bool,
) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
  """Returns {key: (shape, dtype)} of a batch.

  Args:
    batch_size: Batch size of one process.
    frame_size: Height and width of the frames.
    still: Whether the batch is of still images.
    fixation_map: Whether it holds fixation maps.
    evaluation: Whether it is one of `evaluation_batches`.
  """
  h, w = frame_size
  target = (h // TARGET_STRIDE, w // TARGET_STRIDE)
  t = 1 if still else clock.WINDOW_FRAMES
  table = {'frames': ((t, h, w, 3), np.uint8)}
  if not still:
    table['log_mel'] = ((clock.CHUNK_FRAMES, clock.MEL_BANDS), np.float32)
    table['offsets'] = ((t,), np.int32)
  table['density'] = (target, np.float32)
  if fixation_map:
    table['fixations'] = (target, np.uint8)
  table |= dict.fromkeys(('source', 'clip', 'frame'), ((), np.int32))
  if evaluation:
    table['mask'] = ((), np.bool_)
  return {
    key: ((batch_size, *shape), np.dtype(kind))
    for key, (shape, kind) in table.items()
  }


@dataclasses.dataclass(frozen=True)
class Loading:
  """How batches are split between processes and read ahead.

  Attributes:
    batch_size: Global batch size, of all processes together.
    process_index, process_count: Index of this process and their number.
    workers: Number of worker processes; 0 reads in threads of this process.
    prefetch: Batches that each worker, or this process if there is none, reads
      ahead.

  Raises:
    ValueError: Processes cannot split batches evenly.
  """

  batch_size: int
  process_index: int
  process_count: int
  workers: int
  prefetch: int

  def __post_init__(self):
    size, count = self.batch_size, self.process_count
    if size < 1 or size % count:
      near = [
        n for n in (size - size % count, size - size % count + count) if n
      ]
      raise ValueError(
        f'batch_size {size} is not divisible by {count} processes; use '
        f'{" or ".join(map(str, near))}'
      )
    if not 0 <= self.process_index < count:
      raise ValueError(
        f'expected a process_index of 0 to {count - 1}, got '
        f'{self.process_index}'
      )


class Batches(Iterator[dict[str, np.ndarray]]):
  """Iterates over the batches of one process; its position can be saved.

  Worker processes start at the first call of `next`.

  Attributes:
    examples: Examples of an epoch, of all processes together.
    still: Whether the batches are of still images.
  """

  def __init__(
    self,
    dataset: grain.MapDataset,
    loading: Loading,
    *,
    examples: int,
    still: bool,
    settings: dict,
  ):
    """Batches a Grain data set.

    Args:
      dataset: The examples of all batches of all processes.
      loading: How they are batched and read.
      examples, still: See above.
      settings: What the order of the examples depends on, beside the batch
        size, for JSON.
    """
    self.examples = examples
    self.still = still
    # The slice of each global batch that belongs to this process.
    batches = dataset.batch(loading.batch_size // loading.process_count)
    self._batches = batches[loading.process_index :: loading.process_count]
    self._settings = {'batch_size': loading.batch_size, **settings}
    self._workers = loading.workers
    self._prefetch = loading.prefetch
    self._next = 0
    self._iterator = None

  def __len__(self) -> int:
    """Returns the number of all batches, huge for an endless stream."""
    return len(self._batches)

  def __next__(self) -> dict[str, np.ndarray]:
    """Returns the next batch.

    Raises:
      DataError: Stored data cannot be read.
    """
    if self._iterator is None:
      self._iterator = iter(self._dataset())
    batch = next(self._iterator)
    if self._workers:
      # Copied, to release Grain's shared memory before the program ends.
      batch = {key: np.array(values) for key, values in batch.items()}
    self._next += 1
    return batch

  def state(self) -> dict:
    """Returns the position of the next batch, for JSON and `restore`."""
    return {'batch': self._next, **self._settings}

  def restore(self, state: dict) -> None:
    """Moves to a saved position; the number of processes may have changed.

    Raises:
      ValueError: It was saved with other data or another order of examples.
    """
    current = self.state()
    differ = [
      f'{key} was {state.get(key)!r}, is {current.get(key)!r}'
      for key in sorted(current.keys() | state.keys())
      if key != 'batch' and state.get(key) != current.get(key)
    ]
    if differ or 'batch' not in state:
      raise ValueError(
        'the saved position in the data is of another order of examples: '
        f'{"; ".join(differ) or "it has no batch index"}; restore it with the '
        'data and settings that it was saved with, or start without it'
      )
    self.close()
    self._next = int(state['batch'])

  def close(self) -> None:
    """Stops the worker processes; the next batch starts new ones."""
    if self._iterator is not None and hasattr(self._iterator, 'close'):
      self._iterator.close()
    self._iterator = None

  def _dataset(self):
    threads = 0 if self._workers else self._prefetch
    dataset = self._batches[self._next :].to_iter_dataset(
      grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads)
    )
    if not self._workers:
      return dataset
    # Grain reads flags, which only programs of `absl.app` have parsed
    # (github.com/google/grain/issues/1355).
    if not flags.FLAGS.is_parsed():
      flags.FLAGS.mark_as_parsed()
    return dataset.mp_prefetch(
      grain.MultiprocessingOptions(
        num_workers=self._workers,
        per_worker_buffer_size=max(1, self._prefetch),
      ),
      worker_init_fn=_prepare_worker,
    )


def _prepare_worker(worker, workers):
  """Limits a worker to one core; by default libraries use all in each."""
  del worker, workers
  threadpoolctl.threadpool_limits(1)
  cv2.setNumThreads(0)
  # Control-C is handled by the parent, which stops this process.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  # Without this, workers whose parent was killed would wait forever.
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
  multiprocessing.parent_process().join()
  os._exit(1)
