"""The folder of an evaluation: the scores of each finished video.

OUT/run.json          what is evaluated and how
OUT/videos/NAME.npz   the scores of a finished video
OUT/clips/            maps and videos, with --keep_maps (`kept_clips`)
OUT/metrics.json      mean scores, once all videos are finished
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import urllib.parse
import zipfile

import numpy as np

from dave_jax.files import write_atomically, write_json

METRICS = 'metrics.json'
MEAN_MAP = (72, 96)  # Height and width of mean maps and of examples.
_RUN = 'run.json'
_VIDEOS = 'videos'
_CLIPS = 'clips'
_LONGEST_NAME = 200  # Bytes; file systems allow 255, with suffixes.


@dataclasses.dataclass(frozen=True)
class Example:
  """A frame shown in reports.

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
    clip, category: Its name and category ('' for none).
    size: Height and width of the original.
    names: The scores.
    frames: int64 [n], the scored frames: fixated, and taken by the stride.
    times: [n], their time stamps, in seconds on the axis of the sound.
    values: float64 [n, scores]; NaN where undefined.
    empty: Number of frames of the video without fixations.
    missing: Frames without a map.
    broken: Frames whose map contains NaN or infinity.
    prediction, density: [72, 96], means over the frames of maps that sum to 1.
    examples: A few frames.
    repeats: float64 [r, scores], the video's means in each random repeat; None
      without repeats.
  """

  clip: str
  category: str
  size: tuple[int, int]
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
    """Returns the values [n] of a score."""
    return self.values[:, self.names.index(name)]


class RunFolder:
  """Keeps the scores of finished videos; several processes may share it.

  Opening it deletes nothing: the scores of a video carry the digest of the
  heading they were computed with, and those of another heading are ignored
  until they are replaced. A process that starts late therefore cannot delete
  what another has just scored.
  """

  def __init__(
    self, folder: str | os.PathLike, heading: dict, *, overwrite: bool
  ):
    """Opens or creates the folder.

    Args:
      folder: Its path.
      heading: What is evaluated and how, JSON-serialisable: equal headings
        give equal scores.
      overwrite: Whether to replace an evaluation with another heading.

    Raises:
      ValueError: It holds an evaluation with another heading.
      FileExistsError: It holds something else.
    """
    self.folder = pathlib.Path(folder)
    self.heading = json.loads(json.dumps(heading))
    self._digest = digest_of(self.heading)
    path = self.folder / _RUN
    if path.exists():
      earlier = _read_json(path)
      # A run that failed before its first video blocks nothing.
      empty = not any((self.folder / _VIDEOS).glob('[!.]*'))
      if earlier != self.heading and not overwrite and not empty:
        raise ValueError(
          f'{self.folder}: holds the evaluation of another run '
          f'({_difference(earlier, self.heading)}); choose another folder, or '
          'use --overwrite'
        )
    elif self.folder.exists():
      # Other processes may be writing files whose names begin with a dot.
      foreign = sorted(
        entry.name
        for entry in self.folder.iterdir()
        if entry.name not in (_RUN, _VIDEOS, _CLIPS, METRICS)
        and entry.name[0] != '.'
      )
      if foreign:
        raise FileExistsError(
          f'{self.folder}: holds {foreign[0]}, which no evaluation wrote; '
          'choose another folder'
        )
    (self.folder / _VIDEOS).mkdir(parents=True, exist_ok=True)
    write_json(path, self.heading)

  def done(self, clip: str) -> VideoScores | None:
    """Returns the scores of a video; None if it is not finished."""
    path = _video_path(self.folder, clip)
    return _load(path, self._digest) if path.exists() else None

  def add(self, scores: VideoScores) -> None:
    """Writes the scores of a video, atomically."""
    _save(_video_path(self.folder, scores.clip), scores, self._digest)

  def finish(self, metrics: dict) -> None:
    """Writes `metrics.json`, atomically."""
    write_json(self.folder / METRICS, metrics)


def read_metrics(folder: str | os.PathLike) -> dict:
  """Reads `metrics.json` of a finished evaluation.

  Raises:
    FileNotFoundError: The evaluation is not finished.
    ValueError: The file is not JSON.
  """
  path = pathlib.Path(folder) / METRICS
  if not path.exists():
    raise FileNotFoundError(
      f'{path} is missing; run the evaluation again to finish it'
    )
  try:
    metrics = json.loads(path.read_text())
  except json.JSONDecodeError as error:
    raise ValueError(
      f'{path}: expected JSON, got {error}; evaluate again'
    ) from error
  run = path.with_name(_RUN)
  if (
    isinstance(metrics, dict)
    and run.exists()
    and metrics.get('run') != _read_json(run)
  ):
    raise FileNotFoundError(
      f'{path} is of an earlier run; run the evaluation that replaced it again '
      'to finish it'
    )
  return metrics


def read_video(folder: str | os.PathLike, clip: str) -> VideoScores:
  """Reads the scores of a video of a finished evaluation."""
  return _load(_video_path(pathlib.Path(folder), clip))


def clip_path(folder: pathlib.Path, clip: str, suffix: str) -> pathlib.Path:
  """Returns the path of what is kept of a clip, 'npz' or 'mp4'."""
  return folder / _CLIPS / f'{_file_name(clip)}.{suffix}'


def digest_of(heading: dict) -> str:
  """Returns what identifies the heading of an evaluation."""
  text = json.dumps(heading, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def _video_path(folder, clip):
  return folder / _VIDEOS / f'{_file_name(clip)}.npz'


def _file_name(clip):
  name = urllib.parse.quote(clip, safe='')
  if len(name) > _LONGEST_NAME:
    digest = hashlib.sha256(clip.encode(errors='surrogateescape')).hexdigest()
    name = f'{name[: _LONGEST_NAME - 20]}-{digest[:16]}'
  return name


def _save(path, scores, digest):
  arrays = {
    field.name: getattr(scores, field.name)
    for field in dataclasses.fields(scores)
    if field.name not in ('examples', 'repeats')
  }
  arrays |= {
    'run': digest,
    'missing': np.array(scores.missing, np.int64),
    'broken': np.array(scores.broken, np.int64),
    'examples': np.array([e.frame for e in scores.examples], np.int64),
  }
  if scores.repeats is not None:
    arrays['repeats'] = scores.repeats
  for index, example in enumerate(scores.examples):
    arrays[f'picture_{index}'] = np.frombuffer(example.picture, np.uint8)
    arrays[f'density_{index}'] = example.density
    arrays[f'prediction_{index}'] = example.prediction
  with write_atomically(path) as partial:
    np.savez(partial, **arrays)


def _load(path, digest=None) -> VideoScores | None:
  """Reads scores; None if they are of a run with another digest."""
  try:
    with np.load(path, allow_pickle=False) as arrays:
      if digest is not None and arrays['run'] != digest:
        return None
      return VideoScores(
        clip=str(arrays['clip']),
        category=str(arrays['category']),
        size=tuple(arrays['size'].tolist()),
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
            picture=arrays[f'picture_{index}'].tobytes(),
            density=arrays[f'density_{index}'],
            prediction=arrays[f'prediction_{index}'],
          )
          for index, frame in enumerate(arrays['examples'].tolist())
        ),
        repeats=arrays.get('repeats', None),
      )
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise ValueError(
      f'{path}: expected the scores of a video, got {error}; delete the file '
      'and evaluate again'
    ) from error


def _read_json(path):
  return json.loads(path.read_text())


def _difference(then, now):
  keys = [key for key in now | then if then.get(key) != now.get(key)]
  return '; '.join(
    f'{key}: {then.get(key)} then, {now.get(key)} now' for key in keys
  )
