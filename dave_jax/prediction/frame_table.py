"""Numbers of each predicted frame, as `frames.csv` for R, MATLAB and pandas."""

import csv
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from dave_jax.files import write_atomically, write_text
from dave_jax.media import clock
from dave_jax.media.areas import Area, shares
from dave_jax.media.audio import Sound

# {column: (unit, meaning)}; columns of areas are added.
_MEANINGS = {
  'frame': ('', 'number of the frame in the video, from 1'),
  'time': ('s', 'when the frame is shown, on the clock of the video'),
  'peak_x': ('px', 'x of the highest place of the map'),
  'peak_y': ('px', 'y of the highest place of the map'),
  'peak_shift': ('px', 'distance of the peak from that of the row before'),
  'centroid_x': ('px', 'x of the centre of mass of the map'),
  'centroid_y': ('px', 'y of the centre of mass of the map'),
  'entropy': (
    'bits',
    'entropy of the map over its cells: the lower, the more focused; at most '
    'log2 of the number of cells',
  ),
  'spread': ('px', 'root mean square distance of the map from its centroid'),
  'peak_shift_degrees': ('deg', 'peak_shift in degrees of visual angle'),
  'spread_degrees': ('deg', 'spread in degrees of visual angle'),
  'loudness': (
    'dB',
    'level of the sound while the frame is shown, relative to full scale; at '
    'least -100',
  ),
  'sound_effect': (
    '',
    'share of the attention that the sound moves, 0 to 1: half the sum of the '
    'absolute differences between the map with sound and the one with silence',
  ),
  'entropy_change': (
    'bits',
    'entropy of the map with sound minus that of the map with silence',
  ),
}
_QUIETEST = -100.0  # Decibels.
_SHORTEST = 0.04  # Seconds over which loudness is measured, at least.
_BLOCK = 512  # Maps that are converted at once.


@dataclasses.dataclass(frozen=True)
class Screen:
  """What maps are measured in.

  Attributes:
    width, height: Size of the video in pixels.
    pixels_per_degree: Pixels per degree of visual angle; None if unknown.
  """

  width: int
  height: int
  pixels_per_degree: float | None


def measure(
  maps: np.ndarray,
  screen: Screen,
  areas: Sequence[Area],
  silent: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """Returns the columns of `frames.csv` that come from maps.

  Values are NaN where a map is zero everywhere.

  Args:
    maps: [n, h, w], not negative, in the order of time; may be a memmap.
    screen: The units.
    areas: Areas of interest, whose shares become the columns `share_NAME`.
    silent: The maps [n, h, w] of the same frames without sound, if known.

  Returns:
    {column: float64 [n]}.
  """
  blocks = [
    _measure_block(
      np.asarray(maps[k : k + _BLOCK], np.float64),
      None if silent is None else silent[k : k + _BLOCK].astype(np.float64),
      screen,
      areas,
    )
    for k in range(0, len(maps), _BLOCK)
  ]
  table = {key: np.concatenate([b[key] for b in blocks]) for key in blocks[0]}
  steps = np.hypot(np.diff(table['peak_x']), np.diff(table['peak_y']))
  table['peak_shift'] = np.concatenate([[np.nan], steps])
  if screen.pixels_per_degree is not None:
    for name in ('peak_shift', 'spread'):
      table[f'{name}_degrees'] = table[name] / screen.pixels_per_degree
  return table


def _measure_block(maps, silent, screen, areas):
  _, h, w = maps.shape
  p = _normalised(maps)
  x = (np.arange(w) + 0.5) * (screen.width / w)
  y = (np.arange(h) + 0.5) * (screen.height / h)
  across, down = p.sum(axis=1), p.sum(axis=2)
  centroid_x, centroid_y = across @ x, down @ y
  variance = across @ x**2 - centroid_x**2 + down @ y**2 - centroid_y**2
  peak_x, peak_y = _peaks(p)
  table = {
    'peak_x': peak_x * (screen.width / w),
    'peak_y': peak_y * (screen.height / h),
    'centroid_x': centroid_x,
    'centroid_y': centroid_y,
    'entropy': _entropy(p),
    'spread': np.sqrt(np.maximum(variance, 0)),
  }
  if silent is not None:
    q = _normalised(silent)
    table['sound_effect'] = np.abs(p - q).sum(axis=(1, 2)) / 2
    table['entropy_change'] = table['entropy'] - _entropy(q)
  inside = shares(areas, maps, (screen.height, screen.width))
  columns = area_columns(areas)
  return table | dict(zip(columns, inside.T, strict=True))


def _entropy(p):
  """Returns the entropy [n] of maps [n, h, w] that sum to 1, in bits."""
  return -(p * np.log2(np.where(p == 0, 1, p))).sum(axis=(1, 2))


def _normalised(maps):
  totals = maps.sum(axis=(1, 2), keepdims=True)
  return maps / np.where(totals > 0, totals, np.nan)


def _peaks(maps):
  """Returns x and y [n] of the peaks in cells, from the top left corner.

  A parabola through the highest cell and its neighbours places the peak within
  the cell; at an edge of the map it is the middle of the cell.
  """
  n, _, w = maps.shape
  filled = np.where(np.isnan(maps), 0, maps)
  rows, columns = np.divmod(filled.reshape(n, -1).argmax(axis=1), w)
  padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode='reflect')
  at = np.arange(n)
  centre = maps[at, rows, columns]

  def within(before, after):
    bend = 2 * centre - before - after
    shift = (after - before) / np.where(bend > 0, 2 * bend, np.inf)
    return np.clip(shift, -0.5, 0.5) + 0.5 + 0 * centre

  left, right = (padded[at, rows + 1, columns + k] for k in (0, 2))
  above, below = (padded[at, rows + k, columns + 1] for k in (0, 2))
  return columns + within(left, right), rows + within(above, below)


