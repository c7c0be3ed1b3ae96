"""Scores of a network on validation data, while it is trained."""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from dave_jax.data.batches import Batches
from dave_jax.media import overlay
from dave_jax.model.dave import DAVE
from dave_jax.scoring import metrics
from dave_jax.training.mesh import place_batch, rows_of_process
from dave_jax.training.steps import see_and_hear

# At the size of the maps; that of the recordings takes longer.
SCORES = ('NSS', 'CC', 'SIM', 'KLD')


class Validation:
  """Scores a network on sets of windows and of images.

  Images take the visual-only route.
  """

  def __init__(
    self,
    model: DAVE,
    mesh: Mesh,
    batches: dict[str, Callable[[], Batches]],
  ):
    """Takes what to score.

    Args:
      model: The network.
      mesh: What batches are spread over.
      batches: {name of a set: gives its `evaluation_batches`, with a map of
        the fixations}.
    """
    self._mesh = mesh
    self._batches = batches
    self._predict = {
      visual_only: jax.jit(
        functools.partial(_predict, model, visual_only=visual_only)
      )
      for visual_only in (False, True)
    }
    self._see_only_images = model.modality == 'audio_visual'

  @property
  def names(self) -> Sequence[str]:
    return tuple(self._batches)

  def scores(self, variables: dict) -> dict[str, float]:
    """Returns {'SET/SCORE': value}, the mean over frames, then over clips.

    A frame that has no score, such as NSS where nobody looked, is left out; NaN
    where none has one.
    """
    found = {}
    for name in self._batches:
      rows, values = [], []
      for batch, maps in self._maps(name, variables):
        rows.append(np.stack([batch['clip'], batch['mask']], axis=1))
        values.append(_score(maps, batch))
      rows, values = _of_all_processes(
        np.concatenate(rows), np.concatenate(values)
      )
      clips, counts = rows[:, 0], rows[:, 1].astype(bool)
      for score, column in zip(SCORES, values.T, strict=True):
        found[f'{name}/{score}'] = _mean_of_clips(clips[counts], column[counts])
    return found

  def pictures(self, variables: dict, count: int) -> dict[str, np.ndarray]:
    """Returns frame, density and prediction side by side, of a few examples.

    Args:
      variables: Of the network.
      count: How many of each set, of this process's first.

    Returns:
      {name: uint8 [h, 3 w, 3]}.
    """
    drawn = {}
    for name in self._batches:
      left = count
      for batch, maps in self._maps(name, variables):
        for place in np.flatnonzero(batch['mask'])[:left]:
          number = count - left
          drawn[f'{name}/{number}'] = _row(batch, maps, place)
          left -= 1
        if not left or self._mesh.devices.size > jax.local_device_count():
          break
    return drawn

  def _maps(self, name, variables):
    """Yields this process's batches and their maps."""
    batches = self._batches[name]()
    predict = self._predict[batches.still and self._see_only_images]
    try:
      for batch in batches:
        placed = place_batch(self._mesh, batch)
        yield batch, rows_of_process(predict(variables, placed))
    finally:
      batches.close()


def _predict(model, variables, batch, *, visual_only):
  video, audio = see_and_hear(model, batch, visual_only=visual_only)
  return model.apply(
    variables, video, audio, train=False, visual_only=visual_only
  )


def _score(maps, batch) -> np.ndarray:
  """Returns [n, scores] in the order of SCORES."""
  density, fixations = batch['density'], batch['fixations']
  empty = density.sum(axis=(1, 2)) == 0
  scores = np.stack(
    [
      metrics.nss(maps, fixations),
      metrics.cc(maps, density),
      metrics.sim(maps, density),
      metrics.kld(maps, density),
    ],
    axis=1,
  )
  scores[empty] = np.nan
  return scores


def _mean_of_clips(clips, values) -> float:
  known = ~np.isnan(values)
  if not known.any():
    return float('nan')
  _, owner = np.unique(clips[known], return_inverse=True)
  means = np.bincount(owner, values[known]) / np.bincount(owner)
  return float(means.mean())


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
