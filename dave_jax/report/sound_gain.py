"""What sound adds: audio-visual networks against video-only ones."""

from collections.abc import Mapping, Sequence

import numpy as np

from dave_jax.report.anova import anova
from dave_jax.report.bootstrap import Bootstrap, interval
from dave_jax.report.runs import Run
from dave_jax.report.table import Table

_SCORES = ('NSS', 'CC')
_ALL = 'all'


def gain_table(
  audio_visual: Sequence[Run],
  video_only: Sequence[Run],
  swapped: Sequence[Run],
  score: str = 'NSS',
) -> Table:
  """Returns the gain in a score from sound, in each category.

  Args:
    audio_visual: The audio-visual networks, one for each seed.
    video_only: The video-only networks of the same seeds.
    swapped: The audio-visual networks, with the sound of other clips.
    score: The name of the score.

  Returns:
    A row for each category: both scores, the gain and its standard deviation
    over seeds, the loss with another clip's sound, and this loss as a share of
    the gain.
  """
  rows = []
  for category in (*audio_visual[0].categories, None):
    both, video, other = (
      _of_seeds(runs, score, category)
      for runs in (audio_visual, video_only, swapped)
    )
    gain, loss = (both - video).mean(), (both - other).mean()
    rows.append(
      [
        category or _ALL,
        float(both.mean()),
        float(video.mean()),
        float(gain),
        _deviation(both - video),
        float(loss),
        float(loss / gain) if gain > 0 else None,
      ]
    )
  return Table(
    name='sound_gain',
    title=f'{score} with and without sound',
    note=f'Means over {len(audio_visual)} seeds; sd is the standard deviation.',
    columns=[
      'category',
      'audio-visual',
      'video only',
      'gain',
      'sd over seeds',
      "loss with another clip's sound",
      'loss / gain',
    ],
    rows=rows,
    digits=2,
  )


def differences_table(
  models: Mapping[str, Sequence[Run]],
  pairs: Sequence[tuple[str, str, str]],
  bootstrap: Bootstrap,
  score: str = 'NSS',
) -> Table:
  """Returns differences between models, with intervals and tests.

  Args:
    models: {name: runs}, one run for each seed, the same seeds for each name.
    pairs: (what the difference shows, first model, second model).
    bootstrap: How intervals are computed.
    score: The name of the score.

  Returns:
    For each category, a row with p of the analysis of variance over videos of
    all models in `pairs`, their scores averaged over seeds (see `anova.anova`);
    then a row for each pair: the number of videos, the mean difference, its
    interval over videos and seeds, and p of the paired t-test that follows.
  """
  names = list(dict.fromkeys(name for _, *pair in pairs for name in pair))
  seeds = len(models[names[0]])
  rows = []
  for category in (*models[names[0]][0].categories, None):
    scores = {
      name: np.array([run.of_videos(score, category) for run in models[name]])
      for name in names
    }
    of_all, of_pairs = _p_values(
      {name: x.mean(axis=0) for name, x in scores.items()}
    )
    place, count = category or _ALL, scores[names[0]].shape[1]
    what = f'{len(names)} models'
    rows.append([place, 'any difference', what, count, *[None] * 3, of_all])
    for shows, first, second in pairs:
      difference = scores[first] - scores[second]
      rows.append(
        [
          place,
          shows,
          f'{first} - {second}',
          count,
          float(np.nanmean(difference)),
          *interval(difference, bootstrap),
          of_pairs.get(frozenset((first, second))),
        ]
      )
  level = f'{100 * bootstrap.level:g}%'
  return Table(
    name='sound_differences',
    title=f'Differences in {score}, and whether they are significant',
    note=f'Intervals ({level}) are of a bootstrap of {bootstrap.resamples} '
    f'resamples of {seeds} seeds and, independently, of the clips. p is that '
    'of the analysis of variance over clips (repeated measures, scores '
    'averaged over seeds) and of the paired t-tests that follow, with the '
    f'correction of Holm for every two of {len(names)} models.',
    columns=[
      'category',
      'shows',
      'difference',
      'clips',
      'mean',
      f'{level} low',
      f'{level} high',
      'p',
    ],
    rows=rows,
    digits=2,
    p_values=(7,),
    groups=[len(pairs) + 1] * (len(rows) // (len(pairs) + 1)),
  )


def _p_values(scores):
  """Returns p of all models, None for a single video, and {two names: p}."""
  known = ~np.isnan(list(scores.values())).any(axis=0)
  if known.sum() < 2:
    return None, {}
  found = anova(scores, design='repeated')
  pairs = {frozenset((x.first, x.second)): x.p for x in found.pairs}
  return found.p, pairs


def seeds_table(models: Mapping[str, Sequence[Run]]) -> Table:
  """Returns means and standard deviations over seeds of {name: runs}."""
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
    title='Mean scores and standard deviations (sd) over seeds',
    columns=columns,
    rows=rows,
    digits=2,
    groups=[len(models)] * (len(rows) // len(models)),
  )


def _of_seeds(runs, score, category):
  """Returns the mean over videos for each seed [seeds]."""
  return np.array([np.nanmean(run.of_videos(score, category)) for run in runs])


def _deviation(values):
  return float(values.std(ddof=1)) if len(values) > 1 else None
