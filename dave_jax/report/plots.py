"""Figures of scores: over time, distributions, categories, sound sources."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from dave_jax.report.runs import Run
from dave_jax.report.style import COLUMN, WIDTH, colour, new_figure
from dave_jax.report.tables import shown
from dave_jax.report.time_curve import POINTS, mean_curve, resample, smoothed
from dave_jax.scoring.settings import CONTEXTUAL

_SMOOTH = 21  # Points of the running mean, 2% of a video.
_BINS = 60


def time_curves(runs: Sequence[Run], score: str) -> Figure | None:
  """Draws a score over the course of the videos (the paper's figure 6).

  Each video is resampled to 1,000 points; drawn is the mean over videos,
  smoothed by a running mean of 21 points, with a band of one standard error. A
  single video is drawn over its time in seconds. None if no video has two
  frames.
  """
  if not any(len(video.frames) > 1 for video in runs[0].videos):
    return None
  with new_figure(WIDTH, 2.4) as figure:
    axes = figure.subplots()
    lone = len(runs[0].videos) == 1
    places = np.linspace(0, 100, POINTS)
    label = 'position in the video (%)'
    if lone and runs[0].videos[0].times[-1] > 0:
      places = np.linspace(*runs[0].videos[0].times[[0, -1]], POINTS)
      label = 'time (s)'
    for number, run in enumerate(runs):
      curves = [
        resample(video.times, video.score(score), POINTS)
        for video in run.videos
        if len(video.frames) > 1
      ]
      mean, error = mean_curve(curves)
      mean = smoothed(mean, _SMOOTH)
      axes.plot(places, mean, color=colour(number), label=run.name)
      if not np.isnan(error).any():
        error = smoothed(error, _SMOOTH)
        axes.fill_between(
          places,
          mean - error,
          mean + error,
          color=colour(number),
          alpha=0.2,
          linewidth=0,
        )
    axes.set_xlabel(label)
    axes.set_ylabel(shown(score))
    axes.margins(x=0)
    figure.legend(loc='outside upper center', ncols=min(len(runs), 5))
    return figure


def distribution(runs: Sequence[Run], score: str) -> Figure | None:
  """Draws the distribution of a score over frames (the paper's figure 10).

  None if no frame has the score.
  """
  values = [
    np.concatenate([video.score(score) for video in run.videos]) for run in runs
  ]
  values = [v[~np.isnan(v)] for v in values]
  if not any(len(v) for v in values):
    return None
  every = np.concatenate(values)
  low, high = np.percentile(every, [0.1, 99.9])
  # Frames beyond are counted in the outermost bins.
  edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
  with new_figure(COLUMN, 2.3) as figure:
    axes = figure.subplots()
    for number, (run, own) in enumerate(zip(runs, values, strict=True)):
      if not len(own):
        continue
      counts, _ = np.histogram(np.clip(own, edges[0], edges[-1]), edges)
      axes.stairs(
        100 * counts / len(own),
        edges,
        color=colour(number),
        label=f'{run.name} ({own.mean():.2f})',
      )
      axes.axvline(
        own.mean(), color=colour(number), linewidth=0.8, linestyle=':'
      )
    axes.set_xlabel(f'{shown(score)} of a frame')
    axes.set_ylabel('frames (%)')
    axes.set_ylim(bottom=0)
    figure.legend(loc='outside upper center', ncols=2)
    return figure


def categories(runs: Sequence[Run], score: str) -> Figure | None:
  """Draws a score per category: means over videos, 95% confidence intervals.

  None without categories.
  """
  names = runs[0].categories
  if not names:
    return None
  groups = {
    name: [run.of_videos(score, name) for run in runs] for name in names
  }
  labels = [f'{name} ({len(groups[name][0])})' for name in names]
  return _bars(runs, labels, list(groups.values()), shown(score))


def contextual(runs: Sequence[Run]) -> Figure | None:
  """Draws NSS at the sound source, elsewhere and in the whole (figure 9).

  None if the runs have no boxes.
  """
  if not set(CONTEXTUAL) <= set(runs[0].metrics['scores']):
    return None
  groups = [[run.of_videos(name, None) for run in runs] for name in CONTEXTUAL]
  return _bars(
    runs, ['sound source', 'elsewhere', 'whole frame'], groups, 'NSS'
  )


def _bars(runs, labels, groups, unit):
  """Draws a group of bars for each label, with one bar for each run."""
  with new_figure(
    max(COLUMN, min(WIDTH, 1.3 * len(labels) + 1)), 2.4
  ) as figure:
    axes = figure.subplots()
    width = 0.8 / len(runs)
    for number, run in enumerate(runs):
      means, errors = [], []
      for group in groups:
        known = group[number][~np.isnan(group[number])]
        means.append(known.mean() if len(known) else np.nan)
        half = np.nan
        if len(known) > 1:
          half = stats.t.ppf(0.975, len(known) - 1) * stats.sem(known)
        errors.append(half)
      axes.bar(
        np.arange(len(labels)) + (number + 0.5) * width - 0.4,
        means,
        0.9 * width,
        yerr=errors,
        color=colour(number),
        label=run.name,
        error_kw={'linewidth': 0.8, 'ecolor': '#333333'},
      )
    axes.set_xticks(np.arange(len(labels)), labels)
    axes.tick_params(axis='x', length=0)
    axes.axhline(0, color='black', linewidth=0.6)
    axes.spines['bottom'].set_visible(False)
    axes.set_ylabel(unit)
    figure.legend(loc='outside upper center', ncols=3)
    return figure
