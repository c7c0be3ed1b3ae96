"""Which sound belongs to which frame.

Sound is a log-mel spectrogram, a frame every 10 ms, and each video frame is
seen together with an example: 64 consecutive log-mel frames. A window is the
16 video frames, each with its example, that one saliency map is computed from.
Nothing else in this package decides what is heard with what is seen.

All functions are NumPy on the host but `examples_of_strip`, which a compiled
program may call too.
"""

import numpy as np

LOG_MEL_RATE = 100  # Log-mel frames per second.
MEL_BANDS = 64
EXAMPLE_FRAMES = 64  # Log-mel frames of an example, 0.64 s.
WINDOW_FRAMES = 16  # Video frames of a window.
SILENCE = float(np.log(0.01))  # The log-mel value of digital silence.
ALIGNMENTS = ('exact', 'causal', 'reference')

_ANALYSIS_WINDOW = 2.5  # Log-mel frames that a 25 ms analysis window lasts.
# A microsecond, in log-mel frames: time stamps that lie on the border between
# two frames, such as every third at 24 a second, may be off by rounding.
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
    100 t, rounded, a half upwards; what is heard while the frame is seen comes
    first in the example and 0.6 s of what follows after it.
  - 'causal': the newest 64 log-mel frames whose 25 ms analysis windows end at
    or before t, for live use.
  - 'reference': as the published PyTorch code counts. Frame i (from 0) has
    example i + 1; examples follow each other by 100 / rate log-mel frames,
    rounded (halves to even), so that sound runs at 0.9 speed at 30 frames a
    second; past the end of the sound the last whole example stays. Time stamps
    are not looked at. For comparing with maps of that code, three of whose
    ways are not followed: the first video of a run was heard at 20 ms an
    example and each later one at the rate of the video before; the picture
    froze where the sound ended, and the 15 last examples were shifted by one
    there; before the first frame, example 0 was heard instead of example 1.

  Args:
    frame_times: [n], seconds on the sound's axis, whose sample 0 is at 0.
    alignment: 'exact', 'causal' or 'reference'.
    rate: Frames per second; only 'reference' needs it.
    sound_frames: Log-mel frames of the sound; only 'reference' needs it.
    first_frame: Number in the video, from 0, of the first frame given; only
      'reference' looks at it.

  Returns:
    [n] integers. They may be negative or reach past the end of the sound:
    there is silence.
  """
  times = np.asarray(frame_times, np.float64) * LOG_MEL_RATE
  if alignment == 'exact':
    return np.floor(times + 0.5 + _ROUNDING).astype(np.int64)
  if alignment == 'causal':
    newest = np.floor(times - _ANALYSIS_WINDOW + _ROUNDING).astype(np.int64)
    return newest - (EXAMPLE_FRAMES - 1)
  if alignment == 'reference':
    if rate is None or sound_frames is None:
      raise ValueError("alignment 'reference' needs rate and sound_frames")
    hop = round(LOG_MEL_RATE / rate)
    if hop < 1:
      raise ValueError(
        f"alignment 'reference' knows no {rate} frames per second, only less "
        "than 200; use 'exact'"
      )
    last = max(0, (sound_frames - EXAMPLE_FRAMES) // hop)
    examples = first_frame + np.arange(1, times.size + 1)
    return hop * np.minimum(examples, last)
  raise ValueError(
    f"got alignment '{alignment}', wanted one of {', '.join(ALIGNMENTS)}"
  )


def window_frames(last, first: int = 0) -> np.ndarray:
  """Returns the video frames [..., 16] of the windows that end at `last`.

  Args:
    last: [...], number of the frame whose saliency a window predicts.
    first: Number of the video's first frame; before it, that one is repeated,
      and its sound with it.
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


def strip_length(starts) -> int:
  """Returns how many log-mel frames hold the examples at `starts` [n].

  A whole window takes 127 at 24 frames a second, 124 at 25 and 114 at 30 (with
  'reference' no more); at variable frame rates, what its 16 frames span.
  """
  return int(np.ptp(starts)) + EXAMPLE_FRAMES


def cut_strip(
  log_mel: np.ndarray, starts, length: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns one strip of sound that holds all examples of a window.

  An eighth of what the examples take, as they overlap; `examples_of_strip`
  cuts them out again.

  Args:
    log_mel: [frames, 64].
    starts: [n], see `example_starts`. Outside the sound there is silence.
    length: Log-mel frames of the strip.

  Returns:
    (float32 [length, 64], int32 [n]): the strip, and where in it the examples
    start.

  Raises:
    ValueError: The strip is too short for the examples.
  """
  starts = np.asarray(starts)
  wanted = strip_length(starts)
  if wanted > length:
    raise ValueError(
      f'the {starts.size} examples of a window span {wanted} log-mel frames, '
      f'more than the {length} of a strip; make strips at least {wanted} long'
    )
  begin = starts.min()
  strip = _frames_or_silence(log_mel, begin + np.arange(length))
  return strip, (starts - begin).astype(np.int32)


def examples_of_strip(strip, offsets):
  """Returns the examples [n, 64, 64] of a strip [length, 64] at offsets [n].

  For NumPy and JAX arrays; `jax.vmap` makes it one of batches.
  """
  return strip[_rows(offsets)]


def _rows(starts):
  return starts[:, None] + np.arange(EXAMPLE_FRAMES)


def _frames_or_silence(log_mel, indices):
  result = np.full((*indices.shape, MEL_BANDS), SILENCE, np.float32)
  inside = (indices >= 0) & (indices < len(log_mel))
  result[inside] = log_mel[indices[inside]]
  return result
