"""Predicts videos, one after the other."""

import math
import os
import pathlib
import sys
import time
from collections.abc import Mapping

import av
from tqdm import tqdm

from dave_jax.buckets import is_bucket, local_file
from dave_jax.pages.gallery import write_gallery
from dave_jax.prediction.saliency_model import SaliencyModel
from dave_jax.prediction.settings import Settings
from dave_jax.prediction.video_job import Job

# The page of all predictions reads a file of each, so it is not written after
# every one of many short videos.
_SECONDS_BETWEEN_LISTS = 60


def predict_videos(
  model: SaliencyModel,
  folders: Mapping[str, pathlib.Path],
  settings: Settings,
  *,
  out: str | os.PathLike,
  batch_size: int,
  overwrite: bool,
  resume: bool,
) -> dict[str, str]:
  """Predicts videos, and writes the page that lists all predictions.

  Args:
    model: The network with its weights.
    folders: {video: folder of its results}.
    settings: What to write, and how.
    out: Folder of the page.
    batch_size, overwrite, resume: See `video_job.Job.run`.

  Returns:
    {video: error} of those that failed; the others are predicted.

  Raises:
    KeyboardInterrupt: The user stopped it; the page is written.
  """
  failures, listed = {}, -math.inf
  try:
    for video, folder in folders.items():
      try:
        with tqdm(desc=pathlib.Path(video).name, unit='frame') as progress:
          problems = _predict(
            Job(model, video, folder, settings),
            batch_size=batch_size,
            overwrite=overwrite,
            resume=resume,
            progress=progress,
          )
        for problem in problems:
          print(f'{video}: {problem}', file=sys.stderr)
        print(f'Written: {folder}', file=sys.stderr)
        if time.monotonic() - listed > _SECONDS_BETWEEN_LISTS:
          listed = _list_pages(out, quiet=True)
      except (ValueError, OSError, av.error.FFmpegError) as error:
        failures[video] = str(error)
        print(f'predict: {error}', file=sys.stderr)
  except KeyboardInterrupt:
    _list_pages(out)
    raise
  _list_pages(out)
  return failures


def _predict(job, **kwargs) -> list[str]:
  """Runs a job, on a temporary copy of its video if that is in a bucket."""
  video = job.video
  if not is_bucket(video):
    return job.run(**kwargs)
  if kwargs['resume'] and job.is_finished():
    return []
  with local_file(video) as copy:
    job.video = copy
    try:
      return job.run(**kwargs)
    except (ValueError, OSError, av.error.FFmpegError) as error:
      raise OSError(str(error).replace(copy, video)) from error


def _list_pages(out: str, *, quiet: bool = False) -> float:
  """Writes the page that lists all predictions in a folder.

  Args:
    out: The folder.
    quiet: Whether to say nothing about it.

  Returns:
    When it was written, by `time.monotonic`.
  """
  try:
    page, error = write_gallery(out), None
  except OSError as e:
    page, error = None, e
  if error is not None and not quiet:
    print(f'predict: {error}', file=sys.stderr)
  if page is not None and not quiet:
    print(f'To look at: {page}', file=sys.stderr)
  return time.monotonic()
