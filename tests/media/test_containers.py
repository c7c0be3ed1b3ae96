"""Containers, rates and pixel formats that clips come in."""

import numpy as np
import pytest

from tests.media import clips
from tests.media.reading import read

_PAUSE = [*np.arange(30) / 30, *(2.5 + np.arange(30) / 30)]
_CLIPS = {
  'mkv': {'rate': 30000 / 1001},  # Times are rounded to milliseconds.
  'mp4 with a pause': {'times': _PAUSE},
  'mp4 from second 2 on': {'times': 2 + np.arange(60) / 25},
  'mkv below second 0': {'times': np.arange(60) / 25 - 0.2},
  'ts': {'options': {'bf': '2'}},
  'avi': {'options': {'bf': '2'}},
  'webm that is live': {'codec': 'libvpx', 'container_options': {'live': '1'}},
  'mp4 of one frame': {'frames': [5]},
  'gif of one frame': {
    **{'frames': [5], 'codec': 'gif', 'pixel_format': 'rgb8'}
  },
  'mp4 of 1 a second': {'rate': 1},
  'mp4 of 240 a second': {'rate': 240},
  'flv': {},
  'mxf': {'codec': 'mpeg2video'},
  'y4m': {'codec': 'rawvideo'},
  'mkv of odd sizes': {'codec': 'ffv1', 'size': (179, 321)},
  'mkv of 16-bit grey': {'codec': 'ffv1', 'pixel_format': 'gray16le'},
  'mov with alpha': {'codec': 'qtrle', 'pixel_format': 'argb'},
  'webm with alpha': {'codec': 'libvpx-vp9', 'pixel_format': 'yuva420p'},
}


@pytest.mark.parametrize('kind', _CLIPS)
def test_frames_and_times_are_those_written(tmp_path, kind):
  options = {'frames': range(60), 'rate': 25} | _CLIPS[kind]
  suffix = kind.split()[0]
  path = clips.write_clip(tmp_path / f'a.{suffix}', **options)
  reader, _, times, numbers = read(path)
  assert numbers == list(options['frames'])
  written = options.get('times')
  if written is None:
    written = np.arange(len(numbers)) / options['rate']
  # FLV and Matroska have a clock of milliseconds.
  np.testing.assert_allclose(
    np.subtract(times, times[0]), np.subtract(written, written[0]), atol=1.1e-3
  )
  assert reader.problems == []


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'ts'])
def test_sound_that_begins_later_stays_there(tmp_path, suffix):
  sound = np.concatenate([np.zeros(8000, np.float32), clips.tone(1)])
  path = clips.write_clip(
    tmp_path / f'a.{suffix}', frames=range(60), sound=sound, sound_start=0.7
  )
  reader, _, times, _ = read(path)
  heard = reader.sound()
  (begin,) = np.flatnonzero(np.diff((heard.log_mel.max(axis=1) > 1) * 1) > 0)
  # The tone begins half a second into the sound; AAC rings a little earlier.
  late = heard.start_time + begin / 100 - times[0]
  assert late == pytest.approx(1.2, abs=0.05)
