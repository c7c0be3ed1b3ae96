"""Alignment of sound and video frames.

Sound is a log-mel spectrogram with a frame every 10 ms. Each video frame is
paired with an example: 64 consecutive log-mel frames. A window is the 16 video
frames, each with its example, that one saliency map is computed from. No other
module decides which sound belongs to a video frame.

The functions run on the host with NumPy; `examples_of_chunk` also runs inside
compiled programs.
"""

import numpy as np

LOG_MEL_RATE = 100  # Log-mel frames per second.
MEL_BANDS = 64
EXAMPLE_FRAMES = 64  # Log-mel frames of an example, 0.64 s.
WINDOW_FRAMES = 16  # Video frames of a window.
# Log-mel frames that hold the examples of any window, so that only one size
# is compiled: 3.2 s between the first and the last of 16 frames, which is 4.7
# frames per second or a pause of 2.6 s at 25.
CHUNK_FRAMES = 384
SILENCE = float(np.log(0.01))  # The log-mel value of digital silence.
ALIGNMENTS = ('exact', 'causal', 'reference')

_ANALYSIS_WINDOW = 2.5  # Log-mel frames that a 25 ms analysis window lasts.
# One microsecond, in log-mel frames. Time stamps on the border between two
# frames, such as every third at 24 per second, may be off by rounding.
_ROUNDING = 1e-4


def example_starts(
  frame_times,
  *,
  alignment: str,
  rate: float | None = None,
  sound_frames: int | None = None,
  first_frame: int = 0,
) -> np.ndarray:
  """Returns the first log-mel frame of the example of each video frame.

  The alignments:

  - 'exact': the example of a frame shown at time t starts at log-mel frame
    round(100 t), halves rounded up. The example begins with the sound heard
    while the frame is shown, followed by the next 0.6 s.
  - 'causal': the latest 64 log-mel frames whose 25 ms analysis windows end at
    or before t, for streaming.
  - 'reference': the counting of the published PyTorch code. Frame i (from 0)
    has example i + 1, and examples are round(100 / rate) log-mel frames apart
    (halves to even), so that sound runs at 0.9 of its speed at 30 frames per
    second. After the last complete example, that one is repeated. Time stamps
    are ignored. For comparison with maps of that code, of which three
    behaviours are not reproduced: the first video of a run used a hop of 20 ms
    and each later video the rate of the one before; the picture froze where
    the sound ended, and the last 15 examples were shifted by one there; and
    example 0 instead of 1 was used before the first frame.

  Args:
    frame_times: [n], in seconds from the first sample of the sound.
    alignment: 'exact', 'causal' or 'reference'.
    rate: Frames per second; required by 'reference'.
    sound_frames: Number of log-mel frames; required by 'reference'.
    first_frame: Index in the video of the first frame given, from 0; only
      used by 'reference'.

  Returns:
    [n] integers, which may be negative or past the end of the sound, where
    there is silence.

  Raises:
    ValueError: The alignment is unknown or lacks an argument.
  """
  times = np.asarray(frame_times, np.float64) * LOG_MEL_RATE
  if alignment == 'exact':
    return np.floor(times + 0.5 + _ROUNDING).astype(np.int64)
  if alignment == 'causal':
    newest = np.floor(times - _ANALYSIS_WINDOW + _ROUNDING).astype(np.int64)
    return newest - (EXAMPLE_FRAMES - 1)
  if alignment == 'reference':
    if rate is None or sound_frames is None:
      raise ValueError("alignment 'reference' requires rate and sound_frames")
    hop = round(LOG_MEL_RATE / rate)
    if hop < 1:
      raise ValueError(
        "alignment 'reference': expected fewer than 200 frames per second, got "
        f"{rate}; use 'exact'"
      )
    last = max(0, (sound_frames - EXAMPLE_FRAMES) // hop)
    examples = first_frame + np.arange(1, times.size + 1)
    return hop * np.minimum(examples, last)
  raise ValueError(
    f"alignment: expected one of {', '.join(ALIGNMENTS)}, got '{alignment}'"
  )


def window_frames(last, first: int = 0) -> np.ndarray:
  """Returns the video frames [..., 16] of the windows that end at `last`.

  Args:
    last: [...], index of the frame that a window predicts.
    first: Index of the first frame of the video, which is repeated, with its
      sound, in place of earlier ones.
  """
  offsets = np.arange(1 - WINDOW_FRAMES, 1)
  return np.maximum(np.asarray(last)[..., None] + offsets, first)


def cut_examples(log_mel: np.ndarray, starts) -> np.ndarray:
  """Returns the examples [n, 64, 64] that begin at `starts`, float32.

  Args:
    log_mel: [frames, 64].
    starts: [n], see `example_starts`. Outside the sound there is silence.
  """
  return _frames_or_silence(log_mel, _rows(np.asarray(starts)))


def fit_chunk(starts) -> np.ndarray:
  """Returns `starts` [..., 16] with those too early for a chunk moved up.

  A window of very few frames per second, or with a long pause in it, spans more
  sound than a chunk holds: its earliest frames get the earliest example in it.
  """
  starts = np.asarray(starts)
  newest = starts.max(axis=-1, keepdims=True)
  return np.maximum(starts, newest + EXAMPLE_FRAMES - CHUNK_FRAMES)


def chunk_length(starts) -> int:
  """Returns how many log-mel frames hold the examples at `starts` [n].

  A window takes 127 at 24 frames per second, 124 at 25 and 114 at 30.
  """
  return int(np.ptp(starts)) + EXAMPLE_FRAMES


def log_mel_chunk(log_mel: np.ndarray, starts) -> tuple[np.ndarray, np.ndarray]:
  """Returns the log-mel frames that hold all examples of a window.

  The examples overlap, so that this is at most 3/8 of their size;
  `examples_of_chunk` cuts them out again.

  Args:
    log_mel: [frames, 64].
    starts: [n], see `example_starts`; `fit_chunk` is applied to them. Outside
      the sound there is silence.

  Returns:
    (float32 [384, 64], int32 [n]): the chunk, and where each example starts in
    it.
  """
  starts = fit_chunk(starts)
  first = starts.min()
  chunk = _frames_or_silence(log_mel, first + np.arange(CHUNK_FRAMES))
  return chunk, (starts - first).astype(np.int32)


def examples_of_chunk(chunk, offsets):
  """Returns the examples [n, 64, 64] of a chunk [384, 64] at offsets [n].

  Takes NumPy and JAX arrays; `jax.vmap` adds a batch dimension.
  """
  return chunk[_rows(offsets)]


def _rows(starts):
  return starts[:, None] + np.arange(EXAMPLE_FRAMES)


def _frames_or_silence(log_mel, indices):
  result = np.full((*indices.shape, MEL_BANDS), SILENCE, np.float32)
  inside = (indices >= 0) & (indices < len(log_mel))
  result[inside] = log_mel[indices[inside]]
  return result
