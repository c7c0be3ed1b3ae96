"""A network with its weights: from arrays or a video file to saliency maps."""

import contextlib
import dataclasses
import functools
import itertools
import os
from collections.abc import Container, Iterable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.media import clock
from dave_jax.media.audio import Sound
from dave_jax.media.source import open_source
from dave_jax.media.video import Frame
from dave_jax.models import frame_features, stem_stream
from dave_jax.models.dave import DAVE
from dave_jax.models.normalisation import normalise
from dave_jax.prediction.background import in_background
from dave_jax.prediction.sliding_windows import windows
from dave_jax.weights import model_folder as store
from dave_jax.weights.bundled import BUNDLED

# From this stride on a window's stem is no dearer than that of the frames that
# a stream would have to take: 43 ms a frame against about 120 ms a window.
_PLAIN_STRIDE = 3
# An encoder of single frames does equal work for each of a window's sixteen.
_PLAIN_STRIDE_OF_FRAMES = 16
# How many frames before the first that is predicted its window holds.
LEAD = clock.WINDOW_FRAMES - 1


# What the prediction of a video is continued from.
VideoState = stem_stream.StemState | frame_features.FrameStream


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

  @property
  def frame_size(self) -> tuple[int, int]:
    """Height and width that frames are resized to."""
    return self.module.frame_size

  @property
  def uses_video(self) -> bool:
    """Whether frames are an input of the network."""
    return self.module.uses_video

  @property
  def uses_audio(self) -> bool:
    """Whether audio is an input of the network."""
    return self.module.uses_audio

  def __call__(self, video, audio=None) -> jax.Array:
    """Returns saliency maps [b, h / 8, w / 8] of windows.

    Args:
      video: Normalised frames [b, 16, h, w, 3], see `dave_jax.normalise`; an
        audio-only network does not look at it.
      audio: Log-mel examples [b, 16, 64, 64], one a frame; a video-only network
        does not listen to it.
    """
    video = video if self.uses_video else None
    audio = audio if self.uses_audio else None
    return _forward(self.module, self.variables, video, audio)

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
    with open_source(
      source, size=self.frame_size, start=start, end=end, lead=LEAD
    ) as reader:
      for prediction in self.predict_frames(
        reader,
        reader.sound() if self.uses_audio else None,
        rate=reader.info.rate,
        stride=stride,
        start=start,
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
    batch_size: int,
    alignment: str,
    done: Container[int] = (),
  ) -> Iterator[Prediction]:
    """Yields the predictions of frames that come one by one.

    Frames are decoded in a thread of their own, and while the device computes a
    batch the consumer has the one before. Memory does not grow with the number
    of frames.

    Args:
      frames: In the order of presentation, pictures of `frame_size`; those
        before `start` serve as what came before.
      sound: The log-mel sound; None is silence.
      rate: Frames per second, which alignment 'reference' counts by.
      stride, start, batch_size, alignment: As in `predict`.
      done: Numbers of frames that need no map.
    """
    if stride < 1 or batch_size < 1:
      raise ValueError(
        f'stride {stride} and batch_size {batch_size}: must be 1 or more'
      )
    log_mel = np.zeros((0, clock.MEL_BANDS), np.float32)
    if sound is not None:
      log_mel = sound.log_mel
    sliding = windows(frames, sound, alignment=alignment, rate=rate)
    with contextlib.closing(
      in_background(sliding, ahead=4 * batch_size)
    ) as sliding:
      seen = self._seen(sliding, stride, start, done)
      in_flight = None
      for batch in _batched(seen, batch_size):
        # A short last batch is filled up, so that one program serves all.
        full = batch + [batch[-1]] * (batch_size - len(batch))
        maps = self.maps(
          [video for _, video in full] if self.uses_video else None,
          log_mel,
          np.stack([window.starts for window, _ in full]),
        )
        if in_flight is not None:
          yield from _predictions(*in_flight)
        in_flight = [window.last for window, _ in batch], maps
      if in_flight is not None:
        yield from _predictions(*in_flight)

  def _seen(self, sliding, stride, start, done):
    """Yields the windows to predict, each with what `maps` takes of it."""
    plain = _PLAIN_STRIDE
    if self.module.encodes_frames:
      plain = _PLAIN_STRIDE_OF_FRAMES
    streamed = self.uses_video and stride < plain
    state = video = None
    for window in sliding:
      frame = window.last
      if streamed:
        state, video = self.advance(state, frame.image)
      if frame.time < start or frame.index % stride or frame.index in done:
        continue
      if self.uses_video and not streamed:
        video = np.stack([frame.image for frame in window.frames])
      yield window, video

  def advance(
    self, state: VideoState | None, image: np.ndarray
  ) -> tuple[VideoState, jax.Array | frame_features.FrameStream]:
    """Adds a frame to a stream, computing only what is new in its window.

    Args:
      state: After the previous frame; None before the first.
      image: uint8 [h, w, 3].

    Returns:
      The new state, and the encoded window for `maps`: the output of the 3D
      encoder's stem, [8, h / 4, w / 4, c], or the features of its frames.
    """
    if self.module.encodes_frames:
      state = frame_features.push(self._encode_image, state, image)
      return state, state
    frame = _normalise(image)
    if state is None:
      state = stem_stream.first_state(self._stem, frame)
    return stem_stream.push(self._stem, state, frame)

  def maps(
    self,
    seen: Sequence[np.ndarray | jax.Array | frame_features.FrameStream] | None,
    log_mel: np.ndarray,
    starts: np.ndarray,
  ) -> jax.Array:
    """Returns the maps [b, h / 8, w / 8] of windows, not waited for.

    Args:
      seen: For each window its frames, uint8 [16, h, w, 3], or what `advance`
        gave; None for an audio-only network.
      log_mel: [frames, 64]; outside it there is silence.
      starts: [b, 16], where in it the frames' examples start.
    """
    chunks = offsets = None
    if self.uses_audio:
      pairs = [clock.log_mel_chunk(log_mel, window) for window in starts]
      chunks, offsets = map(np.stack, zip(*pairs, strict=True))
    seen = None if seen is None else tuple(seen)
    return _predict(self.module, self.variables, seen, chunks, offsets)

  def _encode_image(self, image):
    return frame_features.encode_image(
      self._frame_variables,
      image,
      features=8 * self.module.width,
      dtype=self.module.dtype,
    )

  @functools.cached_property
  def _frame_variables(self) -> dict:
    modules = ('video_encoder', 'video_embedding')
    return {
      collection: {name: tree[name] for name in modules if name in tree}
      for collection, tree in self.variables.items()
    }

  @functools.cached_property
  def _stem(self) -> stem_stream.StemWeights:
    encoder = {c: v['video_encoder'] for c, v in self.variables.items()}
    return stem_stream.stem_weights(encoder, dtype=self.module.dtype)


