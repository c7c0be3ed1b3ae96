"""Figures of maps and frames."""

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from dave_jax.evaluation.run_folder import VideoScores
from dave_jax.media import overlay
from dave_jax.report.runs import Run
from dave_jax.report.style import WIDTH, new_figure
from dave_jax.report.tables import shown

_ALL = 'all'
_SMOOTHING = 1.5  # Standard deviation, pixels of a mean map; hides its grid.


def mean_maps(runs: Sequence[Run]) -> Figure:
  """Draws where people look on average, and each run (figures 3 and 8).

  Rows are all videos and each category. The first column is the mean eye
  position of the scored videos, the others are mean predictions.
  """
  rows = [None, *runs[0].categories]
  columns = len(runs) + 1
  shape = np.median([video.size for video in runs[0].videos], axis=0)
  width = min(WIDTH / columns, 1.8)
  height = (width * shape[0] / shape[1] + 0.1) * len(rows) + 0.4
  with new_figure(width * columns, height) as figure:
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, category in zip(axes, rows, strict=True):
      chosen = [run.in_category(category) for run in runs]
      maps = [[video.density for video in chosen[0]]]
      maps += [[video.prediction for video in videos] for videos in chosen]
      means = [
        cv2.GaussianBlur(np.mean(of_videos, axis=0), None, _SMOOTHING)
        for of_videos in maps
      ]
      # One scale for each row, to compare how peaked maps are.
      peak = max(float(mean.max()) for mean in means) or 1.0
      for panel, mean in zip(line, means, strict=True):
        _draw(panel, mean, shape, cmap='inferno', vmin=0, vmax=peak)
      line[0].set_ylabel(f'{category or _ALL} ({len(chosen[0])})')
    titles = ['people', *(run.name for run in runs)]
    for panel, title in zip(axes[0], titles, strict=True):
      panel.set_title(textwrap.fill(title, int(11 * width)))
    return figure


def best_and_worst(run: Run, score: str) -> Figure | None:
  """Draws the best and the worst video of each category (figure 7).

  Three frames of each, with human fixation density above and the prediction
  below. None if no video has the score.
  """
  chosen = []
  for category in run.categories or [None]:
    extremes = run.best_and_worst(score, category)
    names = ('best', 'worst') if len(extremes) > 1 else ('the only one',)
    chosen += [
      (f'{category or _ALL}, {name}', *extreme)
      for name, extreme in zip(names, extremes, strict=False)
      if extreme[1].examples
    ]
  if not chosen:
    return None
  most = max(len(video.examples) for _, _, video in chosen)
  across = min(len(chosen), 2 if most > 1 else 4)
  down = -(-len(chosen) // across)
  width = WIDTH / (2 if most > 1 else 4)
  shape = max(video.size[0] / video.size[1] for _, _, video in chosen)
  height = 2 * shape * width / most + 0.6
  with new_figure(width * across, height * down) as figure:
    parts = figure.subfigures(down, across, squeeze=False).ravel()
    for part, (what, value, video) in zip(parts, chosen, strict=False):
      part.suptitle(
        f'{what}: {video.clip}, {shown(score)} {value:.2f}', fontsize=7
      )
      _draw_examples(part, video)
    return figure


def _draw_examples(part, video: VideoScores):
  panels = part.subplots(2, len(video.examples), squeeze=False)
  for column, example in zip(panels.T, video.examples, strict=True):
    image = cv2.imdecode(
      np.frombuffer(example.picture, np.uint8), cv2.IMREAD_COLOR_RGB
    )
    for panel, density in zip(
      column, (example.density, example.prediction), strict=True
    ):
      _draw(panel, overlay.draw(image, density), video.size)
    if len(video.examples) > 1:
      column[0].set_title(f'frame {example.frame}', fontsize=6)
  panels[0, 0].set_ylabel('people', fontsize=7)
  panels[1, 0].set_ylabel('prediction', fontsize=7)


def _draw(panel, image, shape, **kwargs):
  """Draws an image stretched to the proportions of the original frame."""
  h, w = image.shape[:2]
  panel.imshow(
    image,
    interpolation='bilinear',
    aspect=(shape[0] / shape[1]) * (w / h),
    **kwargs,
  )
  panel.set_xticks([])
  panel.set_yticks([])
  for spine in panel.spines.values():
    spine.set_visible(False)
