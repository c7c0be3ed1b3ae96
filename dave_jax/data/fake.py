"""Random batches, to try a program without data."""

import dataclasses

import grain
import numpy as np

from dave_jax.data.batches import EPOCHS, Batches, Loading
from dave_jax.media import clock

LABELS = tuple(f'fake label {n}' for n in range(10))


def fake_batches(
  shapes: dict[str, tuple[tuple[int, ...], np.dtype]],
  loading: Loading,
  *,
  examples: int,
  seed: int,
) -> Batches:
  """Returns endless batches of noise instead of training batches.

  Args:
    shapes: {key: (shape, dtype)} of a batch, of any size.
    loading: How batches are split; they are not read ahead.
    examples: Examples per epoch.
    seed: Seed of the noise.
  """
  noise = (
    grain.MapDataset.range(examples)
    .repeat(EPOCHS)
    .random_map(_Noise(shapes), seed=seed)
  )
  return Batches(
    noise,
    dataclasses.replace(loading, workers=0, prefetch=0),
    examples=examples,
    still='log_mel' not in shapes,
    settings={'fake': True, 'seed': seed},
  )


@dataclasses.dataclass(frozen=True)
class _Noise(grain.transforms.RandomMap):
  """Random examples of a batch of these shapes."""

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
      elif key == 'label':
        example[key] = kind.type(rng.integers(len(LABELS)))
      else:
        counts = key in ('frame', 'recording')
        example[key] = kind.type(number if counts else 0)
    return example
