"""The clips of a report's page: people and every model side by side."""

import pathlib
import shutil
from collections.abc import Sequence

import numpy as np

from dave_jax.evaluation.kept_clips import read_clip
from dave_jax.evaluation.run_folder import clip_path
from dave_jax.pages.pieces import write_data, write_maps
from dave_jax.pages.render import as_base64, colormaps, readable
from dave_jax.report.runs import Run
from dave_jax.report.tables import shown

FOLDER = 'clips'


def choose_clips(
  runs: Sequence[Run], score: str, names: Sequence[str]
) -> list[str]:
  """Returns the clips to show, in the order of the data set.

  Those with the best and the worst mean score of each category, of each run
  (the paper's figure 7), and `names`; 'all' stands for all clips.

  Raises:
    ValueError: There is no clip of a name.
  """
  clips = list(runs[0].metrics['videos'])
  if 'all' in names:
    return clips
  if unknown := sorted(set(names) - set(clips)):
    raise ValueError(
      f'expected clips from {", ".join(clips[:5])}, ..., got '
      f'{", ".join(unknown)}'
    )
  chosen = set(names)
  for run in runs:
    for category in run.categories or [None]:
      extremes = run.best_and_worst(score, category)
      chosen |= {video.clip for _, video in extremes}
  return [name for name in clips if name in chosen]


def write_clips(
  out: pathlib.Path, runs: Sequence[Run], score: str, names: Sequence[str]
) -> dict | None:
  """Writes what the players of a report's page show.

  Args:
    out: Folder of the report.
    runs: See `runs.read_runs`.
    score: The score of the curves.
    names: See `choose_clips`.

  Returns:
    What static/clips.js takes; None if no run kept the maps of its clips.

  Raises:
    ValueError: There is no clip of a name, or a kept file is damaged.
  """
  chosen = choose_clips(runs, score, names)
  shutil.rmtree(out / FOLDER, ignore_errors=True)
  clips = [_write_clip(out, runs, score, name) for name in chosen]
  clips = [clip for clip in clips if clip is not None]
  if not clips:
    return None
  return {
    'score': shown(score),
    'runs': [readable(run.name) for run in runs],
    'people': [run.of_people for run in runs],
    'colormap': colormaps()['inferno'],
    'clips': clips,
  }


def _write_clip(out, runs, score, name):
  """Writes one clip; returns its entry of the page, None if it is not kept."""
  kept = [read_clip(r.folder, name, r.metrics['run']) for r in runs]
  sources = [(run, k) for run, k in zip(runs, kept, strict=True) if k]
  if not sources:
    return None
  place = list(runs[0].metrics['videos']).index(name)
  folder = f'{FOLDER}/{place:04d}'
  videos = [run.videos[place] for run in runs]
  run, first = sources[0]
  (out / folder).mkdir(parents=True)
  video = clip_path(run.folder, name, 'mp4')
  shutil.copyfile(video, out / folder / 'clip.mp4')
  maps = [write_maps(out, f'{folder}/people', first.density)]
  for number, own in enumerate(kept):
    maps.append(
      None if own is None else write_maps(out, f'{folder}/{number}', own.maps)
    )
  write_data(
    out,
    f'{folder}/data',
    {
      'times': as_base64(videos[0].times.astype(np.float64)),
      'frames': videos[0].frames.tolist(),
      'scores': [
        as_base64(video.score(score).astype(np.float32)) for video in videos
      ],
      'fixation_xy': as_base64(first.fixation_xy.astype(np.float32)),
      'fixation_place': first.fixation_place.tolist(),
      'maps': maps,
    },
  )
  h, w = videos[0].size
  entry = runs[0].metrics['videos'][name]
  return {
    'name': readable(name),
    'category': entry['category'],
    'folder': folder,
    'start': first.start,
    'rate': _rate(videos[0]),
    'size': {'width': int(w), 'height': int(h)},
    'means': [run.metrics['videos'][name][score] for run in runs],
  }


def _rate(video):
  """Returns frames per second; 1 for a single frame."""
  if len(video.frames) < 2:
    return 1.0
  return float(1 / np.median(np.diff(video.times) / np.diff(video.frames)))
