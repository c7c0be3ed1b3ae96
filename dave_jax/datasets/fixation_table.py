"""Tables of fixations: a row for each fixation, in pixels or shares."""

import dataclasses
import functools
import pathlib
from collections import defaultdict

import numpy as np

from dave_jax.checks import check_choice
from dave_jax.datasets.gaze import Fixations, no_fixations
from dave_jax.datasets.schema import POOLED
from dave_jax.datasets.source import Picture
from dave_jax.datasets.tables import Column, Table, read_table

# Names of columns in lower case, without spaces and punctuation.
_NAMES = {
  'name': 'name file filename clip clipname video videoname image imagename '
  'stimulus stimulusname stim media medianame presentedmedianame '
  'presentedstimulusname datei dateiname bild reiz',
  'frame': 'frame frames framenumber framenum frameno framenr frameindex '
  'frameidx frameid',
  'time': 'time times t timestamp timestamps seconds secs sec s ms msec '
  'milliseconds onset onsettime start starttime starttimestamp startsec '
  'startms begin begintime fixationstart fixationonset fixstart fixationtime '
  'videotime currentfixstart timesec timesecs timems tsec tms zeit zeitpunkt '
  'zeitstempel beginn',
  'end': 'end endtime endtimestamp offsettime fixationend fixend '
  'currentfixend stop stoptime ende',
  'duration': 'duration dur durationms durationsec durationseconds '
  'durationmilliseconds fixationduration fixdur fixduration durationoffixation '
  'gazeeventduration currentfixduration dauer',
  'viewer': 'viewer viewerid subject subjectid subjectname sub participant '
  'participantid participantname observer observerid user userid person '
  'recordingsessionlabel proband vp versuchsperson teilnehmer',
  'x': 'x xpx px gazex xgaze xpos posx positionx fixationx xfixation fixx '
  'fixationpointx meanx avgx currentfixx gazepointx',
  'y': 'y ypx py gazey ygaze ypos posy positiony fixationy yfixation fixy '
  'fixationpointy meany avgy currentfixy gazepointy',
}
_EXPECTED = 'name, frame or time, duration (optional), viewer, x, y'
# Times are in milli- or microseconds if most are past the clip's end otherwise.
_PAST_END = 0.5
_SPAN = 0.1  # Times span more of the clip; else they are of another clock.
_LONGEST_FIXATION = 10.0  # Seconds; a median above is in milliseconds.
# Coordinates are shares if this part of them is between 0 and 1, and nearly all
# are not far from it: trackers extrapolate beyond the picture.
_MOSTLY, _NEARLY_ALL, _FAR = 0.9, 0.99, 3.0
_FEW = 8  # Rows; fewer do not tell shares in one coordinate from pixels.


@dataclasses.dataclass(frozen=True)
class Units:
  """How the numbers of a table are to be read.

  Attributes:
    time: 's', 'ms', or 'auto': as the column's name says, else recognised from
      the length of the clip.
    coordinates: 'pixels', 'shares' (0 to 1) of the picture's width and height,
      or 'auto': recognised from the table.
  """

  time: str = 'auto'
  coordinates: str = 'auto'

  def __post_init__(self):
    check_choice('time_unit', self.time, ('auto', 's', 'ms'))
    coordinates = ('auto', 'pixels', 'shares')
    check_choice('coordinates', self.coordinates, coordinates)


@dataclasses.dataclass(frozen=True)
class FixationTable:
  """The fixations of many clips.

  Attributes:
    path: The file.
    when: The column of frames or times; None if there is none.
    timed: Whether that column holds times.
    duration: The column of durations; None if there is none.
    shares: Whether coordinates are shares of the picture.
    headers: Names of all columns.
    rows: {name of the file: [n, 4] of frame or time, duration, x and y, missing
      ones NaN}.
    viewers: {name of the file: [n] names of the viewers}.
  """

  path: pathlib.Path
  when: Column | None
  timed: bool
  duration: Column | None
  shares: bool
  headers: tuple[str, ...]
  rows: dict[str, np.ndarray]
  viewers: dict[str, list[str]]

  def gaze(
    self, names: list[str], picture: Picture, units: Units
  ) -> tuple[Fixations, int, dict[str, int], tuple[str, ...]]:
    """Returns the fixations of a clip.

    Args:
      names: Names that the table has for the clip.
      picture: Size and rate of the clip.
      units: How to read the numbers.

    Returns:
      (fixations, number of viewers, counts, notes).

    Raises:
      ValueError: The clip is a video, and no column says when.
    """
    if self.when is None and picture.rate:
      raise ValueError(
        f'{self.path}: expected a column frame or time for the fixations of a '
        f'video, got the columns {", ".join(self.headers)}'
      )
    values = np.concatenate([np.zeros((0, 4)), *(self.rows[n] for n in names)])
    viewers = [viewer for name in names for viewer in self.viewers[name]]
    needed = values[:, [0, 2, 3] if picture.rate else [2, 3]]
    known = np.isfinite(needed).all(axis=1)
    counts = {'missing': int((~known).sum())}
    values = values[known]
    viewers = [v for v, k in zip(viewers, known, strict=True) if k]
    numbers = {v: n for n, v in enumerate(sorted(set(viewers) - {''}))}
    if not len(values):
      return no_fixations(), 0, counts, ()
    when, duration, *xy = values.T
    notes = []
    if self.shares:
      xy = [xy[0] * picture.width, xy[1] * picture.height]
      notes.append('coordinates were read as shares (0 to 1) of the picture')
    if self.timed and picture.rate:
      when = when * self._time_unit(when, picture, units, notes)
    if not picture.rate:
      when = np.zeros(len(values))
    lasting = self.duration is not None and picture.rate > 0
    if lasting:
      duration = duration * self._duration_unit(duration, units, notes)
    return (
      Fixations(
        xy=np.stack(xy, axis=1),
        when=when,
        viewer=np.array([numbers.get(v, POOLED) for v in viewers], np.int32),
        timed=self.timed and picture.rate > 0,
        duration=np.nan_to_num(duration) if lasting else None,
      ),
      len(numbers),
      counts,
      tuple(notes),
    )

  def _time_unit(self, when, picture, units, notes):
    if units.time != 'auto':
      return {'s': 1.0, 'ms': 1e-3}[units.time]
    if self.when.seconds:
      return self.when.seconds
    if np.mean(when > picture.duration) > _PAST_END:
      for unit, name in ((1e-3, 'milliseconds'), (1e-6, 'microseconds')):
        inside = np.mean(when * unit > picture.duration) < 1 - _MOSTLY
        if inside and when.max() * unit > _SPAN * picture.duration:
          notes.append(f'times in {self.when.header} were read as {name}')
          return unit
    return 1.0

  def _duration_unit(self, duration, units, notes):
    if self.duration.seconds:
      return self.duration.seconds
    if units.time != 'auto':
      return {'s': 1.0, 'ms': 1e-3}[units.time]
    known = duration[np.isfinite(duration)]
    if known.size and np.median(known) > _LONGEST_FIXATION:
      notes.append(
        f'durations in {self.duration.header} were read as milliseconds'
      )
      return 1e-3
    return 1.0


