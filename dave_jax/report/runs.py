"""Finished evaluations, read to be compared."""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from dave_jax.evaluation.run_folder import VideoScores, read_metrics, read_video
from dave_jax.evaluation.summary import FORMAT, UNCATEGORISED

# What scores of two runs must have in common to be compared.
_COMPARED = ('data', 'settings', 'mean_eye_position', 'boxes')


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished evaluation.

  Attributes:
    name: What tables call it.
    metrics: `metrics.json`, see `evaluation.summary`.
    folder: Of its videos' scores.
  """

  name: str
  metrics: dict
  folder: pathlib.Path

  @functools.cached_property
  def videos(self) -> list[VideoScores]:
    """The scores of its videos, in the data set's order."""
    return [read_video(self.folder, name) for name in self.metrics['videos']]

  def of_videos(self, score: str, category: str | None) -> np.ndarray:
    """Returns a score of each video [n], NaN where it has none.

    Args:
      score: Its name.
      category: Whose videos; None is all.
    """
    values = [
      entry[score]
      for entry in self.metrics['videos'].values()
      if category in (None, entry['category'] or UNCATEGORISED)
    ]
    return np.array([np.nan if v is None else v for v in values], np.float64)

  @property
  def categories(self) -> list[str]:
    """Names of the categories; none where nothing is sorted."""
    names = list(self.metrics['categories'])
    return [] if names == [UNCATEGORISED] else names


def read_runs(folders: Sequence[str | os.PathLike]) -> list[Run]:
  """Reads evaluations that can be compared with each other.

  Raises:
    ValueError: One is given twice or not finished, two have one name, or they
      differ in data or settings.
    OSError: One cannot be read.
  """
  paths = [pathlib.Path(folder) for folder in folders]
  resolved = [path.resolve() for path in paths]
  for place, path in enumerate(resolved):
    if path in resolved[:place]:
      raise ValueError(f'{paths[place]} is given twice; leave one out')
  runs = [_read(path) for path in paths]
  for place, run in enumerate(runs):
    for other in runs[:place]:
      if other.name == run.name:
        raise ValueError(
          f"{other.folder} and {run.folder} are both called '{run.name}'; "
          'evaluate one again with another --name'
        )
  first = runs[0]
  for run in runs[1:]:
    differ = [
      f'{key}: {_shown(first, key)} and {_shown(run, key)}'
      for key in _COMPARED
      if first.metrics['run'][key] != run.metrics['run'][key]
    ]
    if differ:
      raise ValueError(
        f'{first.folder} and {run.folder} cannot be compared; evaluate both '
        f'alike: {"; ".join(differ)}'
      )
  return runs


def _read(folder):
  metrics = read_metrics(folder)
  if not isinstance(metrics, dict) or metrics.get('format') != FORMAT:
    raise ValueError(
      f"{folder}/metrics.json: expected the format '{FORMAT}'; evaluate again"
    )
  return Run(metrics['run']['name'], metrics, folder)


def _shown(run, key):
  return json.dumps(run.metrics['run'][key])
