import av
import clips
import cv2
import numpy as np
import pytest

from dave_jax.media.audio import load_waveform
from dave_jax.media.container import StreamFrames
from dave_jax.media.drawing_style import Style
from dave_jax.media.overlay import OverlayWriter, draw
from dave_jax.media.source import open_source

PEAK = np.zeros((8, 12), np.float32)
PEAK[2, 9] = 1


def noise(seconds, rate=16000):
  generator = np.random.default_rng(0)
  sound = generator.normal(0, 0.1, round(seconds * rate))
  return np.convolve(sound, np.ones(8) / 8, 'same').astype(np.float32)


def lag(sound, delayed):
  """Returns by how many samples the second is later, of correlation."""
  n = min(sound.size, delayed.size)
  spectrum = np.fft.rfft(sound[:n], 2 * n).conj() * np.fft.rfft(
    delayed[:n], 2 * n
  )
  peak = int(np.fft.irfft(spectrum).argmax())
  return peak if peak < n else peak - 2 * n


def overlay(source, path, **options):
  """Draws an overlay; returns the times of its frames and the reader of it."""
  reader = open_source(source, **options)
  times = []
  with OverlayWriter(path, reader.info) as writer:
    for frame in reader:
      writer.write(draw(frame.image, PEAK), frame.time)
      times.append(frame.time)
  return np.array(times), open_source(path)


def test_draw_colours_the_peak_and_leaves_the_rest():
  image = clips.picture(5)
  drawn = draw(image, PEAK)
  # The map's pixel (2, 9) of 8 x 12 is rows 16 to 24, columns 72 to 80.
  red, green, blue = drawn[20, 76].astype(int) - image[20, 76]
  assert red > 100 and green > 50 and red > blue
  np.testing.assert_array_equal(drawn[40:], image[40:])
  np.testing.assert_array_equal(drawn, draw(image, 1e-7 * PEAK))


@pytest.mark.parametrize('value', [0, 1e-3])
def test_draw_of_a_constant_map_is_the_picture(value):
  image = clips.picture(5)
  drawn = draw(image, np.full((8, 12), value))
  np.testing.assert_array_equal(drawn, image)


def test_frames_keep_their_times_and_pictures(tmp_path):
  times = [0, 0.04, 0.05, 0.3, 1.0, 1.02, 2.5]
  source = clips.write_clip(tmp_path / 'a.mkv', frames=range(7), times=times)
  _, reader = overlay(source, tmp_path / 'overlay.mp4')
  frames = list(reader)
  np.testing.assert_allclose([f.time for f in frames], times, atol=6e-4)
  # The overlay is bright over the two highest bits alone.
  numbers = [clips.number(frame.image) for frame in frames]
  assert numbers == list(range(7))
  assert reader.info.codec == 'h264'
  assert reader.problems == []


def test_colours_outside_the_peak_stay(tmp_path):
  picture = np.empty((64, 96, 3), np.uint8)
  picture[...] = 200, 30, 40
  source = clips.write_clip(
    tmp_path / 'a.mkv', frames=[picture] * 3, codec='ffv1', pixel_format='bgr0'
  )
  _, reader = overlay(source, tmp_path / 'overlay.mp4')
  for frame in reader:
    np.testing.assert_allclose(frame.image[50:], picture[50:], atol=5)


@pytest.mark.parametrize('begin', [0, 1.2])
@pytest.mark.parametrize(
  'name, codec, rate, expected',
  [
    ('a.mp4', 'aac', 16000, 'aac'),
    ('a.ts', 'aac', 48000, 'aac'),
    ('a.mkv', 'flac', 48000, 'flac'),
    ('a.mkv', 'libopus', 48000, 'opus'),
    ('a.mkv', 'libmp3lame', 44100, 'mp3float'),
    ('a.mkv', 'pcm_s16le', 22050, 'aac'),
    ('a.mpg', 'mp2', 44100, 'aac'),
  ],
)
def test_sound_stays_with_the_picture(
  tmp_path, name, codec, rate, expected, begin
):
  source = clips.write_clip(
    tmp_path / name,
    frames=range(100),
    codec='mpeg2video' if name == 'a.mpg' else 'libx264',
    sound=noise(4, rate),
    sound_rate=rate,
    sound_codec=codec,
  )
  shift = open_source(source).info.start_time
  times, _ = overlay(
    source, tmp_path / 'overlay.mp4', start=begin + shift, end=3 + shift
  )
  with av.open(str(tmp_path / 'overlay.mp4')) as container:
    assert container.streams.audio[0].name == expected
  sound, start = load_waveform(source)
  copied, copied_start = load_waveform(tmp_path / 'overlay.mp4')
  # Half a second of both from half a second after the first frame on.
  at = round((times[0] + 0.5 - start) * 16000)
  copied_at = round((0.5 - copied_start) * 16000)
  late = lag(sound[at : at + 8000], copied[copied_at : copied_at + 8000])
  assert abs(late) <= 16  # A millisecond, to which Matroska rounds.
  copied_at += late
  original = sound[at : at + 8000]
  copy = copied[copied_at : copied_at + 8000]
  assert np.corrcoef(original, copy)[0, 1] > 0.8
  duration = times[-1] - times[0] + 1 / 25
  assert copied.size / 16000 + copied_start == pytest.approx(duration, abs=0.1)