def read_fixations(path: pathlib.Path, units: Units) -> FixationTable:
  """Reads a table of fixations; one that did not change is kept in memory.

  Raises:
    ValueError: A column is missing or ambiguous, or a value is not a number.
    OSError: The file cannot be read.
  """
  state = path.stat()
  return _read(path, units, (state.st_mtime_ns, state.st_size))


@functools.lru_cache(maxsize=1)
def _read(path, units, state):
  del state
  table = read_table(path)
  columns = {role: table.column(role, names) for role, names in _NAMES.items()}
  missing = [role for role in ('name', 'x', 'y') if columns[role] is None]
  if missing:
    raise ValueError(
      f'{path}: expected the columns {_EXPECTED}; got '
      f'{", ".join(table.headers) or "none"}; missing: {", ".join(missing)}'
    )
  frame, time = columns['frame'], columns['time']
  if frame and time:
    raise ValueError(
      f'{path}: expected the columns {_EXPECTED}; got both {frame.header} and '
      f'{time.header}; delete one'
    )
  when = frame or time
  duration, end = columns['duration'], columns['end']
  if duration is None and time and end and end.seconds == time.seconds:
    duration = dataclasses.replace(end, index=-1)  # End minus start.
  numbered: dict[str, list] = defaultdict(list)
  viewers: dict[str, list] = defaultdict(list)
  for line, values in table.rows:
    name = values[columns['name'].index]
    numbered[name].append(
      _numbers(table, line, values, when, duration, end, columns)
    )
    viewer = columns['viewer']
    viewers[name].append(values[viewer.index] if viewer else '')
  rows = {name: np.array(values) for name, values in numbered.items()}
  every = np.concatenate([np.zeros((0, 4)), *rows.values()])
  return FixationTable(
    path=path,
    when=when,
    timed=time is not None,
    duration=duration,
    shares=_are_shares(path, every[:, 2:], units),
    headers=table.headers,
    rows=rows,
    viewers=viewers,
  )


def _numbers(table: Table, line, values, when, duration, end, columns):
  def number(column):
    return table.number(line, values[column.index])

  moment = number(when) if when else 0.0
  lasts = 0.0
  if duration and duration.index < 0:
    lasts = number(end) - moment
  elif duration:
    lasts = number(duration)
  if lasts < 0:
    raise ValueError(
      f'{table.path}, line {line}: expected a duration of 0 or more, got '
      f'{lasts:g}'
    )
  return moment, lasts, number(columns['x']), number(columns['y'])


def _are_shares(path, xy, units):
  """Returns whether coordinates [n, 2] are shares of the picture."""
  if units.coordinates != 'auto':
    return units.coordinates == 'shares'
  known = xy[np.isfinite(xy).all(axis=1)]
  if not len(known) or (known == np.rint(known)).all():
    return False
  within = np.mean((known >= 0) & (known <= 1), axis=0) >= _MOSTLY
  near = np.mean(np.abs(known) < _FAR, axis=0) >= _NEARLY_ALL
  if (within & near).all():
    return True
  if within.any() and len(known) >= _FEW:
    low, high = known.min(axis=0), known.max(axis=0)
    raise ValueError(
      f'{path}: expected pixels, or shares (0 to 1) of the picture, got x from '
      f'{low[0]:g} to {high[0]:g} and y from {low[1]:g} to {high[1]:g}; give '
      '--set coordinates=pixels or --set coordinates=shares'
    )
  return False
