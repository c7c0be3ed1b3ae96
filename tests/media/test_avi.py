"""AVI files: order of frames, clocks, lost packets."""

import re

import numpy as np
import pytest

from dave_jax.media.video import VideoReader
from tests.media import clips
from tests.media.reading import read


@pytest.mark.parametrize(
  'codec, options',
  [
    ('mpeg4', {}),
    ('mpeg4', {'bf': '2'}),
    ('libx264', {'bf': '2', 'preset': 'ultrafast'}),
    ('ffv1', {}),
  ],
)
def test_avi_has_all_frames_in_order(tmp_path, codec, options):
  """An AVI states no times; its muxer puts an empty packet where one lacks.

  With sound it does so after the first frame, to hold the codec's delay.
  """
  path = clips.write_clip(
    tmp_path / 'a.avi',
    frames=range(50),
    codec=codec,
    options=options,
    sound=clips.tone(2, 44100),
    sound_rate=44100,
    sound_codec='libmp3lame',
  )
  reader, _, times, numbers = read(path)
  assert numbers == list(range(50))
  assert times[-1] - times[-20] == pytest.approx(19 / 25)
  assert reader.info.frames == pytest.approx(50, abs=1)
  assert reader.problems == []
  late = VideoReader(path, start=1.2)
  assert [clips.number(frame.image) for frame in late] == numbers[
    np.searchsorted(times, 1.2) :
  ]


def test_avi_of_a_fine_clock_does_not_count_its_ticks(tmp_path):
  """50 frames at 25 a second, on a clock of 600 ticks a second."""
  times = [number / 25 for number in range(50)]
  path = clips.write_clip(
    tmp_path / 'a.avi', frames=range(50), times=times, codec='mpeg4'
  )
  reader, _, found, _ = read(path)
  assert reader.info.frames == 50
  np.testing.assert_allclose(found, times)
  assert reader.problems == []


@pytest.mark.parametrize('sound_codec', ['pcm_s16le', 'libmp3lame'])
def test_packets_lost_from_an_avi_do_not_move_the_others(tmp_path, sound_codec):
  """FFmpeg counts packets; the index of the file says where they belong."""
  sound = np.zeros(4 * 44100, np.float32)
  sound[3 * 44100 :] = clips.tone(1, 44100)
  path = clips.write_clip(
    tmp_path / 'a.avi',
    frames=range(100),
    codec='mjpeg',
    pixel_format='yuvj420p',
    sound=sound,
    sound_rate=44100,
    sound_codec=sound_codec,
  )
  _, _, whole, _ = read(path)
  data = bytearray(path.read_bytes())
  for name in (b'00dc', b'01wb'):  # Names of the chunks in the middle.
    begin = data.index(b'movi')
    for place in [
      match.start()
      for match in re.finditer(name, data[: data.index(b'idx1')])
      if match.start() > begin
    ][40:60]:
      data[place : place + 4] = b'XXXX'
  path.write_bytes(data)
  reader, _, times, numbers = read(path)
  lost = sorted(set(range(100)) - set(numbers))
  assert lost == list(range(lost[0], lost[0] + 20))
  np.testing.assert_allclose(times, [whole[number] for number in numbers])
  assert any('hole' in problem for problem in reader.problems)
  heard = reader.sound()
  (begin,) = np.flatnonzero(np.diff((heard.log_mel.max(axis=1) > 1) * 1) > 0)
  assert heard.start_time + begin / 100 == pytest.approx(3, abs=0.05)
