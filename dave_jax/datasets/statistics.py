"""Statistics and plots of a data set."""

import collections
import dataclasses
import pathlib

import matplotlib.figure
import numpy as np

from dave_jax.datasets.schema import GAZE_KINDS, POOLED
from dave_jax.datasets.store import Dataset

_MAP = (48, 64)  # Height and width of the map of all fixations.
_DECIBELS = (-80.0, 0.0)


@dataclasses.dataclass
class Statistics:
  """Statistics of a sample of records.

  Attributes:
    records: Size of the sample.
    per_frame: Number of fixations in each frame.
    places: [48, 64], share of fixations in each cell of the frame.
    per_viewer: {viewer: number of fixations}, without `POOLED`.
    jumps: Distance between a viewer's fixations in consecutive frames, in frame
      widths.
    levels: Root mean square of each record's sound, in dB of full scale.
    frame_bytes: Size of each JPEG.
  """

  records: int
  per_frame: np.ndarray
  places: np.ndarray
  per_viewer: dict[int, int]
  jumps: np.ndarray
  levels: np.ndarray
  frame_bytes: np.ndarray


def gather(dataset: Dataset, split: str, *, most: int, seed: int) -> Statistics:
  """Returns the statistics of up to `most` random records of a split."""
  records = dataset.records(split)
  chosen = np.random.default_rng(seed).permutation(len(records))[:most]
  per_frame, levels, jumps, sizes = [], [], [], []
  places = np.zeros(_MAP)
  per_viewer: collections.Counter = collections.Counter()
  for number in sorted(chosen.tolist()):
    record = records[number]
    frame, xy = record['fixation_frame'], record['fixation_xy']
    share = xy / [record['width'], record['height']]
    per_frame.append(np.bincount(frame, minlength=len(record['frames'])))
    places += np.histogram2d(
      share[:, 1], share[:, 0], bins=_MAP, range=[[0, 1], [0, 1]]
    )[0]
    viewers = record['fixation_viewer']
    for viewer in set(viewers.tolist()) - {POOLED}:
      own = viewers == viewer
      per_viewer[viewer] += int(own.sum())
      follows = np.diff(frame[own]) == 1
      moves = np.linalg.norm(np.diff(xy[own], axis=0), axis=1)
      jumps.append(moves[follows] / record['width'])
    if record['waveform'].size:
      power = np.mean(np.square(record['waveform'], dtype=np.float64))
      levels.append(10 * np.log10(max(power, 1e-12)))
    sizes += [len(jpeg) for jpeg in record['frames']]
  return Statistics(
    records=len(chosen),
    per_frame=np.concatenate(per_frame),
    places=places / max(places.sum(), 1),
    per_viewer=dict(per_viewer),
    jumps=np.concatenate([np.zeros(0), *jumps]),
    levels=np.array(levels),
    frame_bytes=np.array(sizes),
  )


def plot(dataset: Dataset, split: str, found: Statistics, path: pathlib.Path):
  """Writes a page of plots as a PNG."""
  clips = dataset.clips(split)
  figure = matplotlib.figure.Figure(figsize=(14, 8), layout='constrained')
  figure.suptitle(f'{dataset.name}, {split}: {found.records} records')
  axes = figure.subplots(2, 3)
  shown = axes[0, 0].imshow(found.places, extent=(0, 1, 1, 0), cmap='inferno')
  axes[0, 0].set_title('all fixations (share of the frame)')
  figure.colorbar(shown, ax=axes[0, 0])
  _histogram(axes[0, 1], found.per_frame, 'fixations per frame', 'frames')
  _histogram(axes[0, 2], [c.frames for c in clips], 'frames per clip', 'clips')
  if found.per_viewer:
    axes[1, 0].bar(list(found.per_viewer), list(found.per_viewer.values()))
    axes[1, 0].set_title('fixations per viewer')
  else:
    _empty(axes[1, 0], 'fixations per viewer', 'viewers unknown')
  _histogram(
    axes[1, 1],
    found.jumps,
    'movement of a viewer between frames (widths)',
    'fixations',
    logarithmic=True,
  )
  _histogram(
    axes[1, 2],
    np.clip(found.levels, *_DECIBELS),
    'sound level (dB of full scale)',
    'records',
    span=_DECIBELS,
  )
  figure.savefig(path, dpi=100)


def _histogram(axes, values, title, unit, logarithmic=False, span=None):
  values = np.asarray(values)
  if not values.size:
    _empty(axes, title, 'none')
    return
  axes.hist(values, bins=40, range=span, log=logarithmic)
  axes.set_title(title)
  axes.set_ylabel(unit)


def _empty(axes, title, text):
  axes.set_title(title)
  axes.text(0.5, 0.5, text, ha='center')
  axes.set_axis_off()


def table(dataset: Dataset, split: str, found: Statistics) -> str:
  """Returns the statistics of a split as a Markdown table."""
  clips = dataset.clips(split)
  categories = collections.Counter(clip.category or '(none)' for clip in clips)
  sources = collections.Counter(clip.source for clip in clips)
  kinds = dict.fromkeys(clip.gaze_kind for clip in clips)
  frames = sum(clip.frames for clip in clips)
  fixated = sum(clip.fixated_frames().size for clip in clips)
  middle = found.places[
    _MAP[0] // 4 : -_MAP[0] // 4, _MAP[1] // 4 : -_MAP[1] // 4
  ].sum()
  rows = {
    'clips': len(clips),
    'with sound': sum(clip.has_sound for clip in clips),
    'frames': frames,
    'frames with fixations': f'{fixated} ({fixated / frames:.1%})',
    'gaze': ', '.join(GAZE_KINDS[kind] for kind in kinds),
    'fixations': sum(clip.fixations for clip in clips),
    'fixations per frame, median': f'{np.median(found.per_frame):g}',
    'fixations in the central quarter': f'{middle:.1%} (25% by chance)',
    'viewers per clip': _span([clip.viewers for clip in clips]),
    'frames per second': _span([round(clip.rate, 3) for clip in clips]),
    'original sizes': len({(clip.width, clip.height) for clip in clips}),
    'categories': ', '.join(f'{n} {k}' for k, n in categories.most_common()),
    'sources': ', '.join(f'{n} {k}' for k, n in sources.most_common()),
    'JPEG size, mean': f'{found.frame_bytes.mean() / 1000:.1f} kB',
  }
  lines = [f'| {key} | {value} |' for key, value in rows.items()]
  return '\n'.join([f'| {split} | |', '| --- | --- |', *lines])


def _span(values):
  least, most = min(values), max(values)
  return f'{least:g}' if least == most else f'{least:g} to {most:g}'
