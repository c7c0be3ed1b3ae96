"""A network with its weights: from arrays or a video file to saliency maps."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Container, Iterable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.checks import check_choice
from dave_jax.media import clock
from dave_jax.media.audio import Sound
from dave_jax.media.source import open_source
from dave_jax.media.video import Frame
from dave_jax.models import frame_features, stem_stream
from dave_jax.models.dave import DAVE
from dave_jax.models.normalisation import normalise
from dave_jax.prediction.background import batched, in_background
from dave_jax.prediction.maps import finish_map
from dave_jax.prediction.settings import SIZES, VALUES
from dave_jax.prediction.sliding_windows import (
  FrameChoice,
  read_windows,
  windows,
)

# From this stride on, the stem of a whole window costs no more than that of the
# frames that a stream has to process: 43 ms a frame, about 120 ms a window.
_PLAIN_STRIDE = 3
# An encoder of single frames does equal work for each of a window's sixteen.
_PLAIN_STRIDE_OF_FRAMES = 16
# Frames of a window before the one that is predicted.
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
      video: Normalised RGB frames [b, 16, h, w, 3], see `dave_jax.normalise`
        and `inputs`; ignored by an audio-only network.
      audio: Log-mel examples [b, 16, 64, 64], one per frame; ignored by a
        video-only network.
    """
    video = video if self.uses_video else None
    audio = audio if self.uses_audio else None
    return _forward(self.module, self.variables, video, audio)

  def inputs(
    self,
    source: str | os.PathLike,
    times: Sequence[float],
    *,
    alignment: str = 'exact',
  ) -> tuple[jax.Array, np.ndarray]:
    """Returns what `model(video, audio)` takes, from a video file.

    Args:
      source: A file that FFmpeg reads, or a folder of images and a WAV.
      times: [b], seconds on the clock of the file. Each window ends at the
        frame that is shown then.
      alignment: Which sound belongs to a frame, see `dave_jax.media.clock`.

    Returns:
      Normalised RGB frames, float32 [b, 16, h, w, 3], and the log-mel examples
      that belong to them, float32 [b, 16, 64, 64]; silence without sound.
    """
    video, audio = read_windows(
      source, times, size=self.frame_size, alignment=alignment
    )
    return _normalise(video), audio

  def predict(
    self,
    source: str | os.PathLike,
    *,
    size: str = 'video',
    values: str = 'probability',
    stride: int = 1,
    fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    batch_size: int = 4,
    alignment: str = 'exact',
  ) -> Iterator[tuple[float, np.ndarray]]:
    """Yields (time in seconds, saliency map) of the frames of a video.

    The maps are those that `python -m dave_jax.predict` writes with the same
    settings.

    Args:
      source: A file that FFmpeg reads, or a folder of images and a WAV.
      size: Size of the maps: 'video', or 'network', which is [h / 8, w / 8].
      values: What the numbers of a map mean, see `maps.finish_map`.
      stride: Predicts every so many frames, counted from the video's first.
      fps: Predicts so many frames per second instead; None is every `stride`.
      start: Second of the first map; 0 includes frames with negative times.
      end: Second to stop before; None is the end.
      batch_size: Windows per batch; the maps do not depend on it.
      alignment: Which sound belongs to a frame, see `dave_jax.media.clock`.

    Raises:
      ValueError, OSError: The file does not exist or holds no video, or a
        setting is invalid.
    """
    check_choice('size', size, SIZES)
    check_choice('values', values, VALUES)
    with open_source(
      source, size=self.frame_size, start=start, end=end, lead=LEAD
    ) as reader:
      info = reader.info
      for prediction in self.predict_frames(
        reader,
        reader.sound() if self.uses_audio else None,
        rate=info.rate,
        stride=stride,
        fps=fps,
        start=start,
        batch_size=batch_size,
        alignment=alignment,
      ):
        yield (
          prediction.frame.time,
          finish_map(
            prediction.saliency,
            size=(info.height, info.width) if size == 'video' else None,
            values=values,
          ),
        )

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
    fps: float | None = None,
    done: Container[int] = (),
  ) -> Iterator[Prediction]:
    """Yields the predictions of frames that come one by one.

    Frames are decoded in a thread, and the device computes a batch while the
    consumer has the one before. Memory does not grow with the number of frames.

    Args:
      frames: In order of presentation, with images of `frame_size`; those
        before `start` are the past of the first windows.
      sound: The log-mel sound; None is silence.
      rate: Frames per second, which alignment 'reference' counts by.
      stride, start, batch_size, alignment, fps: As in `predict`.
      done: Indices of frames that need no map.

    Raises:
      ValueError: A setting is invalid.
    """
    if batch_size < 1:
      raise ValueError(f'batch_size: expected 1 or more, got {batch_size}')
    chosen = FrameChoice(stride=stride, fps=fps, start=start)
    silence = np.zeros((0, clock.MEL_BANDS), np.float32)
    log_mel = silence if sound is None else sound.log_mel
    sliding = windows(frames, sound, alignment=alignment, rate=rate)
    with contextlib.closing(
      in_background(sliding, ahead=4 * batch_size)
    ) as sliding:
      seen = self._seen(sliding, stride, chosen, done)
      in_flight = None
      for batch in batched(seen, batch_size):
        # A short last batch is padded, so that one compiled program is enough.
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

  def _seen(self, sliding, stride, chosen, done):
    """Yields the windows to predict, each with what `maps` takes of it."""
    streamed = self.uses_video and stride < (
      _PLAIN_STRIDE_OF_FRAMES if self.module.encodes_frames else _PLAIN_STRIDE
    )
    state = video = None
    for window in sliding:
      frame = window.last
      if streamed:
        state, video = self.advance(state, frame.image)
      if not chosen(frame) or frame.index in done:
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
    """Returns the maps [b, h / 8, w / 8] of windows without waiting for them.

    Args:
      seen: For each window its frames, uint8 [16, h, w, 3], or what `advance`
        returned; None for an audio-only network.
      log_mel: [frames, 64]; outside it there is silence.
      starts: [b, 16], log-mel frame at which the example of each video frame
        starts.
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
      lax_kernels=self.module.lax_kernels,
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


def _predictions(frames, maps):
  for frame, saliency in zip(frames, np.asarray(maps), strict=False):
    yield Prediction(frame, saliency)
