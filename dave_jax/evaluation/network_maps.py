"""The maps of a network, from the records of a data set."""

import itertools
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from dave_jax.data.sounds import silenced, with_sound
from dave_jax.data.transforms import Reading, WindowReader
from dave_jax.data.windows import is_still
from dave_jax.datasets.schema import Clip
from dave_jax.datasets.store import Dataset
from dave_jax.models.inputs import predict_batch
from dave_jax.prediction.background import in_background
from dave_jax.prediction.saliency_model import SaliencyModel

_INPUTS = ('frames', 'log_mel', 'offsets')


class NetworkMaps:
  """Predicts frames of clips; an `evaluator.Maps`.

  Batches span clips, so that still images are batched too. Still images take
  the visual-only route of an audio-visual network.
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
    sound_shift: float,
  ):
    """Opens the split.

    Args:
      model: The network with its weights.
      dataset, split: Where windows are read from.
      batch_size: Windows per batch; the maps do not depend on it.
      alignment: See `data.transforms.WindowReader`.
      sound: One of `options.SOUNDS`.
      sound_shift: Seconds of 'shifted' sound, see `options.Options`.

    Raises:
      ValueError: `sound` is 'other' and fewer than two clips have sound, or it
        is 'shifted' by less than a frame or by the length of a clip.
    """
    self._model = model
    self._batch_size = batch_size
    # Density maps, and so sigma, are not used here.
    reading = Reading(model.frame_size, alignment, 1.0, fixation_map=False)
    self._reader = WindowReader(dataset, split, reading)
    self._sound = sound
    self._others = _swapped(self._reader.clips) if sound == 'other' else {}
    self._shifts = (
      _shifts(self._reader.clips, sound_shift) if sound == 'shifted' else {}
    )

  def __call__(
    self, jobs: Sequence[tuple[Clip, np.ndarray]]
  ) -> Iterator[np.ndarray]:
    """Yields the map [h / 8, w / 8] of each frame of each clip."""
    for still, group in itertools.groupby(jobs, lambda job: is_still(job[0])):
      if still and not self._model.uses_video:
        raise ValueError(
          'an audio-only network cannot predict still images; choose a set of '
          'videos'
        )
      windows = (
        self._window(clip, frame)
        for clip, frames in group
        for frame in frames.tolist()
      )
      yield from self._predict(
        windows, visual_only=still and self._model.uses_audio
      )

  def _predict(self, windows, *, visual_only):
    """Yields maps; the device computes a batch while the last one is used."""
    in_flight = None
    # As the trainer places them, see `training.sharding.compile_prediction`.
    (device, *_) = jax.devices()
    variables = jax.device_put(self._model.variables, device)
    batches = in_background(_batched(windows, self._batch_size), ahead=2)
    for count, batch in batches:
      maps = _predict(
        self._model.module,
        variables,
        jax.device_put(batch, device),
        visual_only=visual_only,
      )
      if in_flight is not None:
        yield from np.asarray(in_flight[1])[: in_flight[0]]
      in_flight = count, maps
    if in_flight is not None:
      yield from np.asarray(in_flight[1])[: in_flight[0]]

  def _window(self, clip, frame):
    window = self._reader(clip, frame)
    if self._sound == 'none':
      window = silenced(window)
    if clip.name in self._others:
      other = self._others[clip.name]
      window |= self._reader.sound(other, frame % other.frames)
    if clip.name in self._shifts:
      moment = (frame + self._shifts[clip.name]) % clip.frames
      window |= self._reader.sound(clip, moment)
    return window


def _swapped(clips: Sequence[Clip]) -> dict[str, Clip]:
  """Returns {name of a clip with sound: clip whose sound it gets}."""
  sounding = [clips[n] for n in with_sound(clips, 'other')]
  half = len(sounding) // 2
  others = sounding[half:] + sounding[:half]
  return {
    clip.name: other for clip, other in zip(sounding, others, strict=True)
  }


def _shifts(clips: Sequence[Clip], seconds: float) -> dict[str, int]:
  """Returns {name of a clip with sound: frames that its sound is shifted}."""
  shifts = {}
  for clip in clips:
    if clip.has_sound:
      shifts[clip.name] = round(seconds * clip.rate)
      if shifts[clip.name] % clip.frames == 0:
        raise ValueError(
          f'expected a sound_shift of a frame or more, and not the length of a '
          f'clip, got {seconds} s with {clip.name}, which has {clip.frames} '
          f'frames at {clip.rate:g} per second; choose another'
        )
  return shifts


def _batched(windows, size):
  """Yields (number of windows, batch); repeats the last to fill a batch."""
  while group := list(itertools.islice(windows, size)):
    padded = group + group[-1:] * (size - len(group))
    keys = [key for key in _INPUTS if key in padded[0]]
    yield (
      len(group),
      {key: np.stack([window[key] for window in padded]) for key in keys},
    )


_predict = jax.jit(
  predict_batch, static_argnums=0, static_argnames='visual_only'
)
