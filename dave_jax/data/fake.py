"""Random batches, to try a program without data."""

import dataclasses

import grain
import numpy as np

from dave_jax.data.batches import (
  EPOCHS,
  Batches,
  batch_shapes,
  batches_of_process,
  check_processes,
)
from dave_jax.media import clock


def fake_batches(
  *,
  batch_size: int,
  frame_size: tuple[int, int],
  still: bool,
  fixation_map: bool,
  examples: int,
  seed: int,
  process_index: int,
  process_count: int,
  start_batch: int,
) -> Batches:
  """Returns endless batches of noise instead of `train_batches`.

  Args:
    batch_size: Global batch size, of all processes together.
    frame_size: Height and width of the frames.
    still: Whether the batches are of still images.
    fixation_map: Whether they hold fixation maps.
    examples: Examples per epoch.
    seed, process_index, process_count, start_batch: See `train_batches`.
  """
  check_processes(batch_size, process_index, process_count)
  shapes = batch_shapes(
    batch_size=1,
    frame_size=frame_size,
    still=still,
    fixation_map=fixation_map,
    evaluation=False,
  )
  noise = (
    grain.MapDataset.range(examples)
    .repeat(EPOCHS)
    .random_map(_Noise(shapes), seed=seed)
  )
  return Batches(
    batches_of_process(noise, batch_size, process_index, process_count),
    examples=examples,
    still=still,
    settings={'fake': True, 'seed': seed, 'batch_size': batch_size},
    workers=0,
    prefetch=0,
    start_batch=start_batch,
  )


@dataclasses.dataclass(frozen=True)
class _Noise(grain.transforms.RandomMap):
  """Random examples with the shapes of a batch of one."""

  shapes: dict

  def random_map(self, number, rng):
    example = {}
    for key, ((_, *shape), kind) in self.shapes.items():
      if key == 'frames':
        example[key] = rng.integers(0, 256, shape, np.uint8)
      elif key == 'fixations':
        example[key] = rng.integers(0, 2, shape, np.uint8)
      elif key == 'log_mel':
        example[key] = rng.uniform(clock.SILENCE, 2, shape).astype(kind)
      elif key == 'density':
        density = rng.random(shape)
        example[key] = (density / density.sum()).astype(kind)
      elif key == 'offsets':
        last = self.shapes['log_mel'][0][1] - clock.EXAMPLE_FRAMES
        example[key] = np.linspace(0, last, *shape).astype(kind)
      else:
        example[key] = kind.type(number if key == 'frame' else 0)
    return example
