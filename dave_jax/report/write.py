"""Writes a report: as Markdown and as a page, with tables and figures."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from dave_jax.files import write_text
from dave_jax.report import map_figures, plots, tables
from dave_jax.report.anova import Design
from dave_jax.report.clips import write_clips
from dave_jax.report.page import page_figure, write_report_page
from dave_jax.report.runs import Run
from dave_jax.report.style import save
from dave_jax.report.table import Table


def write_report(
  runs: Sequence[Run],
  out: str | os.PathLike,
  *,
  score: str,
  design: Design,
  clips: Sequence[str] = (),
) -> pathlib.Path:
  """Writes tables, figures and the page; returns the path of report.md.

  Args:
    runs: See `runs.read_runs`.
    out: The folder; existing files of the same names are replaced.
    score: Score of the figures, the table of videos and the share of frames.
    design: See `anova.anova`.
    clips: Names of clips that the page shows beside the best and the worst of
      each run; 'all' shows all. Only clips whose maps are kept are shown.

  Raises:
    ValueError: The runs do not have the score, or there is no such clip.
  """
  if score not in runs[0].metrics['scores']:
    raise ValueError(
      f'expected a score from {", ".join(runs[0].metrics["scores"])}, got '
      f'{score!r}'
    )
  out = pathlib.Path(out)
  out.mkdir(parents=True, exist_ok=True)
  players = write_clips(out, runs, score, clips)
  heading = list(_heading(runs))
  lines, parts = ['# Scores', '', *heading, ''], []

  def add_table(table):
    parts.append(_with_gaze(table, runs))
    lines.extend(_write(parts[-1], out))

  compared = tables.compare(runs, design)
  for table in (
    tables.overall_table(runs),
    tables.spread_table(runs),
    tables.category_table(runs),
    tables.share_table(runs, score),
    tables.contextual_table(runs),
    compared.anova,
    compared.letters,
  ):
    if table is not None:
      add_table(table)
  if compared.pairs is not None:
    _write(_with_gaze(compared.pairs, runs), out)
  if compared.skipped:
    lines += ['Not compared:', '', *(f'- {x}' for x in compared.skipped), '']
  numbers: dict[str, int] = {}
  for name, title, caption, figure in _figures(runs, score):
    if figure is not None:
      parts.append(page_figure(figure, name, title, caption))
      replaced = save(figure, out / name, numbers)
      keys = ''.join(f' [{numbers[word]}] is {word}.' for word in replaced)
      lines += [f'## {title}', '', f'![{title}]({name}.png)', '']
      lines += [caption + keys, '']
  if len(runs[0].metrics['videos']) > 1:
    add_table(tables.video_table(runs, score))
  write_report_page(
    out,
    title=f'Scores on {runs[0].data}',
    heading=heading,
    parts=parts,
    skipped=compared.skipped,
    clips=players,
  )
  return _put(out / 'report.md', lines)


def write_tables(
  path: str | os.PathLike, title: str, tables_: Sequence[Table]
) -> pathlib.Path:
  """Writes tables as one page, and each as .csv and .tex beside it."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  lines = [f'# {title}', '']
  for table in tables_:
    lines += _write(table, path.parent)
  return _put(path, lines)


def _put(path, lines):
  write_text(path, '\n'.join(lines))
  return path


def _heading(runs):
  about = runs[0].metrics['run']
  data, settings = about['data'], about['settings']
  counts = runs[0].metrics['counts']
  size = data['size']
  size = size if isinstance(size, str) else 'x'.join(map(str, size))
  yield (
    f'Data: {runs[0].data} ({runs[0].gaze}): '
    f'{tables.count_clips(counts["videos"])}, '
    f'{counts["frames"]} '
    f'frames scored (every {data["stride"]} with fixations), {counts["empty"]} '
    f'without fixations skipped; maps scored at size {size}.'
  )
  yield (
    f'Protocol {settings["protocol"]}, seed {settings["seed"]}, means over '
    f'{settings["average"]}. Lower is better for KLD, higher for the others.'
  )
  mean = about['mean_eye_position']
  if mean:
    yield f'IG is relative to the mean eye position of {mean["split"]}.'
  for run in runs:
    counts = run.metrics['counts']
    lost = [
      f'{counts[key]} frames {what}'
      for key, what in (
        ('missing', 'without a map'),
        ('broken', 'whose map contains NaN or infinity'),
      )
      if counts[key]
    ] + [
      f'{name} undefined in {number} frames'
      for name, number in counts['undefined'].items()
      if number
    ]
    if lost:
      yield f'{run.name}: {", ".join(lost)}.'
    seen = run.metrics['run'].get('maps', {}).get('trained_on')
    if seen:
      yield (
        f'{run.name} was trained on {len(seen)} of these clips: '
        f'{", ".join(seen)}.'
      )


def _figures(runs, score):
  """Yields (file, title, caption, figure or None)."""
  name = tables.shown(score)
  clips = tables.count_clips(len(runs[0].metrics['videos']))
  bars = (
    f'Bars are means over {clips}; error bars are 95% confidence '
    'intervals of the mean (t distribution).'
  )
  yield (
    'time',
    f'{name} over time',
    f'Lines are means over {clips}, each resampled to 1,000 points from '
    'its first frame to its last and smoothed by a running mean of 21 points; '
    'bands are one standard error of the mean either side.',
    plots.time_curves(runs, score),
  )
  yield (
    'distribution',
    f'{name} of frames',
    f'Histograms over the frames of {clips}; dotted lines and '
    'numbers are means over frames.',
    plots.distribution(runs, score),
  )
  yield (
    'by_category',
    f'{name} per category',
    f'{bars} Numbers of clips are in brackets.',
    plots.categories(runs, score),
  )
  yield 'sound_source', 'NSS and the sound source', bars, plots.contextual(runs)
  yield (
    'mean_maps',
    'Mean maps',
    'Means over frames, then over clips, of maps that sum to 1, slightly '
    'smoothed; each row has one scale. Numbers of clips are in brackets.',
    map_figures.mean_maps(runs),
  )
  for number, run in enumerate(runs, 1):
    yield (
      f'examples_{number}',
      f'Best and worst clips of {run.name}',
      f'Clips with the best and the worst mean {name} of each category, with '
      'the density of human fixations above and the prediction below. Frames '
      'count from 0.',
      map_figures.best_and_worst(run, score),
    )


def _with_gaze(table: Table, runs) -> Table:
  """Returns a table whose note says how the gaze was recorded."""
  gaze = f'Ground truth: {runs[0].gaze}.'
  return dataclasses.replace(table, note=f'{table.note} {gaze}'.strip())


def _write(table: Table, out):
  """Writes a table's files; returns its lines of the report."""
  write_text(out / f'{table.name}.csv', table.csv())
  write_text(out / f'{table.name}.tex', table.latex())
  note = [table.note, ''] if table.note else []
  return [f'## {table.title}', '', *note, table.markdown(), '']
