"""The newest map of a picture and a sound that are still going on."""

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
  """What the maps to come need of what was seen and heard.

  Attributes:
    stem: The stream of the video encoder's stem; None before the first frame.
    starts: Where the examples of the newest frames start, at most 16 log-mel
      frames, counted from the first sound.
    log_mel: [frames, 64], the log-mel frames that may still be needed.
    first: Number of the first of them.
    waveform: Samples that no log-mel frame is complete for.
  """

  stem: stem_stream.StemState | None
  starts: np.ndarray
  log_mel: np.ndarray
  first: int
  waveform: np.ndarray


class LiveSaliency:
  """Predicts the saliency of each frame as it comes, from what came before.

  Sound and frames are pushed as they arrive, sound first: the map of a frame at
  time t uses the sound up to t (alignment 'causal').

  Attributes:
    state: All that is remembered; may be taken away and given back.
  """

  def __init__(self, model: SaliencyModel, state: LiveState | None = None):
    """Starts with nothing seen and heard, or where `state` was left."""
    self.model = model
    self.state = state or LiveState(
      stem=None,
      starts=np.zeros(0, np.int64),
      log_mel=np.zeros((0, clock.MEL_BANDS), np.float32),
      first=0,
      waveform=np.zeros(0, np.float32),
    )

  def hear(self, waveform: np.ndarray) -> None:
    """Adds sound.

    Args:
      waveform: [samples] at 16 kHz, mono, -1 to 1; follows on what was heard,
        which begins at time 0.
    """
    state = self.state
    waveform = np.concatenate([state.waveform, waveform])
    log_mel = audio.log_mel(waveform)
    self.state = state._replace(
      log_mel=np.concatenate([state.log_mel, log_mel]),
      waveform=waveform[len(log_mel) * _HOP :],
    )

  def see(self, image: np.ndarray, time: float) -> np.ndarray:
    """Adds a frame; returns its saliency map [h / 8, w / 8].

    Args:
      image: uint8 [h, w, 3], of the model's `frame_size`.
      time: Seconds since the sound began.

    Raises:
      ValueError: The image is of another size or type.
    """
    wanted = (*self.model.frame_size, 3)
    if image.shape != wanted or image.dtype != np.uint8:
      raise ValueError(
        f'image is {image.dtype} {image.shape}; wanted uint8 {wanted}'
      )
    state = self.state
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
    )
    return np.asarray(maps[0])

  def save(self, path: str | os.PathLike) -> None:
    """Writes the state to an NPZ file, whole or not at all."""
    leaves = jax.tree.leaves(self.state)
    arrays = {f'{i:03d}': np.asarray(leaf) for i, leaf in enumerate(leaves)}
    with write_atomically(path) as partial, partial.open('wb') as file:
      np.savez(file, fingerprint=self.model.fingerprint, **arrays)

  @classmethod
  def restore(
    cls, model: SaliencyModel, path: str | os.PathLike
  ) -> 'LiveSaliency':
    """Returns the live saliency that `save` wrote the state of.

    Raises:
      ValueError: It is the state of another model.
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
    return cls(model, state._replace(first=int(state.first)))
