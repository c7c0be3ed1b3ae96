"""Tests on recordings in the formats of EyeLink and Tobii."""

import csv

import numpy as np
import pytest

from dave_jax.datasets import eye_trackers, recordings
from tests.media import clips

# A file of edf2asc: fields are separated by tabs and spaces, times are in
# milliseconds. VFRAME is what Data Viewer expects for each frame of a video.
ASC = """** CONVERTED FROM anna.edf using edfapi 4.2.1
** DATE: Mon Mar  4 10:00:00 2024
**
MSG\t100000 DISPLAY_COORDS 0 0 1279 959
MSG\t100010 TRIALID 1
START\t100020 \tLEFT\tRIGHT\tSAMPLES\tEVENTS
SFIX L   100500
MSG\t101000 !V VFRAME 1 320 240 videos\\a.mp4
EFIX L   100500\t101199\t700\t  330.5\t  260.0\t   1200
MSG\t101040 !V VFRAME 2 320 240 videos\\a.mp4
101250\t  400.0\t  300.0\t 1200.0\t...
EFIX R   101260\t101459\t200\t  900.0\t  900.0\t   1200
EFIX L   101260\t101459\t200\t  352.0\t  272.0\t   1200
EFIX L   101500\t101539\t40\t  .\t  .\t   0
MSG\t101800 !V TRIAL_VAR video b.mp4
END\t101810 \tSAMPLES\tEVENTS\tRES\t  40.0\t  40.0
START\t102000 \tLEFT\tRIGHT\tSAMPLES\tEVENTS
MSG\t102505 5 !V VFRAME 1 320 240 b.mp4
EFIX L   102600\t102799\t200\t  340.0\t  250.0\t   1200
END\t103000 \tSAMPLES\tEVENTS\tRES\t  40.0\t  40.0
"""


def _rows(path):
  with path.open() as file:
    return [
      (row['name'], *(float(row[c]) for c in ('time', 'duration', 'x', 'y')))
      for row in csv.DictReader(file)
    ]


def test_eyelink_fixations_come_out_in_seconds_of_the_clip(tmp_path):
  """Left 320, top 240, twice as large: (352 - 320) / 2 = 16 and so on."""
  recording = tmp_path / 'anna.asc'
  recording.write_text(ASC)
  out = tmp_path / 'fixations.csv'
  status = eye_trackers.main(
    [str(recording), f'--out={out}', '--offset=320,240', '--scale=2']
  )
  assert status == 0
  assert _rows(out) == [
    ('a.mp4', -0.5, 0.7, 5.25, 10),
    ('a.mp4', 0.26, 0.2, 16, 16),
    ('b.mp4', 0.1, 0.2, 10, 5),
  ]
  with out.open() as file:
    assert {row['viewer'] for row in csv.DictReader(file)} == {'anna'}


def test_custom_eyelink_messages_begin_and_end_clips(tmp_path):
  recording = tmp_path / 'anna.asc'
  recording.write_text(
    'MSG\t1000 movie_on: bridge\nEFIX R\t1500\t1599\t100\t10.0\t20.0\t900\n'
    'MSG\t2000 movie_off\nEFIX R\t2100\t2199\t100\t10.0\t20.0\t900\n'
  )
  found = list(
    recordings.read_eyelink(
      recording, start=r'movie_on: (\w+)', stop='movie_off'
    )
  )
  assert [(f.name, f.time, f.duration) for f in found] == [('bridge', 0.5, 0.1)]
  with pytest.raises(ValueError, match='movie_on: bridge; movie_off; give'):
    list(recordings.read_eyelink(recording))


def test_video_centred_on_the_screen_needs_no_offset(tmp_path):
  recording = tmp_path / 'anna.asc'
  recording.write_text(ASC)
  out = tmp_path / 'fixations.csv'
  arguments = ['--screen=1280x960', '--video=320x240', '--scale=2']
  assert eye_trackers.main([str(recording), f'--out={out}', *arguments]) == 0
  assert _rows(out)[1] == ('a.mp4', 0.26, 0.2, 16, 16)


