"""Reading whole videos: every frame, its time, its colours, what is broken."""

import threading

import av
import numpy as np
import pytest

from dave_jax.media.source import open_source
from dave_jax.media.video import VideoReader, probe
from tests.media import clips
from tests.media.reading import read


@pytest.mark.parametrize(
  'name, codec, pixel_format',
  [
    ('a.mp4', 'libx264', 'yuv420p'),
    ('a.mov', 'libx264', 'yuv444p'),
    ('a.mkv', 'ffv1', 'bgr0'),
    ('a.mkv', 'libx264', 'yuv420p10le'),
    ('a.webm', 'libvpx-vp9', 'yuv420p'),
    ('a.avi', 'mpeg4', 'yuv420p'),
    ('a.avi', 'mjpeg', 'yuvj422p'),
    ('a.mpg', 'mpeg2video', 'yuv420p'),
    ('a.flv', 'flv', 'yuv420p'),
  ],
)
def test_every_frame_in_order_at_its_time(tmp_path, name, codec, pixel_format):
  path = clips.write_clip(
    tmp_path / name,
    frames=range(40),
    codec=codec,
    pixel_format=pixel_format,
  )
  reader, indices, times, numbers = read(path)
  assert indices == numbers == list(range(40))
  # The clock of some containers does not begin at 0.
  times = np.array(times) - reader.info.start_time
  np.testing.assert_allclose(times, np.arange(40) / 25, atol=1e-3)
  assert reader.problems == []
  assert reader.info.rate == 25
  assert (reader.info.height, reader.info.width) == (64, 96)