def loudness(
  power: np.ndarray, rate: float, start: float, times: np.ndarray
) -> np.ndarray:
  """Returns the level of the sound during each frame [n], in decibels.

  Args:
    power: Mean square of the waveform in equal steps, -1 to 1 at full scale.
    rate: Steps per second.
    start: Second at which `power` begins, on the clock of `times`.
    times: [n], seconds of the frames, ascending.
  """
  lengths = np.diff(times, append=np.inf)
  usual = np.median(lengths[:-1]) if len(times) > 1 else _SHORTEST
  ends = times + np.maximum(_SHORTEST, np.minimum(lengths, usual))
  sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
  first, last = (
    np.rint(np.clip((t - start) * rate, 0, len(power))).astype(int)
    for t in (times, ends)
  )
  mean = (sums[last] - sums[first]) / np.maximum(1, last - first)
  # Differences of sums may fall below zero by rounding.
  floor = 10 ** (_QUIETEST / 10)
  return 10 * np.log10(np.maximum(mean, floor))


def area_columns(areas: Sequence[Area]) -> list[str]:
  """Returns the names of the columns of areas, all different."""
  names = []
  for number, area in enumerate(areas, 1):
    name = 'share_' + ('_'.join(area.name.split()) or str(number))
    names.append(name if name not in names else f'{name}_{number}')
  return names


def write_numbers(
  folder: pathlib.Path,
  rows: Sequence[dict],
  maps: np.ndarray,
  *,
  screen: Screen,
  areas: Sequence[Area],
  sound: Sound | None,
  silent: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """Writes frames.csv and frames.md; returns the columns, {name: [n]}.

  Args:
    folder: The folder.
    rows: The rows of the manifest, with frame and time.
    maps, screen, areas, silent: See `measure`.
    sound: What the network heard; None for silence.
  """
  table = {
    'frame': np.array([row['frame'] for row in rows]),
    'time': np.array([row['time'] for row in rows]),
  }
  table |= measure(maps, screen, areas, silent)
  if sound is not None:
    table['loudness'] = loudness(
      sound.power, clock.LOG_MEL_RATE, sound.start_time, table['time']
    )
  _, h, w = maps.shape
  _write_table(
    folder,
    table,
    'Each row is a frame. Maps are measured as the network computes them, '
    f'{h} x {w} cells.',
  )
  return table


def _write_table(
  folder: pathlib.Path, table: dict[str, np.ndarray], about: str
) -> None:
  """Writes FOLDER/frames.csv and its data dictionary, FOLDER/frames.md.

  Args:
    folder: The folder.
    table: {column: [n]}; NaN becomes an empty cell.
    about: What the numbers are of, in one sentence.
  """
  names = [name for name in _MEANINGS if name in table]
  names += [name for name in table if name not in names]
  columns = [[_cell(v) for v in table[name].tolist()] for name in names]
  with (
    write_atomically(folder / 'frames.csv') as partial,
    partial.open('w', newline='', encoding='utf-8') as file,
  ):
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
  lines = [
    '# frames.csv',
    '',
    about,
    'Pixels are those of the video, from the top left corner of the picture; '
    'an empty cell is an unknown value.',
    '',
    '| column | unit | meaning |',
    '| --- | --- | --- |',
  ]
  for name in names:
    unit, text = _MEANINGS.get(
      name, ('', 'share of the map in this area of interest, 0 to 1')
    )
    shown = name.replace('|', '\\|').replace('<', '&lt;')
    lines.append(f'| {shown} | {unit} | {text} |')
  write_text(folder / 'frames.md', '\n'.join(lines) + '\n')


def _cell(value):
  if value != value:
    return ''
  return value if isinstance(value, int) else f'{value:.10g}'
