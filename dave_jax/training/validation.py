"""Scores of a network on validation data, while it is trained."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from dave_jax.data.batches import Batches
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import mean_scores
from dave_jax.media import overlay
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import predict_batch
from dave_jax.training.sharding import (
  compile_prediction,
  examples_of_process,
  place_batch,
)


@dataclasses.dataclass(frozen=True)
class ValidationSet:
  """What is scored of a data set.

  Attributes:
    batches: Gives its `evaluation_batches`.
    scorer: Knows who looked where, at the frames of those.
  """

  batches: Callable[[], Batches]
  scorer: FrameScorer


class Validation:
  """Scores a network on sets of windows and of images.

  Images take the visual-only route.
  """

  def __init__(self, model: DAVE, mesh: Mesh, sets: dict[str, ValidationSet]):
    """Takes what to score.

    Args:
      model: The network.
      mesh: What batches are spread over.
      sets: By the names that their scores go under.
    """
    self._mesh = mesh
    self._sets = sets
    self._predict = {
      visual_only: compile_prediction(
        functools.partial(predict_batch, model, visual_only=visual_only), mesh
      )
      for visual_only in (False, True)
    }
    self._see_only_images = model.modality == 'audio_visual'

  @property
  def names(self) -> Sequence[str]:
    return tuple(self._sets)

  def scores(self, variables: dict) -> dict[str, float]:
    """Returns {'SET/SCORE': value}, the mean over frames, then over clips.

    A frame that has no score, such as NSS where nobody looked, is left out; NaN
    where none has one.
    """
    found = {}
    for name, part in self._sets.items():
      scorer = part.scorer
      clips, values = [], []
      for batch, maps in self._maps(name, variables):
        real = batch['mask']
        places = zip(batch['clip'][real], batch['frame'][real], strict=True)
        rows = [scorer.truth.row(int(c), int(f)) for c, f in places]
        scored = np.full((len(real), len(scorer.names)), np.nan)
        scored[real] = scorer(rows, maps[real])
        clips.append(np.where(real, batch['clip'], -1))
        values.append(scored)
      clips, values = _of_all_processes(
        np.concatenate(clips), np.concatenate(values)
      )
      means = mean_scores(
        clips[clips >= 0],
        values[clips >= 0],
        average=scorer.settings.average,
      )
      for score, mean in zip(scorer.names, means.tolist(), strict=True):
        found[f'{name}/{score}'] = mean
    return found

  def pictures(self, variables: dict, count: int) -> dict[str, np.ndarray]:
    """Returns frame, density and prediction side by side, of a few examples.

    Args:
      variables: Of the network.
      count: How many of each set at most, of this process's first batch.

    Returns:
      {name: uint8 [h, 3 w, 3]}.
    """
    drawn = {}
    for name in self._sets:
      with contextlib.closing(self._maps(name, variables)) as maps:
        batch, found = next(maps)
      for number, place in enumerate(np.flatnonzero(batch['mask'])[:count]):
        drawn[f'{name}/{number}'] = _row(batch, found, place)
    return drawn

  def _maps(self, name, variables):
    """Yields this process's batches and their maps."""
    batches = self._sets[name].batches()
    predict = self._predict[batches.still and self._see_only_images]
    try:
      for batch in batches:
        placed = place_batch(self._mesh, batch)
        yield batch, examples_of_process(predict(variables, placed))
    finally:
      batches.close()


def _of_all_processes(*arrays):
  if jax.process_count() == 1:
    return arrays
  return tuple(
    np.concatenate(multihost_utils.process_allgather(array)) for array in arrays
  )


def _row(batch, maps, place):
  image = np.ascontiguousarray(batch['frames'][place][-1])
  return np.concatenate(
    [
      image,
      overlay.draw(image, batch['density'][place]),
      overlay.draw(image, maps[place]),
    ],
    axis=1,
  )
