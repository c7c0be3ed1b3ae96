"""The maps of a network, from a data set's records."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from dave_jax.data.transforms import WindowReader
from dave_jax.data.windows import is_still
from dave_jax.datasets.schema import Clip
from dave_jax.datasets.store import Dataset
from dave_jax.media import clock
from dave_jax.models.inputs import predict_batch
from dave_jax.prediction.background import in_background
from dave_jax.prediction.saliency_model import SaliencyModel

_TAKEN = ('frames', 'log_mel', 'offsets')


class NetworkMaps:
  """Predicts the frames of clips; see `evaluator.Maps`.

  Still images take the visual-only route of an audio-visual network.
  """

  def __init__(
    self,
    model: SaliencyModel,
    dataset: Dataset,
    split: str,
    *,
    batch_size: int,
    alignment: str,
    sound: str,
  ):
    """Takes a network and what it predicts.

    Args:
      model: The network with its weights.
      dataset, split: Where windows are read from.
      batch_size: Windows computed at a time; the maps do not depend on it.
      alignment: See `data.transforms.WindowReader`.
      sound: One of `run.SOUNDS`.

    Raises:
      ValueError: The data set was built with frames of another size, or `sound`
        is another clip's and there are no two that have any.
    """
    found = tuple(dataset.settings['frame_size'])
    if found != tuple(model.frame_size):
      raise ValueError(
        f'{dataset.name} was built with frames of {found}, the network takes '
        f'{tuple(model.frame_size)}; build it again with that size'
      )
    self._model = model
    self._batch_size = batch_size
    self._reader = WindowReader(
      dataset,
      split,
      alignment=alignment,
      sigma=1.0,  # Of the density maps, which are not looked at.
      fixation_map=False,
    )
    self._sound = sound
    self._others = _others(self._reader.clips) if sound == 'other' else {}

  def __call__(self, clip: Clip, frames: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the map [h / 8, w / 8] of each frame."""
    visual_only = is_still(clip)
    if visual_only and not self._model.uses_video:
      raise ValueError(
        f'{clip.name} is a still image, which an audio-only network has no '
        'map of'
      )
    visual_only = visual_only and self._model.uses_audio
    windows = (self._window(clip, int(frame)) for frame in frames)
    # A batch is of one clip, and a still image is one.
    size = 1 if is_still(clip) else self._batch_size
    ahead = in_background(_batched(windows, size), ahead=2)
    for count, batch in ahead:
      maps = _predict(
        self._model.module,
        self._model.variables,
        batch,
        visual_only=visual_only,
      )
      yield from np.asarray(maps)[:count]

  def _window(self, clip, frame):
    window = self._reader(clip, frame)
    if self._sound == 'none' and 'log_mel' in window:
      window['log_mel'] = np.full_like(window['log_mel'], clock.SILENCE)
    if clip.name in self._others:
      other = self._others[clip.name]
      window |= self._reader.sound(other, frame % other.frames)
    return window


def _others(clips: Sequence[Clip]) -> dict[str, Clip]:
  """Returns whose sound each clip that has some gets, by its name."""
  sounding = [clip for clip in clips if clip.has_sound]
  if len(sounding) < 2:
    raise ValueError(
      f'got {len(sounding)} clips with sound, wanted two or more to swap it '
      'between them'
    )
  half = len(sounding) // 2
  turned = sounding[half:] + sounding[:half]
  return {
    clip.name: other for clip, other in zip(sounding, turned, strict=True)
  }


def _batched(windows, size):
  """Yields (how many count, batch); the last window fills up a short batch."""
  held = []
  for window in windows:
    held.append(window)
    if len(held) == size:
      yield size, _stacked(held)
      held = []
  if held:
    count = len(held)
    yield count, _stacked(held + [held[-1]] * (size - count))


def _stacked(windows):
  keys = [key for key in _TAKEN if key in windows[0]]
  return {key: np.stack([window[key] for window in windows]) for key in keys}


_predict = jax.jit(
  predict_batch, static_argnums=0, static_argnames='visual_only'
)
