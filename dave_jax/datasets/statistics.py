"""Numbers and plots of a data set, to look at before trusting it."""

import collections
import dataclasses
import pathlib

import matplotlib.figure
import numpy as np

from dave_jax.datasets.schema import POOLED
from dave_jax.datasets.store import Dataset

_MAP = (48, 64)  # Height and width of the map of all fixations.
_DECIBELS = (-80.0, 0.0)


@dataclasses.dataclass
class Statistics:
  """What a sample of records holds.

  Attributes:
    records: How many were looked at.
    a_frame: Fixations of each frame.
    places: [48, 64], fixations by place, as a share.
    a_viewer: {viewer: fixations}, `POOLED` left out.
    jumps: Distance between fixations of one viewer in frames that follow each
      other, in frame widths.
    levels: Root mean square of each record's sound, decibels of full scale.
    frame_bytes: Size of each JPEG.
  """

  records: int
  a_frame: np.ndarray
  places: np.ndarray
  a_viewer: dict[int, int]
  jumps: np.ndarray
  levels: np.ndarray
  frame_bytes: np.ndarray


def gather(dataset: Dataset, split: str, *, most: int, seed: int) -> Statistics:
  """Looks at up to `most` records of a split, drawn with a seed."""
  records = dataset.records(split)
  chosen = np.random.default_rng(seed).permutation(len(records))[:most]
  a_frame, levels, jumps, sizes = [], [], [], []
  places = np.zeros(_MAP)
  a_viewer: collections.Counter = collections.Counter()
  for number in sorted(chosen.tolist()):
    record = records[number]
    frame, xy = record['fixation_frame'], record['fixation_xy']
    share = xy / [record['width'], record['height']]
    a_frame.append(np.bincount(frame, minlength=len(record['frames'])))
    places += np.histogram2d(
      share[:, 1], share[:, 0], bins=_MAP, range=[[0, 1], [0, 1]]
    )[0]
    viewers = record['fixation_viewer']
    for viewer in set(viewers.tolist()) - {POOLED}:
      own = viewers == viewer
      a_viewer[viewer] += int(own.sum())
      follows = np.diff(frame[own]) == 1
      moves = np.linalg.norm(np.diff(xy[own], axis=0), axis=1)
      jumps.append(moves[follows] / record['width'])
    if record['waveform'].size:
      power = np.mean(np.square(record['waveform'], dtype=np.float64))
      levels.append(10 * np.log10(max(power, 1e-12)))
    sizes += [len(jpeg) for jpeg in record['frames']]
  return Statistics(
    records=len(chosen),
    a_frame=np.concatenate(a_frame),
    places=places / max(places.sum(), 1),
    a_viewer=dict(a_viewer),
    jumps=np.concatenate([np.zeros(0), *jumps]),
    levels=np.array(levels),
    frame_bytes=np.array(sizes),
  )


def plot(dataset: Dataset, split: str, found: Statistics, path: pathlib.Path):
  """Writes a page of plots as PNG."""
  clips = dataset.clips(split)
  figure = matplotlib.figure.Figure(figsize=(14, 8), layout='constrained')
  figure.suptitle(f'{dataset.name}, {split}: {found.records} records')
  axes = figure.subplots(2, 3)
  shown = axes[0, 0].imshow(found.places, extent=(0, 1, 1, 0), cmap='inferno')
  axes[0, 0].set_title('all fixations (share of the frame)')
  figure.colorbar(shown, ax=axes[0, 0])
  _histogram(axes[0, 1], found.a_frame, 'fixations of a frame', 'frames')
  _histogram(axes[0, 2], [c.frames for c in clips], 'frames of a clip', 'clips')
  if found.a_viewer:
    axes[1, 0].bar(list(found.a_viewer), list(found.a_viewer.values()))
    axes[1, 0].set_title('fixations of a viewer')
  else:
    _empty(axes[1, 0], 'fixations of a viewer', 'not told apart')
  _histogram(
    axes[1, 1],
    found.jumps,
    'way of a viewer from frame to frame (widths)',
    'fixations',
    logarithmic=True,
  )
  _histogram(
    axes[1, 2],
    np.clip(found.levels, *_DECIBELS),
    'loudness (dB of full scale)',
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
  """Returns the numbers of a split as Markdown."""
  clips = dataset.clips(split)
  categories = collections.Counter(clip.category or '(none)' for clip in clips)
  sources = collections.Counter(clip.source for clip in clips)
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
    'fixations': sum(clip.fixations for clip in clips),
    'fixations of a frame, median': f'{np.median(found.a_frame):g}',
    'fixations in the middle quarter': f'{middle:.1%} (25% by chance)',
    'viewers of a clip': _span([clip.viewers for clip in clips]),
    'frames a second': _span([round(clip.rate, 3) for clip in clips]),
    'original sizes': len({(clip.width, clip.height) for clip in clips}),
    'categories': ', '.join(f'{n} {k}' for k, n in categories.most_common()),
    'sources': ', '.join(f'{n} {k}' for k, n in sources.most_common()),
    'JPEG of a frame, mean': f'{found.frame_bytes.mean() / 1000:.1f} kB',
  }
  lines = [f'| {key} | {value} |' for key, value in rows.items()]
  return '\n'.join([f'| {split} | |', '| --- | --- |', *lines])


def _span(values):
  least, most = min(values), max(values)
  return f'{least:g}' if least == most else f'{least:g} to {most:g}'
