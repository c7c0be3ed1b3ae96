"""What a batch holds, and batches from a position on.

A batch is a dictionary of NumPy arrays; b counts the examples of one process.
`batch_shapes` gives the same table to programs.

| key | shape | type | |
| --- | --- | --- | --- |
| frames | [b, 16, h, w, 3] | uint8 | red, green, blue; the last is predicted |
|  | [b, 1, h, w, 3] | uint8 | still images: copied 16 times on the device |
| log_mel | [b, 384, 64] | float32 | chunk of sound; not with still images |
| offsets | [b, 16] | int32 | where in it the example of each frame starts |
| density | [b, h / 8, w / 8] | float32 | sums to 1; zeros: nobody looked |
| fixations | [b, h / 8, w / 8] | uint8 | 1: fixated; only if asked for |
| source | [b] | int32 | which of the data sets given |
| clip | [b] | int32 | number in that one's `clips(split)` |
| frame | [b] | int32 | number of the frame that is predicted, from 0 |
| mask | [b] | bool | evaluation: whether the row counts, or fills up |

`media.clock.examples_of_chunk` cuts the examples out of the chunks.
"""

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

# Epochs of an endless stream. Without a number Grain's is as long as an index
# can be, and in batches of one, by rounding, longer.
EPOCHS = 2**32


def batch_shapes(
  *,
  batch_size: int,
  frame_size: tuple[int, int],
  still: bool,
  fixation_map: bool,
  evaluation: bool,
) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
  """Returns {key: (shape, type)} of a batch.

  Args:
    batch_size: Examples of one process.
    frame_size: Height and width of frames.
    still: Whether it is of still images.
    fixation_map: As for `train_batches`.
    evaluation: Whether it is of `evaluation_batches`.
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


class Batches(Iterator[dict[str, np.ndarray]]):
  """Batches of one process, from a position on that can be saved.

  Worker processes start with the first batch that is asked for.

  Attributes:
    examples: Examples of an epoch, of all processes together.
    still: Whether batches are of still images.
  """

  def __init__(
    self,
    batches: grain.MapDataset,
    *,
    examples: int,
    still: bool,
    settings: dict,
    workers: int,
    prefetch: int,
    start_batch: int,
  ):
    """Takes batches by number.

    Args:
      batches: All of this process, from number 0 on.
      examples, still: See above.
      settings: What fixes their order, for JSON.
      workers, prefetch, start_batch: As for `train_batches`.
    """
    self.examples = examples
    self.still = still
    self._batches = batches
    self._settings = settings
    self._workers = workers
    self._prefetch = prefetch
    self._next = start_batch
    self._iterator = None

  def __len__(self) -> int:
    """Returns how many batches there are from the first; endless is huge."""
    return len(self._batches)

  def __next__(self) -> dict[str, np.ndarray]:
    """Returns the next batch.

    Raises:
      DataError: Something stored cannot be read.
    """
    if self._iterator is None:
      self._iterator = iter(self._dataset())
    batch = next(self._iterator)
    if self._workers:
      # Grain's shared memory has to be given back before the program ends.
      batch = {key: np.array(values) for key, values in batch.items()}
    self._next += 1
    return batch

  def state(self) -> dict:
    """Returns the position, for JSON: `restore` goes on with the next batch."""
    return {'batch': self._next, **self._settings}

  def restore(self, state: dict) -> None:
    """Goes to a position, whatever numbers of processes it was saved with.

    Raises:
      ValueError: It is one of other data or of another order.
    """
    wanted = self.state()
    odd = [
      f'{key} was {state.get(key)!r}, is {wanted.get(key)!r}'
      for key in sorted(wanted.keys() | state.keys())
      if key != 'batch' and state.get(key) != wanted.get(key)
    ]
    if odd or 'batch' not in state:
      raise ValueError(
        'the saved position in the data fits another order of examples: '
        f'{"; ".join(odd) or "it has no batch number"}; give the data and '
        'settings it was saved with, or start without it'
      )
    self.close()
    self._next = int(state['batch'])

  def close(self) -> None:
    """Ends worker processes; the next batch starts new ones."""
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
    if not flags.FLAGS.is_parsed():
      # Grain looks at its own flags; notebooks and tests parse none.
      flags.FLAGS.mark_as_parsed()
    return dataset.mp_prefetch(
      grain.MultiprocessingOptions(
        num_workers=self._workers,
        per_worker_buffer_size=max(1, self._prefetch),
      ),
      worker_init_fn=_prepare_worker,
    )


def _prepare_worker(worker, workers):
  """Keeps a worker to one core: libraries would take all, each of them."""
  del worker, workers
  threadpoolctl.threadpool_limits(1)
  cv2.setNumThreads(0)
  # Control-C is for the process that reads batches, which ends this one.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  # Else workers of a process that was killed would wait for ever.
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
  multiprocessing.parent_process().join()
  os._exit(1)


def check_processes(
  batch_size: int, process_index: int, process_count: int
) -> None:
  """Raises a ValueError where processes cannot share batches evenly."""
  if batch_size < 1 or batch_size % process_count:
    below = batch_size - batch_size % process_count
    near = [n for n in (below, below + process_count) if n]
    raise ValueError(
      f'batch_size {batch_size} is not divisible by {process_count} processes; '
      f'use {" or ".join(map(str, near))}'
    )
  if not 0 <= process_index < process_count:
    raise ValueError(
      f'got process_index {process_index} of {process_count} processes, wanted '
      f'0 to {process_count - 1}'
    )


def batches_of_process(
  examples: grain.MapDataset,
  batch_size: int,
  process_index: int,
  process_count: int,
) -> grain.MapDataset:
  """Returns the batches of a process: every P-th batch of a P-th the size."""
  batches = examples.batch(batch_size // process_count)
  return batches[process_index::process_count]
