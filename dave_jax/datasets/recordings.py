"""Reads fixations from recordings of EyeLink and Tobii eye trackers.

EyeLink: lines `EFIX eye start end duration x y pupil` and `MSG time text` of an
ASC file (EyeLink 1000 Plus User Manual, 4.9), times in milliseconds. Tobii: a
tab-separated export with a row per sample.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from dave_jax.datasets.source import IMAGES, VIDEOS
from dave_jax.datasets.tables import read_table

_FILE = re.compile(
  r'([^\s"\'/\\]+(?:' + '|'.join(map(re.escape, VIDEOS | IMAGES)) + r'))\b',
  re.IGNORECASE,
)
_TRIAL_VARIABLE = 'TRIAL_VAR'  # Sent at the end of a trial.
_SHOWN = ('VFRAME', 'IMGLOAD')  # Messages of Data Viewer for what is shown.
_TOBII = {
  'time': 'recordingtimestamp',
  'viewer': 'participantname',
  'name': 'presentedstimulusname presentedmedianame medianame',
  'kind': 'eyemovementtype gazeeventtype',
  'index': 'eyemovementtypeindex fixationindex',
  'duration': 'gazeeventduration',
  'event': 'event studioevent',
  'x': 'fixationpointx fixationpointxdacspx fixationpointxmcspx',
  'y': 'fixationpointy fixationpointydacspx fixationpointymcspx',
}
_START = re.compile('(stimulus|movie|image)start', re.IGNORECASE)
# Above this step between rows, times are in microseconds: trackers record 30 to
# 2000 samples per second.
_LONGEST_STEP_IN_MS = 100


@dataclasses.dataclass(frozen=True)
class Fixation:
  """A fixation on the screen.

  Attributes:
    name: File name of the clip.
    time: Seconds from the beginning of the clip.
    duration: Seconds.
    viewer: Name of the viewer.
    x, y: Pixels of the screen, or of the media for exports in media pixels.
  """

  name: str
  time: float
  duration: float
  viewer: str
  x: float
  y: float


def read_eyelink(
  path: pathlib.Path,
  *,
  start: str | None = None,
  stop: str | None = None,
  eye: str = 'auto',
) -> Iterator[Fixation]:
  """Yields the fixations of an EyeLink ASC file; the viewer is its name.

  Args:
    path: The file.
    start: Regular expression of the messages that begin a clip, whose group (or
      whole) is the clip's name; None is any message with the name of a video or
      an image.
    stop: Regular expression of messages that end a clip.
    eye: 'left', 'right', or 'auto': the one recorded, or the left of two.

  Raises:
    ValueError: There is no fixation, or none during a clip.
    OSError: The file cannot be read.
  """
  lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
  messages = [_message(line) for line in lines if line.startswith('MSG')]
  eyes = {line.split()[1] for line in lines if re.match(r'EFIX\s+[LR]\s', line)}
  if not eyes:
    raise ValueError(
      f'{path}: expected fixations (lines EFIX), got none; convert the EDF '
      'file with edf2asc, events included'
    )
  chosen = {'left': 'L', 'right': 'R'}.get(eye, 'L' if 'L' in eyes else 'R')
  name_in = _name_finder(messages, start)
  name, begin, found = None, 0.0, False
  for line in lines:
    fields = line.split()
    if fields[:1] == ['END']:
      name = None
    elif line.startswith('MSG'):
      time, text = _message(line)
      new = name_in(text)
      # Messages for each frame name the clip again.
      if new and (new != name or start):
        name, begin = new, time
      elif not new and stop and re.search(stop, text):
        name = None
    elif name and fields[:2] == ['EFIX', chosen]:
      try:
        first, _, duration, x, y = map(float, fields[2:7])
      except ValueError:  # A dot: the position is unknown.
        continue
      found = True
      yield Fixation(
        name=name,
        time=(first - begin) / 1000,
        duration=duration / 1000,
        viewer=path.stem,
        x=x,
        y=y,
      )
  if not found:
    texts = '; '.join(text for _, text in messages[:5]) or 'none'
    raise ValueError(
      f'{path}: expected a message that names the file when each clip begins, '
      f'got the messages: {texts}; give --start=REGEX, with the name in '
      f'its group, or --eye (recorded: {", ".join(sorted(eyes))})'
    )


def _message(line):
  """Returns (time of the event in ms, text) of a line MSG."""
  _, time, *text = line.split(None, 2)
  text = text[0] if text else ''
  # Data Viewer: an integer before the text says how long ago the event was.
  late = re.match(r'(-?\d+)\s+(?=!V)', text)
  if late:
    return float(time) - int(late[1]), text[late.end() :]
  return float(time), text


def _name_finder(messages, start):
  """Returns a function from a message to the name of the clip, or None."""
  pattern = re.compile(start) if start else _FILE
  texts = [text for _, text in messages]
  shown = any(kind in text for text in texts for kind in _SHOWN)

  def name_in(text):
    if not start and shown and not any(kind in text for kind in _SHOWN):
      return None
    if not start and _TRIAL_VARIABLE in text:
      return None
    match = pattern.search(text)
    return match and (match[1] if pattern.groups else match[0])

  return name_in


def read_tobii(path: pathlib.Path) -> Iterator[Fixation]:
  """Yields the fixations of a Tobii export of all samples.

  The unit of `Recording timestamp` is that of its name, else milliseconds or
  microseconds by the usual step between rows; durations are in milliseconds.

  Raises:
    ValueError: A column is missing, the samples between fixations are, or there
      is no fixation on a stimulus.
    OSError: The file cannot be read.
  """
  table = read_table(path)
  columns = {role: table.column(role, names) for role, names in _TOBII.items()}
  missing = [
    role
    for role in ('time', 'name', 'kind', 'duration', 'x', 'y')
    if columns[role] is None
  ]
  if missing:
    raise ValueError(
      f'{path}: expected an export of Tobii Pro Lab or Studio with Recording '
      'timestamp, Participant name, Presented Stimulus name, Eye movement '
      'type, Gaze event duration, Fixation point X and Y; missing: '
      f'{", ".join(missing)}; got {", ".join(table.headers)}'
    )
  rows = [
    (line, {role: values[c.index] for role, c in columns.items() if c})
    for line, values in table.rows
  ]
  times = np.array([table.number(line, row['time']) for line, row in rows])
  times = times * (columns['time'].seconds or _tobii_unit(times))
  begins: dict[tuple[str, str], float] = {}
  seen, sampled = set(), set()
  fixations = []
  for (line, row), time in zip(rows, times.tolist(), strict=True):
    name, viewer = row['name'], row.get('viewer') or path.stem
    if not name:
      continue
    clip = viewer, name
    begins.setdefault(clip, time)
    if _START.search(row.get('event', '')):
      begins[clip] = time
      sampled.add(clip)
    if row['kind'].lower() != 'fixation':
      sampled.add(clip)
      continue
    x, y = table.number(line, row['x']), table.number(line, row['y'])
    duration = table.number(line, row['duration']) / 1000
    # Every sample of a fixation repeats it.
    fixation = (*clip, row.get('index', ''), x, y, duration)
    if np.isnan([x, y, duration]).any() or fixation in seen:
      continue
    seen.add(fixation)
    fixations.append(
      Fixation(name, time - begins[clip], duration, viewer, x, y)
    )
  if not fixations:
    raise ValueError(
      f'{path}: expected rows with a stimulus and the eye movement type '
      'Fixation, got none'
    )
  if set(begins) - sampled:
    raise ValueError(
      f'{path}: expected all samples, got only fixations of '
      f'{", ".join(sorted({name for _, name in set(begins) - sampled}))}, so '
      'that it is unknown when the clip began; export without a filter'
    )
  yield from fixations


def _tobii_unit(times):
  steps = np.diff(times)
  steps = steps[steps > 0]
  long = steps.size and np.median(steps) > _LONGEST_STEP_IN_MS
  return 1e-6 if long else 1e-3
