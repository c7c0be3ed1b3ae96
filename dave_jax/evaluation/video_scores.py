"""What an evaluation finds out about one video, and its file."""

import dataclasses
import os
import pathlib

import numpy as np

from dave_jax.files import write_atomically

MEAN_MAP = (72, 96)  # Height and width of mean maps and of examples.


@dataclasses.dataclass(frozen=True)
class Example:
  """A frame to look at.

  Attributes:
    frame: Its number, from 0.
    picture: The frame, JPEG.
    density, prediction: [72, 96], each summing to 1.
  """

  frame: int
  picture: bytes
  density: np.ndarray
  prediction: np.ndarray


@dataclasses.dataclass(frozen=True)
class VideoScores:
  """The scores of a video.

  Attributes:
    clip, category: Its name, and what it is sorted under ('' for nothing).
    names: The scores.
    frames: int64 [n], the frames that somebody looked at and the stride takes.
    times: [n], seconds from the start, by the mean rate.
    values: float64 [n, scores]; NaN where undefined.
    empty: How many frames of the video nobody looked at.
    missing: The frames that there is no map for.
    broken: The frames whose map holds NaN or infinity.
    prediction, density: [72, 96], means over the frames of maps that sum to 1.
    examples: A few frames.
    repeats: float64 [r, scores], the video's means in each repeat of what is
      drawn at random; None where nothing is.
  """

  clip: str
  category: str
  names: tuple[str, ...]
  frames: np.ndarray
  times: np.ndarray
  values: np.ndarray
  empty: int
  missing: tuple[int, ...]
  broken: tuple[int, ...]
  prediction: np.ndarray
  density: np.ndarray
  examples: tuple[Example, ...]
  repeats: np.ndarray | None

  def score(self, name: str) -> np.ndarray:
    """Returns the values [n] of a score, by its name."""
    return self.values[:, self.names.index(name)]

  def save(self, path: pathlib.Path) -> None:
    """Writes it as NPZ, whole or not at all."""
    arrays = {
      'clip': self.clip,
      'category': self.category,
      'names': list(self.names),
      'frames': self.frames,
      'times': self.times,
      'values': self.values,
      'empty': self.empty,
      'missing': np.array(self.missing, np.int64),
      'broken': np.array(self.broken, np.int64),
      'prediction': self.prediction,
      'density': self.density,
      'examples': np.array([e.frame for e in self.examples], np.int64),
    }
    if self.repeats is not None:
      arrays['repeats'] = self.repeats
    for place, example in enumerate(self.examples):
      arrays[f'picture_{place}'] = np.frombuffer(example.picture, np.uint8)
      arrays[f'density_{place}'] = example.density
      arrays[f'prediction_{place}'] = example.prediction
    with write_atomically(path) as partial:
      np.savez(partial, **arrays)


def load_video_scores(path: str | os.PathLike) -> VideoScores:
  """Reads what `VideoScores.save` wrote.

  Raises:
    ValueError: It is no such file.
    OSError: It cannot be read.
  """
  try:
    with np.load(path, allow_pickle=False) as arrays:
      return VideoScores(
        clip=str(arrays['clip']),
        category=str(arrays['category']),
        names=tuple(arrays['names'].tolist()),
        frames=arrays['frames'],
        times=arrays['times'],
        values=arrays['values'],
        empty=int(arrays['empty']),
        missing=tuple(arrays['missing'].tolist()),
        broken=tuple(arrays['broken'].tolist()),
        prediction=arrays['prediction'],
        density=arrays['density'],
        examples=tuple(
          Example(
            frame=frame,
            picture=arrays[f'picture_{place}'].tobytes(),
            density=arrays[f'density_{place}'],
            prediction=arrays[f'prediction_{place}'],
          )
          for place, frame in enumerate(arrays['examples'].tolist())
        ),
        repeats=arrays.get('repeats', None),
      )
  except (ValueError, KeyError) as error:
    raise ValueError(
      f'{path}: holds no scores of a video ({error}); delete it and evaluate '
      'again'
    ) from error
