"""Baselines as a source of maps, as a network is one."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from dave_jax.datasets.schema import Clip
from dave_jax.evaluation.baselines import chance, mean_eye_position
from dave_jax.evaluation.ground_truth import GroundTruth


@dataclasses.dataclass(frozen=True)
class ConstantMaps:
  """The same map for every frame; see `evaluator.Maps`.

  Attributes:
    saliency: [h, w].
  """

  saliency: np.ndarray

  def __call__(self, clip: Clip, frames: np.ndarray) -> Iterator[np.ndarray]:
    del clip
    return (self.saliency for _ in frames)


@dataclasses.dataclass(frozen=True)
class ChanceMaps:
  """Random numbers, others for every frame; see `evaluator.Maps`.

  Attributes:
    clips: Of the evaluation.
    size: Height and width; None is each clip's own.
    seed: Of all.
  """

  clips: tuple[Clip, ...]
  size: tuple[int, int] | None
  seed: int

  def __call__(self, clip: Clip, frames: np.ndarray) -> Iterator[np.ndarray]:
    number = self.clips.index(clip)
    size = self.size or (clip.height, clip.width)
    return (chance(size, self.seed, number, int(frame)) for frame in frames)


def mean_eye_position_of(
  truth: GroundTruth, size: tuple[int, int]
) -> np.ndarray:
  """Returns the mean eye position of a split, float32 [h, w].

  Args:
    truth: The split; every frame in it counts.
    size: Height and width of the map.
  """
  mean = mean_eye_position(
    (truth.density_at(row, size) for row in truth.rows(number).tolist())
    for number in range(len(truth.clips))
  )
  return mean.astype(np.float32)
