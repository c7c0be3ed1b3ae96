"""The tables of a report."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from dave_jax.report import paper
from dave_jax.report.anova import Anova, Design, anova
from dave_jax.report.runs import Run
from dave_jax.report.table import Table
from dave_jax.report.time_curve import share_better
from dave_jax.scoring.settings import CONTEXTUAL, LOWER_IS_BETTER

_SHOWN = {'AUC_Judd': 'AUC-J', 'AUC_Borji': 'AUC-B'}
_ALL = 'all'
# Headings of `anova.Pair`.
_PAIR = ('first', 'second', 'difference', '95% low', '95% high', 'p', 'd')


def overall_table(runs: Sequence[Run]) -> Table:
  """Returns the means of every run, and the paper's Table 3 below."""
  names = _plain(runs[0].metrics['scores'])
  rows = [
    [run.name, *(_number(run.metrics['overall'][name]) for name in names)]
    for run in runs
  ]
  theirs = [
    [f'{name} (paper)', *_paper_row(scores, names)]
    for name, scores in paper.OVERALL.items()
  ]
  return Table(
    name='overall',
    title=f'Scores on {_data(runs[0])}; below, those of the paper on DAVoS',
    columns=['model', *map(shown, names)],
    rows=rows + theirs,
    groups=(len(rows), len(theirs)),
    best=_best(names),
  )


def spread_table(runs: Sequence[Run]) -> Table | None:
  """Returns the spread of what is drawn at random; None where nothing is."""
  names = _plain(runs[0].metrics['scores'])
  rows = [
    [run.name, *(_number(run.metrics['overall']['spread'][n]) for n in names)]
    for run in runs
    if 'spread' in run.metrics['overall']
  ]
  if not rows:
    return None
  return Table(
    name='spread',
    title='Standard deviation of the mean score over repeated random splits',
    columns=['model', *map(shown, names)],
    rows=rows,
  )


def category_table(runs: Sequence[Run]) -> Table | None:
  """Returns the means of each category, with those of Tables 4 and 5.

  None where nothing is sorted.
  """
  names = _plain(runs[0].metrics['scores'])
  rows, groups = [], []
  for category in runs[0].categories:
    before = len(rows)
    for run in runs:
      entry = run.metrics['categories'][category]
      scores = [_number(entry[name]) for name in names]
      rows.append([category, entry['videos'], run.name, *scores])
    groups.append(len(rows) - before)
    theirs = paper.CATEGORIES.get(category, {})
    rows += [
      [category, None, f'{name} (paper)', *_paper_row(scores, names)]
      for name, scores in theirs.items()
    ]
    groups += [len(theirs)] if theirs else []
  if not rows:
    return None
  return Table(
    name='categories',
    title=f'Scores per category of {_data(runs[0])}',
    columns=['category', 'videos', 'model', *map(shown, names)],
    rows=rows,
    groups=groups,
    best={column + 2: low for column, low in _best(names).items()},
  )


def contextual_table(runs: Sequence[Run]) -> Table | None:
  """Returns NSS at the sound source, in the rest and in the whole frame."""
  names = [name for name in CONTEXTUAL if name in runs[0].metrics['scores']]
  if not names:
    return None
  rows = [
    [run.name, *(_number(run.metrics['overall'][name]) for name in names)]
    for run in runs
  ]
  return Table(
    name='contextual',
    title='NSS over fixations of the sound source, the rest, the whole frame',
    columns=['model', 'sound source', 'rest', 'whole frame'],
    rows=rows,
    best=dict.fromkeys((1, 2, 3), False),
  )


def share_table(runs: Sequence[Run], score: str) -> Table | None:
  """Returns in what share of frames the model of a row beats that of a column.

  None for a single run.
  """
  if len(runs) < 2:
    return None
  lower = score in LOWER_IS_BETTER
  frames = [[video.score(score) for video in run.videos] for run in runs]
  rows = [
    [
      run.name,
      *(
        None if other is own else share_better(own, other, lower=lower)[0]
        for other in frames
      ),
    ]
    for run, own in zip(runs, frames, strict=True)
  ]
  return Table(
    name='share',
    title=f'Share of frames in which the row beats the column ({score})',
    columns=['', *(run.name for run in runs)],
    rows=rows,
    digits=3,
  )


def video_table(runs: Sequence[Run], score: str) -> Table:
  """Returns a score of every video and run."""
  videos = runs[0].metrics['videos']
  rows = [
    [
      name,
      entry['category'],
      *(_number(run.metrics['videos'][name][score]) for run in runs),
    ]
    for name, entry in videos.items()
  ]
  return Table(
    name='videos',
    title=f'{score} of every video',
    columns=['video', 'category', *(run.name for run in runs)],
    rows=rows,
  )


def anova_tables(
  runs: Sequence[Run], design: Design
) -> tuple[Table | None, Table | None, list[str]]:
  """Returns the analyses of variance, the pairs, and what was not analysed.

  Each score, over all videos and in each category, with the models as the
  factor and videos as units.
  """
  if len(runs) < 2:
    return None, None, ['one run alone has nothing to be compared with']
  rows, pairs, left_out = [], [], defaultdict(list)
  names = _plain(runs[0].metrics['scores'])
  for category in (None, *runs[0].categories):
    place = category or _ALL
    for name in names:
      scores = {run.name: run.of_videos(name, category) for run in runs}
      units = int(np.all([~np.isnan(v) for v in scores.values()], axis=0).sum())
      if units < 2:
        left_out[place, units].append(name)
        continue
      found = anova(scores, design=design)
      rows.append([place, name, *_anova_row(found)])
      pairs += [
        [place, name, *dataclasses.astuple(pair)] for pair in found.pairs
      ]
  reasons = [
    f'{place}, {", ".join(map(shown, names))}: videos with a score of every '
    f'model: {units}, wanted two or more'
    for (place, units), names in left_out.items()
  ]
  if not rows:
    return None, None, reasons
  effects = ['partial eta2', 'generalised eta2', 'epsilon']
  corrected = 'paired t-tests, p after Holm'
  if design == 'independent':
    effects = ['eta2', 'omega2']
    corrected = "Tukey's honest significant difference"
  head = ['category', 'score']
  return (
    Table(
      name='anova',
      title=f'Analysis of variance over videos, models as factor ({design})',
      columns=[*head, 'videos', 'F', 'df', 'p', *effects],
      rows=rows,
      digits=3,
      p_values=(5,),
    ),
    Table(
      name='pairs',
      title=f'Models compared by twos ({corrected}); d is the effect size',
      columns=[*head, *_PAIR],
      rows=pairs,
      digits=3,
      p_values=(7,),
    ),
    reasons,
  )


def _anova_row(found: Anova):
  degrees = f'{found.between}, {found.error}'
  return [
    found.units,
    found.f,
    degrees,
    found.p,
    *found.effects.values(),
  ]


def shown(name: str) -> str:
  """Returns a score's name as tables print it."""
  return _SHOWN.get(name, name)


def _plain(names):
  return [name for name in names if name not in CONTEXTUAL]


def _number(value):
  return float('nan') if value is None else float(value)


def _paper_row(scores, names):
  known = dict(zip(paper.SCORES, scores, strict=True))
  return [known.get(name) for name in names]


def _best(names):
  return {
    column: name in LOWER_IS_BETTER for column, name in enumerate(names, 1)
  }


def _data(run):
  data = run.metrics['run']['data']
  return f'{data["set"]}, {data["split"]}'
