"""Streaming prediction: frames and sound are given as they arrive."""

import os
from typing import NamedTuple

import jax
import numpy as np

from dave_jax.files import write_atomically
from dave_jax.media import audio, clock
from dave_jax.models import stem_stream
from dave_jax.prediction.saliency_model import SaliencyModel

_HOP = audio.SAMPLE_RATE // clock.LOG_MEL_RATE


class LiveState(NamedTuple):
  """The state of a stream: all that later maps need of the past.

  Attributes:
    stem: The stream of the video encoder's stem; None before the first frame.
    starts: [n], log-mel frame, counted from the first sound, at which the
      example of each of the last 16 frames starts.
    log_mel: [frames, 64], the log-mel frames that may still be needed.
    first: Index of the first of them.
    waveform: Samples for which no log-mel frame is complete.
    time: Second of the last frame; minus infinity before the first.
  """

  stem: stem_stream.StemState | None
  starts: np.ndarray
  log_mel: np.ndarray
  first: int
  waveform: np.ndarray
  time: float


class LiveSaliency:
  """Predicts the saliency of each frame from it and what came before.

  Give the sound up to a frame's time before the frame: its map uses the sound
  heard so far (alignment 'causal').

    live = LiveSaliency(dave_jax.load())
    live.hear(waveform)  # float32 [samples], 16 kHz mono, -1 to 1.
    saliency = live.see(image, time)  # uint8 [h, w, 3] RGB; seconds.

  Attributes:
    state: All that is remembered; may be saved and given back.
  """

  def __init__(self, model: SaliencyModel, state: LiveState | None = None):
    """Starts a new stream, or continues from `state`."""
    self.model = model
    self.state = state or LiveState(
      stem=None,
      starts=np.zeros(0, np.int64),
      log_mel=np.zeros((0, clock.MEL_BANDS), np.float32),
      first=0,
      waveform=np.zeros(0, np.float32),
      time=-np.inf,
    )

  def hear(self, waveform: np.ndarray) -> None:
    """Adds sound.

    Args:
      waveform: [samples] at 16 kHz, mono, -1 to 1; continues what was heard
        before, which begins at time 0.

    Raises:
      ValueError: The waveform has several channels.
    """
    if np.ndim(waveform) != 1:
      raise ValueError(
        f'waveform: expected mono [samples], got {np.shape(waveform)}; take '
        'the mean of the channels'
      )
    state = self.state
    waveform = np.concatenate([state.waveform, waveform])
    log_mel = audio.log_mel(waveform)
    self.state = state._replace(
      log_mel=np.concatenate([state.log_mel, log_mel]),
      waveform=waveform[len(log_mel) * _HOP :],
    )

  def see(self, image: np.ndarray, time: float) -> np.ndarray:
    """Adds a frame; returns its saliency map.

    Args:
      image: uint8 [h, w, 3], RGB, 0 to 255, of the model's `frame_size`.
      time: Seconds since the sound began; later than the frame before.

    Returns:
      float32 [h / 8, w / 8], not negative, as the network computes it.

    Raises:
      ValueError: The image has another size or type, or time goes backwards.
    """
    wanted = (*self.model.frame_size, 3)
    if image.shape != wanted or image.dtype != np.uint8:
      raise ValueError(
        f'image: expected RGB uint8 {wanted}, got {image.dtype} {image.shape}'
      )
    state = self.state
    if not time > state.time:
      raise ValueError(
        f'time: expected more than {state.time} s, that of the frame before, '
        f'got {time}; start a new LiveSaliency for another video'
      )
    start = clock.example_starts([time], alignment='causal')
    missing = 1 if state.starts.size else clock.WINDOW_FRAMES
    starts = np.concatenate([state.starts, np.repeat(start, missing)])
    starts = starts[-clock.WINDOW_FRAMES :]
    stem = seen = None
    if self.model.uses_video:
      stem, pooled = self.model.advance(state.stem, image)
      seen = [pooled]
    maps = self.model.maps(seen, state.log_mel, starts[None] - state.first)
    old = min(max(starts.min() - state.first, 0), len(state.log_mel))
    self.state = state._replace(
      stem=stem,
      starts=starts,
      log_mel=state.log_mel[old:],
      first=state.first + old,
      time=float(time),
    )
    return np.asarray(maps[0])

  def save(self, path: str | os.PathLike) -> None:
    """Writes the state to an NPZ file atomically."""
    leaves = jax.tree.leaves(self.state)
    arrays = {f'{i:03d}': np.asarray(leaf) for i, leaf in enumerate(leaves)}
    with write_atomically(path) as partial, partial.open('wb') as file:
      np.savez(file, fingerprint=self.model.fingerprint, **arrays)

  @classmethod
  def restore(
    cls, model: SaliencyModel, path: str | os.PathLike
  ) -> 'LiveSaliency':
    """Returns a stream with the state that `save` wrote.

    Raises:
      ValueError: The state is that of another model.
    """
    with np.load(path, allow_pickle=False) as arrays:
      if str(arrays['fingerprint']) != model.fingerprint:
        raise ValueError(f'{path}: is the state of another model')
      leaves = [arrays[name] for name in sorted(set(arrays) - {'fingerprint'})]
    empty = cls(model).state
    if len(leaves) > len(jax.tree.leaves(empty)):
      frame = np.zeros((*model.frame_size, 3), np.uint8)
      stem, _ = jax.eval_shape(model.advance, None, frame)
      empty = empty._replace(stem=stem)
    state = jax.tree.unflatten(jax.tree.structure(empty), leaves)
    state = state._replace(first=int(state.first), time=float(state.time))
    return cls(model, state)
