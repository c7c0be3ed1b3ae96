"""A network with its weights: from arrays or a video file to saliency maps."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.media.audio import Sound
from dave_jax.media.source import open_source
from dave_jax.media.video import Frame
from dave_jax.model.dave import DAVE
from dave_jax.model.inputs import normalise
from dave_jax.prediction.background import in_background
from dave_jax.prediction.windows import Window, windows
from dave_jax.weights import store


@dataclasses.dataclass(frozen=True)
class Prediction:
  """A frame and its saliency map, float32 [h / 8, w / 8], not below zero."""

  frame: Frame
  saliency: np.ndarray


class SaliencyModel:
  """A network with its weights.

  Attributes:
    module: The network.
    variables: Its parameters and batch statistics.
    origin: Where the weights come from.
    fingerprint: SHA-256 that identifies them.
  """

  def __init__(
    self, module: DAVE, variables: dict, *, origin: dict, fingerprint: str
  ):
    self.module = module
    self.variables = jax.device_put(variables)
    self.origin = origin
    self.fingerprint = fingerprint
    self._forward = jax.jit(self._apply)
    self._forward_bytes = jax.jit(
      lambda variables, frames, audio: self._apply(
        variables, None if frames is None else normalise(frames), audio
      )
    )

  @property
  def frame_size(self) -> tuple[int, int]:
    """Height and width that frames are resized to."""
    return self.module.frame_size

  def __call__(self, video, audio=None) -> jax.Array:
    """Returns saliency maps [b, h / 8, w / 8] of windows.

    Args:
      video: Normalised frames [b, 16, h, w, 3], see `dave_jax.normalise`; None
        for an audio-only network.
      audio: Log-mel examples [b, 16, 64, 64], one a frame; None for a
        video-only network.
    """
    if self.module.modality == 'audio':
      video = None
    if self.module.modality == 'video':
      audio = None
    return self._forward(self.variables, video, audio)

  def predict(
    self,
    source: str | os.PathLike,
    *,
    stride: int = 1,
    start: float = 0.0,
    end: float | None = None,
    batch_size: int = 4,
    alignment: str = 'exact',
  ) -> Iterator[tuple[float, np.ndarray]]:
    """Yields (time in seconds, saliency map [h / 8, w / 8]) of a video.

    Args:
      source: A file that FFmpeg reads, or a folder of frames and a WAV.
      stride: A map for every how many frames.
      start: First second to predict.
      end: Second to stop at, exclusive; None is the end.
      batch_size: Windows computed at a time; the maps do not depend on it.
      alignment: Which sound belongs to a frame: 'exact', 'causal' or
        'reference', see `dave_jax.media.clock`.

    Raises:
      ValueError, OSError: There is no such file, it holds no video, or a
        setting makes no sense.
    """
    with open_source(source, size=self.frame_size, start=start) as reader:
      sound = reader.sound() if self.module.modality != 'video' else None
      for prediction in self.predict_frames(
        reader,
        sound,
        rate=reader.info.rate,
        stride=stride,
        start=start,
        end=end,
        batch_size=batch_size,
        alignment=alignment,
      ):
        yield prediction.frame.time, prediction.saliency

  def predict_frames(
    self,
    frames: Iterable[Frame],
    sound: Sound | None,
    *,
    rate: float,
    stride: int,
    start: float,
    end: float | None,
    batch_size: int,
    alignment: str,
  ) -> Iterator[Prediction]:
    """Yields the predictions of frames that come one by one.

    Memory does not grow with their number: the frames of a window and two
    batches of windows are held.

    Args:
      frames: In the order of presentation, pictures of `frame_size`; those
        before `start` serve as what came before.
      sound: The log-mel sound; None is silence.
      rate: Frames per second, which alignment 'reference' counts by.
      stride, start, end, batch_size, alignment: As in `predict`.
    """
    if stride < 1 or batch_size < 1:
      raise ValueError(
        f'stride {stride} and batch_size {batch_size} must be 1 or more'
      )
    wanted = (
      window
      for window in windows(frames)
      if window.last.time >= start and window.last.index % stride == 0
    )
    if end is not None:
      wanted = itertools.takewhile(lambda w: w.last.time < end, wanted)
    batches = (
      (batch, *self._arrays(batch, sound, rate, batch_size, alignment))
      for batch in _batched(wanted, batch_size)
    )
    # While the device computes one batch, the thread prepares the next and
    # the consumer has the one before.
    in_flight = None
    for batch, images, examples in in_background(batches, ahead=1):
      maps = self._forward_bytes(self.variables, images, examples)
      if in_flight is not None:
        yield from _predictions(*in_flight)
      in_flight = batch, maps
    if in_flight is not None:
      yield from _predictions(*in_flight)

  def _apply(self, variables, video, audio):
    return self.module.apply(variables, video, audio, train=False)

  def _arrays(self, batch, sound, rate, batch_size, alignment):
    """Returns frames [b, 16, h, w, 3] and log-mel [b, 16, 64, 64] of a batch.

    A last batch that is short is filled up, so that one program serves all.
    """
    batch = batch + [batch[-1]] * (batch_size - len(batch))
    images = examples = None
    if self.module.modality != 'audio':
      images = np.stack([window.images for window in batch])
    if self.module.modality != 'video':
      examples = np.stack(
        [window_examples(w, sound, rate, alignment) for w in batch]
      )
    return images, examples


def window_examples(
  window: Window, sound: Sound | None, rate: float, alignment: str
) -> np.ndarray:
  """Returns the log-mel examples [16, 64, 64] of a window's frames."""
  raise NotImplementedError


def load(folder: str | os.PathLike, *, dtype=jnp.float32) -> SaliencyModel:
  """Reads a checkpoint that was converted or trained.

  Args:
    folder: The checkpoint.
    dtype: Type of the network's computation.

  Raises:
    FileNotFoundError: There is no checkpoint.
    ValueError: It is damaged, not whole, or holds no whole network.
  """
  stored = store.load(folder, dtype=dtype)
  if stored.contents != 'network':
    raise ValueError(
      f'{folder}: holds {" and ".join(sorted(stored.variables["params"]))} '
      'alone, to train a network from; wanted a whole network'
    )
  return SaliencyModel(
    stored.module,
    stored.variables,
    origin=stored.origin,
    fingerprint=stored.fingerprint,
  )


def _batched(items, size):
  items = iter(items)
  while batch := list(itertools.islice(items, size)):
    yield batch


def _predictions(batch, maps):
  maps = np.asarray(maps)
  for window, saliency in zip(batch, maps, strict=False):
    yield Prediction(window.last, saliency)
