"""One clock for picture and sound, whatever the stamps of a file are."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from dave_jax.media.source import open_source
from tests.media import clips
from tests.media.reading import read

RATE = 48000


def flashes(path, seconds, moments, fmt=None, codec='libx264'):
  """Writes a clip whose white frames and tones, 0.1 s, begin at `moments`."""
  times = np.arange(round(seconds * 25)) / 25
  on = [any(m - 1e-6 <= t < m + 0.1 - 1e-6 for m in moments) for t in times]
  pictures = [np.full((64, 96, 3), 255 * lit, np.uint8) for lit in on]
  t = np.arange(round(seconds * RATE)) / RATE
  loud = np.any([(t >= m) & (t < m + 0.1) for m in moments], axis=0)
  return clips.write_clip(
    path,
    frames=pictures,
    codec=codec,
    options={'bf': '0', 'preset': 'ultrafast'} if codec == 'libx264' else None,
    sound=0.5 * loud * np.sin(2 * np.pi * 1000 * t),
    sound_rate=RATE,
  )


def restamp(source, target, change, options=None):
  """Copies a file with the stamps that `change(kind, seconds)` returns."""
  with (
    av.open(str(source)) as old,
    av.open(str(target), 'w', options=options or {}) as new,
  ):
    streams = {s: new.add_stream_from_template(s) for s in old.streams}
    for packet in old.demux():
      if packet.dts is None:
        continue
      base, kind = packet.time_base, packet.stream.type
      for name in ('pts', 'dts'):
        time = change(kind, float(getattr(packet, name) * base))
        setattr(packet, name, round(time / base))
      packet.stream = streams[packet.stream]
      new.mux(packet)
  return target


def onsets(path, **options):
  """Returns where white frames and tones begin, in seconds."""
  with open_source(path, size=(64, 96), **options) as reader:
    frames = [(frame.time, frame.image.mean() > 150) for frame in reader]
    sound = reader.sound()
  times = sound.start_time + np.arange(len(sound.log_mel)) / 100
  loud = sound.log_mel.max(axis=1) > 1
  assert all(a[0] < b[0] for a, b in itertools.pairwise(frames))
  return _begins(*zip(*frames, strict=True)), _begins(times, loud), reader


def _begins(times, on):
  return [
    float(t)
    for t, now, before in zip(times, on, [False, *on], strict=False)
    if now and not before
  ]


def assert_together(white, tone, expected):
  """A log-mel frame reaches 15 ms past its 10."""
  np.testing.assert_allclose(white, expected, atol=0.045)
  np.testing.assert_allclose(tone, expected, atol=0.045)


def test_two_frames_of_one_stamp(tmp_path):
  source = flashes(tmp_path / 'a.mkv', 4, (1, 2, 3))

  def coarse(kind, time):
    # Every tenth frame gets the stamp of the one before.
    late = kind == 'video' and round(time * 25) % 10 == 9
    return time - 0.04 if late else time

  path = restamp(source, tmp_path / 'b.mkv', coarse)
  white, tone, reader = onsets(path)
  assert_together(white, tone, [1, 2, 3])
  assert reader.counts['derived_times'] == 10
  assert reader.counts['frames'] == 100


def _parts(tmp_path, begins):
  """Returns a transport stream of 2 s parts, each with a flash after 1 s."""
  whole = b''
  for begin in begins:
    source = flashes(tmp_path / 'part.mkv', 2, (1,))
    part = restamp(
      source,
      tmp_path / 'part.ts',
      lambda _, time, begin=begin: time + begin,
      {'mpegts_copyts': '1'},
    )
    whole += part.read_bytes()
  path = tmp_path / 'joined.ts'
  path.write_bytes(whole)
  return path


def test_segments_that_overlap_keep_their_clock(tmp_path):
  # The second part, from 11.4 s on, overlaps the first by 0.6 s.
  white, tone, reader = onsets(_parts(tmp_path, [10, 11.4]))
  assert_together(white, tone, [11, 12.4])
  assert reader.counts['frames'] == 100


@pytest.mark.parametrize('begin', [0.5, 20000, 400])
def test_clock_that_jumps_goes_on_unbroken_in_both(tmp_path, begin):
  """Back by hours, forward by hours, back by minutes."""
  white, tone, reader = onsets(_parts(tmp_path, [7600, begin]))
  assert_together(white, tone, [7601, 7603])
  assert reader.counts['clock_jumps'] == 1
  assert 'the clock jumps 1 times' in ''.join(reader.problems)


def test_counter_of_33_bits_that_wraps(tmp_path):
  """FFmpeg takes what comes before the wrap as below zero."""
  # 2^33 ticks of 1 / 90000 s are 95443.7 s: inside the second part.
  white, tone, reader = onsets(_parts(tmp_path, [95440.7, 95442.7]))
  first = white[0]
  assert first < 0
  assert_together(white, tone, [first, first + 2])
  assert reader.counts['frames'] == 100


def test_frames_handed_out_in_coding_order(tmp_path):
  """Every frame is a key frame, so that the decoder does not reorder."""
  order = [0] + [g * 4 + k for g in range(10) for k in (4, 2, 1, 3)]
  path = tmp_path / 'a.mp4'
  base = Fraction(1, 24000)
  with av.open(str(path), 'w') as output:
    video = output.add_stream('libx264', rate=Fraction(24000, 1001))
    video.width, video.height, video.pix_fmt = 96, 64, 'yuv420p'
    video.codec_context.time_base = base
    video.options = {'tune': 'zerolatency', 'g': '1', 'bf': '0'}
    for n, shown in enumerate(order):
      frame = av.VideoFrame.from_ndarray(clips.picture(shown), format='rgb24')
      frame.pts, frame.time_base = 1001 * n, base
      for packet in video.encode(frame):
        packet.pts, packet.dts = 1001 * (shown + 4), 1001 * n
        output.mux(packet)
    output.mux(video.encode())
  reader, indices, times, numbers = read(path)
  assert numbers == indices == list(range(41))
  np.testing.assert_allclose(np.diff(times), 1001 / 24000, atol=1e-6)
  assert reader.problems == []


@pytest.mark.parametrize('start', [0.5, 1.5, 2.3])
def test_times_do_not_depend_on_the_start(tmp_path, start):
  source = flashes(tmp_path / 'a.mkv', 4, (1, 2, 3))

  def coarse(kind, time):
    late = kind == 'video' and round(time * 25) % 7 == 6
    return time - 0.04 if late else time

  path = restamp(source, tmp_path / 'b.mkv', coarse)
  with open_source(path) as reader:
    whole = {frame.index: frame.time for frame in reader}
  with open_source(path, start=start, lead=2) as reader:
    part = {frame.index: frame.time for frame in reader}
  assert part == {k: v for k, v in whole.items() if k in part}
  assert min(t for t in part.values() if t >= start) - start < 0.05


def test_rate_is_measured_if_the_claim_is_wrong(tmp_path):
  """Browsers claim 1000 frames per second in the WebM that they record."""
  source = clips.write_clip(
    tmp_path / 'a.webm', frames=range(60), rate=30, codec='libvpx'
  )
  content = source.read_bytes()
  # DefaultDuration, 33333333 ns, becomes 1 ms.
  at = content.index(b'\x23\xe3\x83\x84') + 4
  path = tmp_path / 'b.webm'
  path.write_bytes(content[:at] + (10**6).to_bytes(4) + content[at + 4 :])
  reader, _, times, _ = read(path)
  assert reader.info.rate == pytest.approx(30, rel=0.02)
  np.testing.assert_allclose(times, np.arange(60) / 30, atol=1e-3)


def test_frames_lost_in_the_middle_are_measured(tmp_path):
  path = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=range(150),
    codec='mjpeg',
    pixel_format='yuvj420p',
  )
  whole = path.read_bytes()
  part = len(whole) // 3
  noise = np.random.default_rng(0).bytes(part // 2)
  path.write_bytes(whole[:part] + noise + whole[part + len(noise) :])
  reader, _, times, numbers = read(path)
  lost = 150 - len(numbers)
  assert lost > 10
  np.testing.assert_allclose(times, np.array(numbers) / 25, atol=1e-3)
  assert reader.counts['hole_seconds'] == pytest.approx(lost / 25, abs=0.05)
  assert 'holes without frames' in ''.join(reader.problems)
