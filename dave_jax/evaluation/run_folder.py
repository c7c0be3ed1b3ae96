"""The folder of an evaluation: what identifies it, and its finished videos."""

import json
import os
import pathlib
import shutil
import urllib.parse

from dave_jax.evaluation.video_scores import VideoScores, load_video_scores
from dave_jax.files import write_json

METRICS = 'metrics.json'
_RUN = 'run.json'
_VIDEOS = 'videos'


class RunFolder:
  """Keeps the scores of finished videos, for several processes at once.

  `run.json` says what is evaluated and how, `videos/NAME.npz` holds the scores
  of a finished video, and `metrics.json` is written when all are there.
  """

  def __init__(
    self, folder: str | os.PathLike, heading: dict, *, overwrite: bool
  ):
    """Opens a folder, or makes it.

    Args:
      folder: Where.
      heading: What is evaluated and how, as JSON has it: equal headings, equal
        scores.
      overwrite: Removes an earlier evaluation of another heading.

    Raises:
      ValueError: It holds another evaluation.
      FileExistsError: It holds something else.
    """
    self.folder = pathlib.Path(folder)
    self.heading = json.loads(json.dumps(heading))
    path = self.folder / _RUN
    if path.exists():
      earlier = json.loads(path.read_text())
      if earlier != self.heading:
        if not overwrite:
          raise ValueError(
            f'{self.folder}: holds the evaluation of another run '
            f'({_difference(earlier, self.heading)}); name another folder, or '
            'use --overwrite'
          )
        self._remove()
    elif self.folder.exists():
      # Other processes may be writing theirs, under names with a dot.
      foreign = sorted(
        path.name
        for path in self.folder.iterdir()
        if path.name not in (_VIDEOS, METRICS) and path.name[0] != '.'
      )
      if foreign and not path.exists():
        raise FileExistsError(
          f'{self.folder}: holds {foreign[0]}, which no evaluation wrote; name '
          'another folder'
        )
    (self.folder / _VIDEOS).mkdir(parents=True, exist_ok=True)
    write_json(path, self.heading)

  def done(self, clip: str) -> VideoScores | None:
    """Returns the scores of a finished video; None if it is not finished."""
    path = self._path(clip)
    return load_video_scores(path) if path.exists() else None

  def add(self, scores: VideoScores) -> None:
    """Keeps the scores of a video."""
    scores.save(self._path(scores.clip))

  def finish(self, metrics: dict) -> None:
    """Writes `metrics.json`."""
    write_json(self.folder / METRICS, metrics)

  def _path(self, clip):
    return self.folder / _VIDEOS / f'{urllib.parse.quote(clip, safe="")}.npz'

  def _remove(self):
    shutil.rmtree(self.folder / _VIDEOS, ignore_errors=True)
    for name in (METRICS, _RUN):
      (self.folder / name).unlink(missing_ok=True)


def scores_of_folder(folder: str | os.PathLike) -> dict[str, VideoScores]:
  """Returns {clip: scores} of the finished videos of an evaluation."""
  paths = sorted((pathlib.Path(folder) / _VIDEOS).glob('[!.]*.npz'))
  found = [load_video_scores(path) for path in paths]
  return {scores.clip: scores for scores in found}


def _difference(then, now):
  keys = [key for key in now | then if then.get(key) != now.get(key)]
  return '; '.join(
    f'{key}: {then.get(key)} then, {now.get(key)} now' for key in keys
  )
