"""The report of a build, as JSON and as text."""

import collections
import json
import pathlib
from collections.abc import Iterable, Sequence

from dave_jax.datasets.schema import GAZE_KINDS

JSON = 'report.json'
_COUNTS = {
  'fixations': 'fixations kept',
  'off_frame': 'fixations outside the frame, left out',
  'without_a_frame': 'fixations at times without a frame, left out',
  'missing': 'samples without coordinates, left out',
  'not_fixating': 'samples of blinks, saccades and errors, left out',
  'frames_without_gaze': 'frames after the end of the gaze, kept',
  'central_start': 'fixations before a viewer first left the centre, left out',
  'gaze_without_frames': 'frames of gaze after the end of the video',
  'frames_without_density': 'frames after the last density map, kept',
  'density_without_frames': 'density maps after the end of the video',
  'without_sound': 'videos without sound, given silence',
  'seconds_without_sound': 'seconds of video after the end of the sound',
}


def report(name: str, results: Iterable[dict], problems: Sequence[str]) -> dict:
  """Returns the report on the results of all units.

  Args:
    name: Name of the data set.
    results: The results that `build.build_unit` wrote.
    problems: Problems that `Source.find` returned.
  """
  clips, skipped, splits = [], [], {}
  totals = collections.Counter()
  for result in results:
    skipped += result['skipped']
    for clip in result['clips']:
      entry, counts = clip['entry'], clip['counts']
      clips.append(
        {
          key: entry[key]
          for key in (
            *('name', 'split', 'category', 'gaze_kind'),
            *('rate', 'height', 'width', 'has_sound'),
          )
        }
        | {**counts, 'notes': clip['notes']}
      )
      split = splits.setdefault(entry['split'], collections.Counter())
      split.update(
        clips=1,
        clips_with_sound=int(entry['has_sound']),
        frames=entry['frames'],
        fixated_frames=sum(end - begin for begin, end in entry['fixated']),
        fixations=entry['fixations'],
      )
      totals.update(
        {key: value for key, value in counts.items() if key in _COUNTS}
      )
  viewers = [clip['viewers'] for clip in clips]
  return {
    'name': name,
    'splits': {split: dict(counts) for split, counts in splits.items()},
    'totals': dict(totals),
    'viewers_per_clip': [min(viewers), max(viewers)] if viewers else [0, 0],
    'gaze_kinds': list(dict.fromkeys(clip['gaze_kind'] for clip in clips)),
    'skipped': skipped,
    'problems': list(problems),
    'clips': clips,
  }


def as_text(report: dict) -> str:
  """Returns the report as text."""
  lines = [report['name'], '']
  header = ['split', 'clips', 'with sound', 'frames', 'fixated', 'fixations']
  rows = [
    [split, *(str(value) for value in counts.values())]
    for split, counts in report['splits'].items()
  ]
  for row in [header, *rows]:
    lines.append(f'{row[0]:<16}' + ''.join(f'{cell:>12}' for cell in row[1:]))
  least, most = report['viewers_per_clip']
  kinds = ', '.join(GAZE_KINDS[kind] for kind in report['gaze_kinds'])
  lines += ['', f'gaze: {kinds}', f'viewers per clip: {least} to {most}']
  for key, text in _COUNTS.items():
    if report['totals'].get(key):
      lines.append(f'{report["totals"][key]:>12,.10g} {text}')
  lines += _section(
    'clips left out',
    [f'{clip["name"]}: {clip["reason"]}' for clip in report['skipped']],
  )
  lines += _section('problems of the source', report['problems'])
  notes = [
    f'{clip["name"]}: {note}'
    for clip in report['clips']
    for note in clip['notes']
  ]
  return '\n'.join(lines + _section('notes', notes)) + '\n'


def write(report: dict, folder: pathlib.Path) -> None:
  """Writes report.json and report.txt."""
  (folder / JSON).write_text(json.dumps(report, indent=1))
  (folder / 'report.txt').write_text(as_text(report))


def _section(title, lines):
  return ['', f'{title}: {len(lines)}', *(f'  {line}' for line in lines)]
