"""Writes a report: one Markdown page, its tables and its figures."""

import os
import pathlib
from collections.abc import Sequence

from dave_jax.files import write_text
from dave_jax.report import map_figures, plots, tables
from dave_jax.report.anova import Design
from dave_jax.report.runs import Run
from dave_jax.report.style import save
from dave_jax.report.table import Table


def write_report(
  runs: Sequence[Run], out: str | os.PathLike, *, score: str, design: Design
) -> pathlib.Path:
  """Writes tables and figures; returns the path of report.md.

  Args:
    runs: See `run.read_runs`.
    out: The folder; files of the same names are replaced.
    score: Shown over time, as a distribution, per video and category.
    design: See `anova.anova`.

  Raises:
    ValueError: The runs do not have the score.
  """
  if score not in runs[0].metrics['scores']:
    raise ValueError(
      f'score {score!r} was not evaluated; choose of '
      f'{", ".join(runs[0].metrics["scores"])}'
    )
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  about = runs[0].metrics['run']
  lines = ['# Scores', '', *_heading(runs, about), '']
  found, pairs, left_out = tables.anova_tables(runs, design)
  for table in (
    tables.overall_table(runs),
    tables.spread_table(runs),
    tables.category_table(runs),
    tables.share_table(runs, score),
    tables.contextual_table(runs),
    found,
    pairs,
  ):
    if table is not None:
      lines += _write(table, out)
  if left_out:
    lines += ['Not analysed:', '', *(f'- {line}' for line in left_out), '']
  for name, title, figure in _figures(runs, score):
    if figure is not None:
      save(figure, out / name)
      lines += [f'## {title}', '', f'![{title}]({name}.png)', '']
  if len(runs[0].metrics['videos']) > 1:
    lines += _write(tables.video_table(runs, score), out)
  write_text(out / 'report.md', '\n'.join(lines))
  return out / 'report.md'


def write_tables(
  path: str | os.PathLike, title: str, tables_: Sequence[Table]
) -> pathlib.Path:
  """Writes tables as one page, and each as .csv and .tex beside it."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  lines = [f'# {title}', '']
  for table in tables_:
    lines += _write(table, path.parent)
  write_text(path, '\n'.join(lines))
  return path


def _heading(runs, about):
  data, settings = about['data'], about['settings']
  counts = runs[0].metrics['counts']
  yield (
    f'Data: {data["set"]}, {data["split"]}: {counts["videos"]} videos, '
    f'{counts["frames"]} frames scored (every {data["stride"]}), '
    f'{counts["empty"]} without fixations left out; size {data["size"]}.'
  )
  yield (
    f'Protocol {settings["protocol"]}, seed {settings["seed"]}, means over '
    f'{settings["average"]}. Of KLD less is better.'
  )
  mean = about['mean_eye_position']
  if mean:
    yield f'IG is over the mean eye position of {mean["split"]}.'
  for run in runs:
    counts = run.metrics['counts']
    lost = [
      f'{counts[key]} frames {what}'
      for key, what in (
        ('missing', 'without a map'),
        ('broken', 'whose map holds NaN'),
      )
      if counts[key]
    ] + [
      f'{name} undefined in {number} frames'
      for name, number in counts['undefined'].items()
      if number
    ]
    if lost:
      yield f'{run.name}: {", ".join(lost)}.'


def _figures(runs, score):
  shown = tables.shown(score)
  yield 'time', f'{shown} over time', plots.time_curves(runs, score)
  yield (
    'distribution',
    f'{shown} of frames',
    plots.distribution(runs, score),
  )
  yield 'by_category', f'{shown} per category', plots.categories(runs, score)
  yield 'sound_source', 'NSS and the sound source', plots.contextual(runs)
  yield 'mean_maps', 'Mean maps', map_figures.mean_maps(runs)
  for number, run in enumerate(runs, 1):
    yield (
      f'examples_{number}',
      f'Best and worst of {run.name}',
      map_figures.best_and_worst(run, score),
    )


def _write(table: Table, out):
  """Writes a table's files; returns its lines of the report."""
  (out / f'{table.name}.csv').write_text(table.csv())
  (out / f'{table.name}.tex').write_text(table.latex())
  return [f'## {table.title}', '', table.markdown(), '']