@functools.partial(jax.jit, static_argnums=0)
def _forward(module, variables, video, audio):
  return module.apply(variables, video, audio, train=False)


@functools.partial(jax.jit, static_argnums=0)
def _predict(module, variables, seen, chunks, offsets):
  """Computes the maps of a batch of windows.

  Args:
    module, variables: The network.
    seen: For each window either uint8 frames [16, h, w, 3] or what `advance`
      returned; None for an audio-only network.
    chunks: [b, 384, 64], see `clock.log_mel_chunk`; None for a video-only
      network.
    offsets: [b, 16], where in its chunk the example of each frame starts.
  """
  video, from_stem = None, False
  if seen is not None and isinstance(seen[0], frame_features.FrameStream):
    video, from_stem = frame_features.stacked(seen), True
  elif seen is not None:
    video = jnp.stack(seen)
    from_stem = video.dtype != jnp.uint8
    video = video if from_stem else normalise(video)
  audio = None
  if chunks is not None:
    audio = jax.vmap(clock.examples_of_chunk)(chunks, offsets)
  return module.apply(variables, video, audio, train=False, from_stem=from_stem)


_normalise = jax.jit(normalise)


def _batched(items, size):
  items = iter(items)
  while batch := list(itertools.islice(items, size)):
    yield batch


def _predictions(frames, maps):
  for frame, saliency in zip(frames, np.asarray(maps), strict=False):
    yield Prediction(frame, saliency)


def load(
  folder: str | os.PathLike | None = None, *, dtype=jnp.float32
) -> SaliencyModel:
  """Reads a checkpoint that was converted or trained.

  Args:
    folder: The checkpoint; None is `BUNDLED`, the small network that comes with
      the package, about which its MODEL_CARD.md says everything.
    dtype: Type of the network's computation.

  Raises:
    FileNotFoundError: There is no checkpoint.
    ValueError: It is damaged, not whole, or holds no whole network.
  """
  folder = BUNDLED if folder is None else folder
  stored = store.load(folder, dtype=dtype)
  if stored.contents != 'network':
    names = ' and '.join(sorted(stored.variables['params']))
    raise ValueError(
      f'{folder}: holds {names} alone, to train a network from; wanted a whole '
      'network'
    )
  return SaliencyModel(
    stored.module,
    stored.variables,
    origin=stored.origin,
    fingerprint=stored.fingerprint,
  )
