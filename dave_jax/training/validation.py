"""Validation scores of a network during training."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from jax.sharding import Mesh

from dave_jax.data.batches import Batches
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import mean_scores
from dave_jax.media import overlay
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import predict_batch
from dave_jax.training.sharding import (
  compile_prediction,
  deadlocks_if_queued,
  examples_of_process,
  gather,
  place_batch,
)


@dataclasses.dataclass(frozen=True)
class ValidationSet:
  """A validation split.

  Attributes:
    batches: Returns its batches of this process, see `evaluation_batches`.
    scorer: Scores the maps of their frames.
  """

  batches: Callable[[], Batches]
  scorer: FrameScorer


class Validation:
  """Scores a network on validation splits of windows or still images.

  Still images take the visual route.
  """

  def __init__(self, model: DAVE, mesh: Mesh, sets: dict[str, ValidationSet]):
    """Defines the predictions; they are compiled at the first evaluation.

    Args:
      model: The network.
      mesh: The devices that share a batch.
      sets: {name: split}; scores are reported under these names.
    """
    self._mesh = mesh
    self._sets = sets
    self._predict = {
      visual_only: compile_prediction(
        functools.partial(predict_batch, model, visual_only=visual_only), mesh
      )
      for visual_only in (False, True)
    }
    self._stills_are_visual_only = model.modality == 'audio_visual'

  @property
  def names(self) -> Sequence[str]:
    return tuple(self._sets)

  def scores(self, variables: dict) -> dict[str, float]:
    """Returns {'SET/SCORE': mean over the frames of each clip, then the clips}.

    All processes must call it, and get the same. Frames without a score, such
    as NSS without fixations, are left out; NaN if no frame has one.
    """
    means = {}
    for name, part in self._sets.items():
      scorer = part.scorer
      clips, values = [], []
      for batch, maps in self._maps(name, variables):
        counts = batch['mask']
        frames = zip(batch['clip'][counts], batch['frame'][counts], strict=True)
        rows = [scorer.truth.row(int(c), int(f)) for c, f in frames]
        scored = np.full((len(counts), len(scorer.names)), np.nan)
        scored[counts] = scorer(rows, maps[counts])
        clips.append(np.where(counts, batch['clip'], -1))
        values.append(scored)
      clips, values = (
        gather(np.concatenate(clips)),
        gather(np.concatenate(values)),
      )
      found = mean_scores(
        clips[clips >= 0],
        values[clips >= 0],
        average=scorer.settings.average,
      )
      for score, mean in zip(scorer.names, found.tolist(), strict=True):
        means[f'{name}/{score}'] = mean
    return means

  def pictures(self, variables: dict, count: int) -> dict[str, np.ndarray]:
    """Returns frame, ground truth and prediction of examples, side by side.

    Args:
      variables: Variables of the network.
      count: Maximum number of examples of each split, from the first batch of
        this process.

    Returns:
      {name: uint8 [h, 3 w, 3]}.
    """
    drawn = {}
    for name in self._sets:
      with contextlib.closing(self._maps(name, variables)) as maps:
        batch, predicted = next(maps)
      for number, place in enumerate(np.flatnonzero(batch['mask'])[:count]):
        drawn[f'{name}/{number}'] = _side_by_side(batch, predicted, place)
    return drawn

  def _maps(self, name, variables) -> Iterator[tuple[dict, np.ndarray]]:
    """Yields the batches of this process with their maps.

    The next batch is dispatched before a map is fetched, so that the devices
    predict while the host scores.
    """
    batches = self._sets[name].batches()
    predict = self._predict[batches.still and self._stills_are_visual_only]
    one_at_a_time = deadlocks_if_queued(self._mesh)
    ahead = None
    with contextlib.closing(batches):
      for batch in batches:
        maps = predict(variables, place_batch(self._mesh, batch))
        if one_at_a_time:
          jax.block_until_ready(maps)
        if ahead is not None:
          yield ahead[0], examples_of_process(ahead[1])
        ahead = batch, maps
      yield ahead[0], examples_of_process(ahead[1])


def _side_by_side(batch, maps, place):
  image = np.ascontiguousarray(batch['frames'][place][-1])
  return np.concatenate(
    [
      image,
      overlay.draw(image, batch['density'][place]),
      overlay.draw(image, maps[place]),
    ],
    axis=1,
  )
