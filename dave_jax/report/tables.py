"""The tables of a report."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from dave_jax.report import published
from dave_jax.report.anova import Design, anova, compact_letters
from dave_jax.report.runs import Run
from dave_jax.report.table import Table
from dave_jax.report.time_curve import share_better
from dave_jax.scoring.settings import CONTEXTUAL, LOWER_IS_BETTER

_SHOWN = {'AUC_Judd': 'AUC-J', 'AUC_Borji': 'AUC-B'}
_ALL = 'all'
_ALPHA = 0.05
# Headings of `anova.Pair`.
_PAIR = ('first', 'second', 'difference', '95% low', '95% high', 'p', 'd')
_TESTS = {
  'repeated': 'Pairwise paired t-tests (p Holm-corrected)',
  'independent': "Pairwise comparisons (Tukey's honest significant difference)",
}


def overall_table(runs: Sequence[Run]) -> Table:
  """Returns the mean scores of every run, above published results if any."""
  names = _plain(runs[0])
  rows = [
    [run.name, *(_number(run.metrics['overall'][name]) for name in names)]
    for run in runs
  ]
  results = published.overall(runs[0])
  theirs = [
    [name, *(scores.get(score) for score in names)]
    for name, scores in results.rows.items()
  ]
  count = runs[0].metrics['counts']['videos']
  return Table(
    name='overall',
    title=f'Mean scores on {runs[0].data}',
    note=f'Means over {count_clips(count)}.'
    + (' ' + results.note if results.rows else ''),
    columns=['model', *map(shown, names)],
    rows=rows + theirs,
    groups=(len(rows), len(theirs)),
    best=_best(names),
    unranked=_people(runs)
    | {len(rows) + k for k, (name, *_) in enumerate(theirs) if 'Human' in name},
  )


def spread_table(runs: Sequence[Run]) -> Table | None:
  """Returns the spread over random repeats; None if no run has any."""
  names = _plain(runs[0])
  rows = [
    [run.name, *(_number(run.metrics['overall']['spread'][n]) for n in names)]
    for run in runs
    if 'spread' in run.metrics['overall']
  ]
  if not rows:
    return None
  return Table(
    name='spread',
    title='Standard deviation of the mean scores over repeated random splits',
    columns=['model', *map(shown, names)],
    rows=rows,
  )


def category_table(runs: Sequence[Run]) -> Table | None:
  """Returns the mean scores in each category; None without categories."""
  names = _plain(runs[0])
  rows, groups, unranked = [], [], set()
  for category in runs[0].categories:
    unranked |= {len(rows) + k for k in _people(runs)}
    before = len(rows)
    for run in runs:
      entry = run.metrics['categories'][category]
      scores = [_number(entry[name]) for name in names]
      rows.append([category, entry['videos'], run.name, *scores])
    groups.append(len(rows) - before)
    theirs = published.category(runs[0], category)
    unranked |= {
      len(rows) + k for k, name in enumerate(theirs) if 'Human' in name
    }
    rows += [
      [category, None, name, *(scores.get(score) for score in names)]
      for name, scores in theirs.items()
    ]
    groups += [len(theirs)] if theirs else []
  if not rows:
    return None
  return Table(
    name='categories',
    title=f'Mean scores in each category of {runs[0].data}',
    columns=['category', 'videos', 'model', *map(shown, names)],
    rows=rows,
    groups=groups,
    best={column + 2: low for column, low in _best(names).items()},
    unranked=unranked,
  )


def contextual_table(runs: Sequence[Run]) -> Table | None:
  """Returns NSS at the sound source, elsewhere and in the whole frame."""
  names = [name for name in CONTEXTUAL if name in runs[0].metrics['scores']]
  if not names:
    return None
  rows = [
    [run.name, *(_number(run.metrics['overall'][name]) for name in names)]
    for run in runs
  ]
  return Table(
    name='contextual',
    title='NSS of fixations on the sound source, elsewhere, and of all',
    note='Frames with a visible sound source.',
    columns=['model', 'sound source', 'elsewhere', 'whole frame'],
    rows=rows,
    best=dict.fromkeys((1, 2, 3), False),
    unranked=_people(runs),
  )


def share_table(runs: Sequence[Run], score: str) -> Table | None:
  """Returns the share of frames in which a row's model beats a column's.

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
    title=f'Share of frames in which the row beats the column ({shown(score)})',
    note=f'Means over {count_clips(len(frames[0]))}.',
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
    title=f'{shown(score)} of every video',
    columns=['video', 'category', *(run.name for run in runs)],
    rows=rows,
  )