def _tobii(step, header='Recording timestamp', decimal='.'):
  """Samples of 120 Hz: 6 of a fixation from sample 12 on, then another."""
  columns = [
    *(header, 'Sensor', 'Participant name', 'Event', 'Presented Stimulus name'),
    *('Eye movement type', 'Gaze event duration', 'Eye movement type index'),
    *('Fixation point X', 'Fixation point Y'),
  ]
  lines = ['\t'.join(columns)]
  for sample in range(40):
    kind, duration, index, x, y = 'Saccade', '20', '1', '', ''
    if 12 <= sample < 18:
      kind, duration, index, x, y = 'Fixation', '50', '1', '700.5', '400'
    elif sample >= 24:
      kind, duration, index, x, y = 'Fixation', '133', '2', '640', '360'
    name = 'a.mp4' if sample >= 4 else ''
    row = [
      *(str(round(1e6 * step + sample * step * 1000 / 120)), 'Eye Tracker'),
      *('P01', '', name, kind, duration, index),
      *(x.replace('.', decimal), y),
    ]
    lines.append('\t'.join(row))
  return '\n'.join(lines) + '\n'


@pytest.mark.parametrize(
  'content',
  [
    _tobii(1000).encode('utf-8'),
    _tobii(1).encode('utf-16'),
    _tobii(1, 'Recording timestamp [ms]', ',').encode('utf-8-sig'),
    _tobii(1000, 'Recording timestamp [μs]').encode('utf-8'),
  ],
)
def test_tobii_fixations_come_out_in_seconds_of_the_clip(tmp_path, content):
  recording = tmp_path / 'export.tsv'
  recording.write_bytes(content)
  found = list(recordings.read_tobii(recording))
  assert [(f.name, f.viewer) for f in found] == [('a.mp4', 'P01')] * 2
  # The clip begins at sample 4.
  np.testing.assert_allclose(
    [f.time for f in found], [8 / 120, 20 / 120], atol=1.1e-3
  )
  assert [(f.duration, f.x, f.y) for f in found] == [
    (0.05, 700.5, 400),
    (0.133, 640, 360),
  ]


def test_tobii_export_of_fixations_alone_is_refused(tmp_path):
  lines = _tobii(1000).splitlines()
  recording = tmp_path / 'export.tsv'
  recording.write_text(
    '\n'.join(line for line in lines if 'Saccade' not in line)
  )
  with pytest.raises(ValueError, match='expected all samples'):
    list(recordings.read_tobii(recording))


def test_tobii_columns_that_are_missing_are_named(tmp_path, capsys):
  recording = tmp_path / 'export.tsv'
  recording.write_text('Recording timestamp\tGaze point X\n1\t2\n')
  out = tmp_path / 'fixations.csv'
  assert eye_trackers.main([str(recording), f'--out={out}']) == 1
  assert 'missing: name, kind, duration, x, y' in capsys.readouterr().err
  assert not out.exists()


def test_converted_recordings_become_a_data_set(tmp_path, build_set):
  root = tmp_path / 'own'
  root.mkdir()
  for name in ('a.mp4', 'b.mp4'):
    clips.write_clip(root / name, frames=range(20))
  recording = tmp_path / 'anna.asc'
  recording.write_text(ASC)
  arguments = [f'--out={root / "fixations.csv"}', '--offset=320,240']
  assert eye_trackers.main([str(recording), *arguments]) == 0
  dataset, report = build_set(
    'folder', root, settings={'pixels_per_degree': '6'}
  )
  frames = {c.name: c.fixated_frames().tolist() for c in dataset.clips('test')}
  # 40 ms frames. a: until 0.2 s, and 0.26 to 0.46 s; b: 0.1 to 0.3 s.
  assert frames == {
    'a': [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
    'b': [2, 3, 4, 5, 6, 7],
  }
  assert report['viewers_per_clip'] == [1, 1]
