"""What sound adds: networks that hear against networks that do not."""

from collections.abc import Mapping, Sequence

import numpy as np

from dave_jax.report.runs import Run
from dave_jax.report.table import Table

_SCORES = ('NSS', 'CC')
_ALL = 'all'


def gain_table(
  hearing: Sequence[Run],
  seeing: Sequence[Run],
  swapped: Sequence[Run],
  score: str = 'NSS',
) -> Table:
  """Returns what sound adds to a score in each category.

  Args:
    hearing: The audio-visual networks, one of each seed.
    seeing: The video-only networks, of the same seeds.
    swapped: The audio-visual networks with the sound of other clips.
    score: Its name.

  Returns:
    Of each category: both scores, the gain, its standard deviation over seeds,
    what another clip's sound costs, and the share of the gain that this is.
  """
  rows = []
  for category in (*hearing[0].categories, None):
    heard, seen, other = (
      _of_seeds(runs, score, category) for runs in (hearing, seeing, swapped)
    )
    gain, cost = (heard - seen).mean(), (heard - other).mean()
    rows.append(
      [
        category or _ALL,
        float(heard.mean()),
        float(seen.mean()),
        float(gain),
        _deviation(heard - seen),
        float(cost),
        float(cost / gain) if gain > 0 else None,
      ]
    )
  return Table(
    name='sound_gain',
    title=f'{score} with sound and without',
    columns=[
      'category',
      'audio-visual',
      'video only',
      'gain',
      'sd over seeds',
      "lost with another clip's sound",
      'share of the gain',
    ],
    rows=rows,
    digits=2,
  )


def seeds_table(models: Mapping[str, Sequence[Run]]) -> Table:
  """Returns mean and standard deviation over seeds, of models by name."""
  runs = next(iter(models.values()))
  rows = []
  for category in (*runs[0].categories, None):
    for name, of_seeds in models.items():
      row = [category or _ALL, name, len(of_seeds)]
      for score in _SCORES:
        values = _of_seeds(of_seeds, score, category)
        row += [float(values.mean()), _deviation(values)]
      rows.append(row)
  columns = ['category', 'model', 'seeds']
  for score in _SCORES:
    columns += [score, f'{score} sd']
  return Table(
    name='seeds',
    title='Means over seeds, and standard deviations',
    columns=columns,
    rows=rows,
    digits=2,
    groups=[len(models)] * (len(rows) // len(models)),
  )


def _of_seeds(runs, score, category):
  """Returns the mean over videos [seeds]."""
  return np.array([np.nanmean(run.of_videos(score, category)) for run in runs])


def _deviation(values):
  return float(values.std(ddof=1)) if len(values) > 1 else None