@dataclasses.dataclass(frozen=True)
class Comparison:
  """The statistical comparison of runs.

  Attributes:
    anova: The analyses of variance.
    letters: The pairwise comparisons as a compact letter display.
    pairs: The pairwise comparisons in full.
    skipped: What was not analysed, and why.
  """

  anova: Table | None
  letters: Table | None
  pairs: Table | None
  skipped: list[str]


def compare(runs: Sequence[Run], design: Design) -> Comparison:
  """Compares the models by each score, over all videos and in each category."""
  if len(runs) < 2:
    return Comparison(None, None, None, ['a single run has no comparison'])
  rows, letters, pairs, skipped = [], [], [], defaultdict(list)
  for category in (None, *runs[0].categories):
    place = category or _ALL
    for name in _plain(runs[0]):
      scores = {run.name: run.of_videos(name, category) for run in runs}
      known = ~np.isnan(list(scores.values())).any(axis=0)
      if known.sum() < 2:
        skipped[place, int(known.sum())].append(name)
        continue
      found = anova(scores, design=design)
      degrees = f'{found.between}, {found.error}'
      effects = found.effects.values()
      rows.append(
        [place, name, found.units, found.f, degrees, found.p, *effects]
      )
      pairs += [
        [place, name, *dataclasses.astuple(pair)] for pair in found.pairs
      ]
      means = {key: values[known].mean() for key, values in scores.items()}
      order = sorted(means, key=means.get, reverse=name not in LOWER_IS_BETTER)
      letter = compact_letters(order, found.pairs, _ALPHA)
      letters.append(
        [place, shown(name), found.units]
        + [f'{means[run.name]:.3f} {letter[run.name]}' for run in runs]
      )
  reasons = [
    f'{place}, {", ".join(map(shown, names))}: expected 2 or more videos with '
    f'a score of every model, got {units}'
    for (place, units), names in skipped.items()
  ]
  if not rows:
    return Comparison(None, None, None, reasons)
  effects = ['partial eta2', 'generalised eta2', 'epsilon']
  if design == 'independent':
    effects = ['eta2', 'omega2']
  return Comparison(
    anova=Table(
      name='anova',
      title=f'Analysis of variance over videos, models as factor ({design})',
      note='p is that of equal means of all models'
      + (' (Greenhouse-Geisser-corrected).' if design == 'repeated' else '.'),
      columns=['category', 'score', 'videos', 'F', 'df', 'p', *effects],
      rows=rows,
      digits=3,
      p_values=(5,),
    ),
    letters=Table(
      name='letters',
      title=_TESTS[design],
      note='Means over videos; models that share a letter do not differ at '
      f'p < {_ALPHA}. Differences, intervals, p and effect sizes of all pairs '
      'are in pairs.csv.',
      columns=['category', 'score', 'videos', *(run.name for run in runs)],
      rows=letters,
    ),
    pairs=Table(
      name='pairs',
      title=_TESTS[design],
      note='d is the effect size.',
      columns=['category', 'score', *_PAIR],
      rows=pairs,
      digits=3,
      p_values=(7,),
    ),
    skipped=reasons,
  )


def shown(name: str) -> str:
  """Returns the name of a score in tables."""
  return _SHOWN.get(name, name)


def _plain(run):
  return [name for name in run.metrics['scores'] if name not in CONTEXTUAL]


def _number(value):
  return float('nan') if value is None else float(value)


def _best(names):
  return {
    column: name in LOWER_IS_BETTER for column, name in enumerate(names, 1)
  }


def _people(runs) -> set[int]:
  return {number for number, run in enumerate(runs) if run.of_people}


def count_clips(count: int) -> str:
  """Returns '1 clip', '2 clips' and so on."""
  return f'{count} clip{"s" if count != 1 else ""}'