def test_sound_with_a_hole_stays_with_the_picture(tmp_path):
  sound = noise(3)
  source = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=range(90),
    sound=sound,
    sound_codec='pcm_s16le',
    sound_hole=(1.024, 0.5),
  )
  overlay(source, tmp_path / 'overlay.mp4')
  copied, _ = load_waveform(tmp_path / 'overlay.mp4')
  assert abs(lag(sound[20000:28000], copied[28000:36000])) <= 16
  assert np.abs(copied[18000:23000]).max() < 0.02


def test_folder_of_frames_gets_its_wav(tmp_path):
  folder = tmp_path / 'clip_25'
  folder.mkdir()
  for i in range(30):
    cv2.imwrite(str(folder / f'{i}.png'), clips.picture(i))
  sound = noise(1.2)
  clips.write_clip(folder / 'a.wav', sound=sound, sound_codec='pcm_s16le')
  _, reader = overlay(folder, tmp_path / 'overlay.mp4')
  assert [clips.number(frame.image) for frame in reader] == list(range(30))
  copied, _ = load_waveform(tmp_path / 'overlay.mp4')
  assert abs(lag(sound[4000:12000], copied[4000:12000])) <= 16


def test_video_without_sound_and_of_odd_size(tmp_path):
  source = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=range(5),
    size=(65, 97),
    codec='ffv1',
    pixel_format='bgr0',
  )
  _, reader = overlay(source, tmp_path / 'overlay.mp4')
  assert (reader.info.height, reader.info.width) == (64, 96)
  assert reader.info.sound_path is None
  assert len(list(reader)) == 5


def test_without_x264_it_is_mpeg4_and_says_so(tmp_path, monkeypatch):
  monkeypatch.setattr('av.codecs_available', {'mpeg4'})
  source = clips.write_clip(
    tmp_path / 'a.mkv', frames=range(20), sound=noise(0.8)
  )
  with open_source(source) as reader:
    writer = OverlayWriter(tmp_path / 'overlay.mp4', reader.info)
    with writer:
      times = []
      for frame in reader:
        writer.write(frame.image, frame.time)
        times.append(frame.time)
  (problem,) = writer.problems
  assert 'cannot encode H.264 (libx264); using MPEG-4' in problem
  with open_source(tmp_path / 'overlay.mp4') as reader:
    frames = list(reader)
  assert reader.info.codec == 'mpeg4'
  assert [clips.number(frame.image) for frame in frames] == list(range(20))
  np.testing.assert_allclose([f.time for f in frames], times, atol=1e-4)


def test_sound_without_time_stamps_is_left_out_and_reported(
  tmp_path, monkeypatch
):
  packets = StreamFrames.packets

  def without_some(self):
    for number, packet in enumerate(packets(self)):
      if packet.stream.type == 'audio' and number in (3, 7):
        packet.pts = packet.dts = None
      yield packet

  source = clips.write_clip(
    tmp_path / 'a.mp4', frames=range(50), sound=noise(2)
  )
  with open_source(source) as reader:
    frames = list(reader)
    monkeypatch.setattr(StreamFrames, 'packets', without_some)
    writer = OverlayWriter(tmp_path / 'overlay.mp4', reader.info)
    with writer:
      for frame in frames:
        writer.write(frame.image, frame.time)
  assert writer.problems == [
    'overlay: 2 pieces of sound without a time stamp are left out'
  ]


@pytest.mark.parametrize('style', ['contour', 'side_by_side'])
def test_styles_keep_the_picture_away_from_the_peak(style):
  image = clips.picture(5)
  drawn = draw(image, PEAK, Style(style))
  assert drawn.shape == (64, 192 if style == 'side_by_side' else 96, 3)
  np.testing.assert_array_equal(drawn[40:, :96], image[40:])
  peak = drawn[10:30, -30:]
  assert (peak != image[10:30, -30:]).any()
  if style == 'side_by_side':
    np.testing.assert_array_equal(drawn[:, :96], image)


def test_opacity_scales_the_colours():
  image = clips.picture(5)
  assert (draw(image, PEAK, Style(opacity=0)) == image).all()
  strong = draw(image, PEAK, Style(opacity=1, colormap='jet'))
  # Jet ends in dark red.
  red, green, blue = strong[20, 76].astype(int)
  assert red > 100 and green < 30 and blue < 30


def test_unknown_styles_are_refused():
  for wrong in ({'style': 'hot'}, {'colormap': 'red'}, {'opacity': 1.5}):
    with pytest.raises(ValueError, match='expected'):
      Style(**wrong)


def test_aborted_overlay_leaves_nothing(tmp_path):
  source = clips.write_clip(
    tmp_path / 'a.mp4', frames=range(30), sound=noise(1.2)
  )
  path = tmp_path / 'out' / 'overlay.mp4'
  reader = open_source(source)

  def interrupted():
    with OverlayWriter(path, reader.info) as writer:
      for frame in reader:
        writer.write(draw(frame.image, PEAK), frame.time)
        assert [file.name for file in path.parent.iterdir()] == [
          'overlay.partial.mp4'
        ]
        if frame.index == 20:
          raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    interrupted()
  assert list(path.parent.iterdir()) == []


def test_overlay_without_frames_is_refused(tmp_path):
  source = clips.write_clip(tmp_path / 'a.mp4', frames=range(3))
  writer = OverlayWriter(tmp_path / 'o.mp4', open_source(source).info)
  with pytest.raises(ValueError, match='no frame was written'):
    writer.close()
  assert not (tmp_path / 'o.mp4').exists()