def test_variable_frame_rate_keeps_the_time_stamps(tmp_path):
  times = [0, 0.04, 0.05, 0.3, 1.0, 1.001, 2.5]
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(7), times=times)
  reader, _, got, numbers = read(path)
  assert numbers == list(range(7))
  np.testing.assert_allclose(got, times, atol=1 / 12000)
  assert reader.problems == []


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
@pytest.mark.parametrize('size', [None, (48, 80)])
def test_rotated_video_is_the_right_way_up(tmp_path, rotation, size):
  # The display matrix turns counter-clockwise, as numpy.rot90 does.
  picture = clips.picture(0b0111000011)
  picture[:, :30, 1:] = 0  # Red at the left.
  path = clips.write_clip(
    tmp_path / 'a.mp4',
    frames=[picture] * 3,
    rotation=rotation,
    pixel_format='yuv444p',
  )
  with VideoReader(path, size=size) as reader:
    image = next(iter(reader)).image
  expected = np.rot90(picture, rotation // 90)
  h, w, _ = expected.shape
  assert (reader.info.height, reader.info.width) == (h, w)
  if size is None:
    np.testing.assert_allclose(image, expected, atol=6)
  else:
    assert image.shape == (*size, 3)
    rows = np.arange(2, size[0], 5)
    columns = np.arange(2, size[1], 5)
    nearest = expected[np.ix_(rows * h // size[0], columns * w // size[1])]
    differs = np.abs(image[np.ix_(rows, columns)] - nearest.astype(int)) > 60
    assert differs.mean() < 0.15  # Those on an edge.


@pytest.mark.parametrize(
  # FFmpeg's numbers: 1 is BT.709, 5 is BT.601; 1 is limited, 2 full range.
  'colorspace, color_range',
  [(1, 1), (5, 1), (1, 2), (5, 2)],
)
def test_colours_are_read_as_tagged(tmp_path, colorspace, color_range):
  picture = np.empty((64, 96, 3), np.uint8)
  picture[:, :48] = 200, 30, 40
  picture[:, 48:] = 20, 90, 220
  path = tmp_path / 'a.mkv'
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('libx264', rate=25, options={'crf': '1'})
    stream.height, stream.width = 64, 96
    stream.codec_context.colorspace = colorspace
    stream.codec_context.color_range = color_range
    frame = av.video.reformatter.VideoReformatter().reformat(
      av.VideoFrame.from_ndarray(picture, format='rgb24'),
      format='yuv420p',
      dst_colorspace=colorspace,
      dst_color_range=color_range,
      src_color_range=2,
    )
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  with VideoReader(path) as reader:
    (frame,) = reader
  np.testing.assert_allclose(frame.image[20, 10], picture[20, 10], atol=4)
  np.testing.assert_allclose(frame.image[20, 80], picture[20, 80], atol=4)


def test_resizing_keeps_the_picture(tmp_path):
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(5), size=(270, 480))
  with VideoReader(path, size=(96, 160)) as reader:
    for frame in reader:
      assert frame.image.shape == (96, 160, 3)
      assert frame.image.dtype == np.uint8
      assert clips.number(frame.image) == frame.index


def test_best_stream_is_taken_unless_another_is_named(data):
  path = data / 'clips' / 'nasa_13013.mp4'
  best, other = probe(path), probe(path, stream=0)
  assert (best.video_stream, best.audio_stream) == (3, 4)
  assert (best.width, best.height) == (480, 270)
  assert best.rate == pytest.approx(30000 / 1001)
  assert (other.width, other.height, other.rate) == (320, 180, 25)
  with pytest.raises(ValueError, match=r'1 is not a video.*3 video \(h264'):
    probe(path, stream=1)
  with pytest.raises(ValueError, match='stream 9 is not a video'):
    probe(path, stream=9)


@pytest.mark.parametrize(
  # The frames of the MP4s are told by the files; the others last 30 and 3 s.
  'name, frames, rate, sound',
  [
    ('bigbuckbunny.mp4', 132, 25, True),
    ('big_buck_bunny_0_30.webm', 720, 24, True),
    ('chaplin.mp4', 241, 25, True),
    ('nasa_13013.mp4', 390, 29.97, True),
    ('bbaf2n.mpg', 75, 25, True),
  ],
)
def test_real_clips_are_read_whole(data, name, frames, rate, sound):
  reader, indices, times, _ = read(data / 'clips' / name, size=(64, 96))
  assert indices == list(range(frames))
  assert reader.info.rate == pytest.approx(rate, abs=0.01)
  assert times[-1] == pytest.approx((frames - 1) / rate, abs=0.01)
  assert reader.problems == []
  assert (reader.info.audio_stream is not None) == sound


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.flv', 'a.avi'])
def test_cut_video_gives_what_decodes_and_reports_the_rest(tmp_path, name):
  codec = {'a.flv': 'flv', 'a.avi': 'mpeg4'}.get(name, 'libx264')
  path = clips.write_clip(
    tmp_path / name,
    frames=range(100),
    codec=codec,
    # The index of an MP4 has to come first for a cut one to be readable.
    container_options={'movflags': 'faststart'} if name == 'a.mp4' else None,
  )
  content = path.read_bytes()
  path.write_bytes(content[: int(0.6 * len(content))])
  reader, _, _, numbers = read(path)
  damaged = reader.counts['damaged_frames']
  sound = len(numbers) - damaged
  assert 20 < len(numbers) < 90
  assert numbers[: sound - 1] == list(range(sound - 1))
  assert reader.counts['missing_frames'] == pytest.approx(
    100 - len(numbers), abs=1
  )
  assert any('are missing' in problem for problem in reader.problems)


def test_damage_in_the_middle_is_survived_and_counted(tmp_path):
  path = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=range(60),
    codec='mjpeg',
    pixel_format='yuvj420p',
  )
  content = bytearray(path.read_bytes())
  middle = len(content) // 2
  content[middle : middle + 3000] = bytes(3000)
  path.write_bytes(content)
  reader, _, times, numbers = read(path)
  assert numbers[0] == 0 and numbers[-1] == 59
  assert len(numbers) < 60 or reader.counts['damaged_frames']
  assert reader.problems
  np.testing.assert_allclose(times[-1], 59 / 25, atol=1e-3)


def test_video_without_time_stamps_is_counted_at_its_rate(tmp_path):
  path = clips.write_clip(tmp_path / 'a.h264', frames=range(10), rate=30)
  reader, _, times, numbers = read(path)
  assert numbers == list(range(10))
  np.testing.assert_allclose(np.diff(times), 1 / reader.info.rate)
  assert reader.counts['derived_times'] == 10
  assert 'without a usable time stamp' in reader.problems[0]


def test_files_that_are_not_videos_are_refused_in_one_line(tmp_path):
  with pytest.raises(FileNotFoundError, match='no such file'):
    open_source(tmp_path / 'none.mp4')
  text = tmp_path / 'text.mp4'
  text.write_text('hello')
  with pytest.raises(ValueError, match='not a media file'):
    open_source(text)
  (tmp_path / 'empty.mp4').touch()
  with pytest.raises(ValueError, match='not a media file'):
    open_source(tmp_path / 'empty.mp4')
  sound = clips.write_clip(
    tmp_path / 'a.wav', sound=clips.tone(1), sound_codec='pcm_s16le'
  )
  with pytest.raises(ValueError, match=r'no video stream.*0 audio \(pcm_s16le'):
    open_source(sound)
  clip = clips.write_clip(tmp_path / 'a.mp4', frames=range(3))
  with pytest.raises(ValueError, match='rate is for folders'):
    open_source(clip, rate=25)


def test_video_of_which_nothing_decodes_is_refused(tmp_path):
  path = clips.write_clip(
    tmp_path / 'a.mkv', frames=range(5), codec='ffv1', pixel_format='yuv420p'
  )
  content = bytearray(path.read_bytes())
  first = content.index(b'\xa3')  # The first block of Matroska.
  content[first + 40 :] = bytes(len(content) - first - 40)
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r'no frame of stream 0 \(ffv1\)|FFmpeg'):
    open_source(path)


def test_cover_picture_is_no_video(tmp_path):
  with_cover = tmp_path / 'a.mp3'
  with av.open(str(with_cover), 'w') as container:
    audio = container.add_stream('libmp3lame', rate=16000, layout='mono')
    cover = container.add_stream('mjpeg', rate=1)
    cover.width, cover.height, cover.pix_fmt = 96, 64, 'yuvj420p'
    cover.disposition = av.stream.Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(clips.picture(1), format='rgb24')
    container.mux(cover.encode(frame))
    container.mux(cover.encode())
    sound = clips.tone(1)[None, : 1152 * 10]
    for begin in range(0, sound.shape[1], 1152):
      piece = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound[:, begin : begin + 1152]), 'fltp', 'mono'
      )
      piece.sample_rate, piece.pts = 16000, begin
      container.mux(audio.encode(piece))
    container.mux(audio.encode())
  with pytest.raises(ValueError, match='no video stream'):
    open_source(with_cover)


def test_decoding_runs_in_another_thread(tmp_path):
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(30))
  numbers = []

  def decode():
    with open_source(path) as reader:
      numbers.extend(clips.number(frame.image) for frame in reader)

  thread = threading.Thread(target=decode)
  thread.start()
  thread.join()
  assert numbers == list(range(30))


def test_stopping_early_closes_the_file(tmp_path):
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(30))
  with open_source(path) as reader:
    for frame in reader:
      if frame.index == 3:
        break
  assert reader.problems == []
  assert reader.counts['frames'] == 4
