"""Reads finished evaluations to compare them."""

import collections
import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from dave_jax.datasets.schema import GAZE_KINDS
from dave_jax.evaluation.options import BASELINES
from dave_jax.evaluation.run_folder import VideoScores, read_metrics, read_video
from dave_jax.evaluation.summary import FORMAT, UNCATEGORISED
from dave_jax.scoring.settings import LOWER_IS_BETTER

# What runs must share to be compared.
_COMPARED = ('data', 'settings', 'mean_eye_position', 'boxes')
# Settings of a network that runs may differ in: (key, default, text).
_DIFFERENCES = (
  (
    'sound',
    'own',
    {'other': 'other sound', 'none': 'no sound', 'shifted': 'shifted sound'},
  ),
  ('alignment', 'exact', {'causal': 'causal'}),
  ('dtype', 'float32', {'bfloat16': 'bfloat16'}),
)


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished evaluation.

  Attributes:
    name: Its name in tables.
    metrics: `metrics.json`, see `evaluation.summary`.
    folder: The folder of the evaluation.
  """

  name: str
  metrics: dict
  folder: pathlib.Path

  @functools.cached_property
  def videos(self) -> list[VideoScores]:
    """The scores of its videos, in the order of the data set."""
    return [read_video(self.folder, name) for name in self.metrics['videos']]

  def of_videos(self, score: str, category: str | None) -> np.ndarray:
    """Returns a score of each video [n]; NaN where undefined.

    Args:
      score: Its name.
      category: Only videos of this category; None is all.
    """
    values = [
      entry[score]
      for entry in self.metrics['videos'].values()
      if category in (None, entry['category'] or UNCATEGORISED)
    ]
    return np.array([np.nan if v is None else v for v in values], np.float64)

  def in_category(self, category: str | None) -> list[VideoScores]:
    """Returns the scores of the videos of a category; None is all."""
    entries = self.metrics['videos'].values()
    return [
      video
      for video, entry in zip(self.videos, entries, strict=True)
      if category in (None, entry['category'] or UNCATEGORISED)
    ]

  def best_and_worst(
    self, score: str, category: str | None
  ) -> list[tuple[float, VideoScores]]:
    """Returns the videos with the best and the worst mean score.

    Args:
      score: Its name.
      category: Only videos of this category; None is all.

    Returns:
      (mean score, video) of the best and the worst; of the only one; or [] if
      no video has the score.
    """
    videos = [
      (float(np.nanmean(video.score(score))), video)
      for video in self.in_category(category)
      if not np.isnan(video.score(score)).all()
    ]
    videos.sort(key=lambda pair: pair[0], reverse=score not in LOWER_IS_BETTER)
    return [videos[0], videos[-1]] if len(videos) > 1 else videos

  @property
  def categories(self) -> list[str]:
    """Names of the categories; empty if no video has one."""
    names = list(self.metrics['categories'])
    return [] if names == [UNCATEGORISED] else names

  @property
  def data(self) -> str:
    """The data set and split, without the settings of the build."""
    data = self.metrics['run']['data']
    name, _, config = data['set'].partition('/')
    config = config.split('_')[0]
    parts = [name] if config in ('', 'default') else [name, config]
    return f'{"/".join(parts)}, {data["split"]}'

  @property
  def gaze(self) -> str:
    """How the gaze of the data was recorded."""
    kinds = self.metrics['run']['data'].get('gaze_kinds', [])
    return ' and '.join(GAZE_KINDS[kind] for kind in kinds) or 'gaze'

  @property
  def of_people(self) -> bool:
    """Whether it is the Human Infinite baseline: people, not a model."""
    source = self.metrics['run'].get('maps', {})
    return source.get('name') == BASELINES['human_infinite']


def read_runs(folders: Sequence[str | os.PathLike]) -> list[Run]:
  """Reads evaluations that can be compared with each other.

  Runs of one name are told apart by what differs between them, as in
  'network (other sound)', else by their folders.

  Args:
    folders: FOLDER or, to name the run, NAME=FOLDER.

  Raises:
    ValueError: A run is given twice, names are equal, or runs differ in data or
      settings.
    OSError: A run is unfinished or cannot be read.
  """
  runs, named = zip(*map(_read, folders), strict=True)
  paths = [run.folder.resolve() for run in runs]
  for place, path in enumerate(paths):
    if path in paths[:place]:
      raise ValueError(f'{folders[place]} is given twice; remove one')
  runs = _distinct(runs, named)
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
        f'with the same settings: {"; ".join(differ)}'
      )
  return runs


def _distinct(runs, named):
  """Returns the runs with distinct names; those of `named` runs are kept."""
  names = [run.name for run in runs]
  for suffix_of in (_differences, lambda run: run.folder.name):
    counts = collections.Counter(names)
    for place, run in enumerate(runs):
      name, suffix = names[place], suffix_of(run)
      if counts[name] > 1 and suffix and not named[place]:
        names[place] = f'{name} ({suffix})'
  for place, name in enumerate(names):
    if name in names[:place]:
      first, second = runs[names.index(name)].folder, runs[place].folder
      raise ValueError(
        f"{first} and {second} are both called '{name}'; name them, as "
        f'FIRST={first} SECOND={second}'
      )
  return [
    dataclasses.replace(run, name=name)
    for run, name in zip(runs, names, strict=True)
  ]


def _differences(run):
  """Returns how a network was run, where that is not the default."""
  source = run.metrics['run'].get('maps', {})
  return ', '.join(
    values.get(source[key], source[key])
    for key, default, values in _DIFFERENCES
    if source.get(key, default) != default
  )


def _read(argument):
  """Reads FOLDER or NAME=FOLDER; returns the run and whether it is named."""
  folder, name = pathlib.Path(argument), None
  if not folder.exists() and '=' in str(argument):
    name, _, path = str(argument).partition('=')
    folder = pathlib.Path(path)
  metrics = read_metrics(folder)
  if not isinstance(metrics, dict) or metrics.get('format') != FORMAT:
    raise ValueError(
      f"{folder}/metrics.json: expected the format '{FORMAT}'; evaluate again"
    )
  run = Run(name or metrics['run']['name'], metrics, folder)
  return run, name is not None


def _shown(run, key):
  return json.dumps(run.metrics['run'][key])
