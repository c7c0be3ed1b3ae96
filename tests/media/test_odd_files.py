"""Files as cameras, phones and old archives leave them."""

import io
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from dave_jax.media.audio import load_waveform
from dave_jax.media.overlay import OverlayWriter
from dave_jax.media.picture import tone_map
from dave_jax.media.source import open_source, videos_in
from tests.media import clips
from tests.media.reading import read
from tests.media.tiled_avif import tiled_avif


@pytest.mark.parametrize(
  # By hand: 96 x 64 stored pixels, twice as wide or half as wide as high.
  'aspect, width, height',
  [('2/1', 192, 64), ('1/2', 96, 128), ('1/400', 96, 64)],
)
def test_pixels_are_made_square(tmp_path, aspect, width, height):
  path = tmp_path / 'a.mp4'
  with av.open(str(path), 'w') as output:
    video = output.add_stream('libx264', rate=25)
    video.width, video.height, video.pix_fmt = 96, 64, 'yuv420p'
    video.codec_context.sample_aspect_ratio = Fraction(aspect)
    for number in range(5):
      frame = av.VideoFrame.from_ndarray(clips.picture(number), format='rgb24')
      output.mux(video.encode(frame))
    output.mux(video.encode())
  with open_source(path) as reader:
    frames = list(reader)
  assert (reader.info.width, reader.info.height) == (width, height)
  assert frames[3].image.shape == (height, width, 3)
  assert clips.number(frames[3].image) == 3


def _exif_jpeg(orientation):
  """Returns a JPEG of 96 x 64 pixels whose left is red, with Exif data."""
  pixels = np.full((64, 96, 3), 40, np.uint8)
  pixels[:, :30] = 220, 20, 20
  image = Image.fromarray(pixels)
  exif = image.getexif()
  exif[0x110], exif[0x112] = 'Camera', orientation
  data = io.BytesIO()
  image.save(data, format='JPEG', exif=exif, quality=95)
  return data.getvalue()


# Where the left of the stored picture is seen, by the Exif standard.
_SIDES = [(1, 'left'), (2, 'right'), (3, 'right'), (6, 'top'), (8, 'bottom')]
_SIDES += [(4, 'left'), (5, 'top'), (7, 'bottom')]


def _red_side(image):
  red = image[..., 0] > 150
  h, w = red.shape
  sides = {
    'left': red[:, : w // 5],
    'right': red[:, -w // 5 :],
    'top': red[: h // 5],
    'bottom': red[-h // 5 :],
  }
  (side,) = [name for name, part in sides.items() if part.mean() > 0.9]
  return side


@pytest.mark.parametrize('orientation, side', _SIDES)
def test_photographs_with_exif_are_upright(tmp_path, orientation, side):
  path = tmp_path / 'photo.jpg'
  path.write_bytes(_exif_jpeg(orientation))
  with open_source(path) as reader:
    (frame,) = reader
  upright = (64, 96) if orientation < 5 else (96, 64)
  assert (reader.info.height, reader.info.width) == upright
  assert _red_side(frame.image) == side


@pytest.mark.parametrize('orientation, side', _SIDES)
def test_motion_jpeg_with_exif_is_upright(tmp_path, orientation, side):
  path = tmp_path / 'camera.avi'
  with av.open(str(path), 'w') as output:
    stream = output.add_stream('mjpeg', rate=25)
    stream.width, stream.height, stream.pix_fmt = 96, 64, 'yuvj420p'
    for number in range(5):
      packet = av.Packet(_exif_jpeg(orientation))
      packet.stream, packet.time_base = stream, Fraction(1, 25)
      packet.pts = packet.dts = number
      output.mux(packet)
  with open_source(path) as reader:
    frames = list(reader)
  assert len(frames) == 5
  assert _red_side(frames[0].image) == side


def test_tiled_pictures_are_read_whole(tmp_path):
  picture = np.zeros((128, 256, 3), np.uint8)
  picture[:, :128], picture[:, 128:] = (200, 30, 30), (30, 30, 200)
  path = tmp_path / 'phone.avif'
  path.write_bytes(tiled_avif(picture))
  with open_source(path) as reader:
    (frame,) = reader
  assert frame.image.shape == picture.shape
  # Away from the seam, where colours of half the resolution are mixed.
  away = np.r_[:126, 130:256]
  np.testing.assert_allclose(frame.image[:, away], picture[:, away], atol=6)


def test_pictures_without_a_decoder_are_refused_in_words(tmp_path):
  path = tmp_path / 'phone.heic'
  path.write_bytes(b'\0\0\0\x18ftypheic\0\0\0\0mif1heic')
  with pytest.raises(ValueError, match='convert them to PNG or JPEG'):
    open_source(path)


def test_hdr_shows_what_a_screen_of_203_nits_does():
  """SMPTE ST 2084 and BT.1886 by hand; HLG signals from BT.2408."""
  nits = np.array([203, 50, 10, 1])
  y = (nits / 10000) ** 0.1593017578125
  code = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
  image = np.repeat(np.rint(code * 65535)[None, :, None], 3, axis=2)
  shown = tone_map(image.astype(np.uint16), hlg=False)
  expected = 255 * (nits / 203) ** (1 / 2.4)
  np.testing.assert_allclose(shown[0, :, 0], expected, atol=1)
  # HLG at 75% is 203 nits on a screen of 1000, at 38% 26 nits.
  grey = np.rint(np.array([0.75, 0.38, 0]) * 65535).astype(np.uint16)
  shown = tone_map(np.repeat(grey[None, :, None], 3, axis=2), hlg=True)
  expected = 255 * (np.array([203, 26, 0]) / 203) ** (1 / 2.4)
  np.testing.assert_allclose(shown[0, :, 1], expected, atol=3)


def test_hdr_video_is_tone_mapped(tmp_path):
  if 'libx265' not in av.codecs_available:
    pytest.skip('needs libx265')
  path = tmp_path / 'a.mp4'
  with av.open(str(path), 'w') as output:
    video = output.add_stream('libx265', rate=25)
    video.width, video.height, video.pix_fmt = 96, 64, 'yuv420p10le'
    video.codec_context.colorspace = 9
    video.options = {
      'x265-params': 'log-level=none:colorprim=bt2020:transfer=smpte2084:'
      'colormatrix=bt2020nc:crf=4'
    }
    # 0.5807 of full range is the PQ code of 203 nits.
    white = np.full((64, 96, 3), round(0.5807 * 65535), np.uint16)
    frame = av.VideoFrame.from_ndarray(white, format='rgb48le')
    frame = frame.reformat(format='yuv420p10le', dst_colorspace=9)
    for number in range(10):
      frame.pts = number
      output.mux(video.encode(frame))
    output.mux(video.encode())
  with open_source(path) as reader:
    frame = next(iter(reader))
  np.testing.assert_allclose(frame.image[8:-8, 8:-8], 255, atol=4)


def test_channels_that_cancel_give_way_to_the_louder(tmp_path):
  tone = clips.tone(3)
  sound = np.stack([tone, -0.9 * tone])
  sound[1, 16000:32000] = tone[16000:32000]  # In phase in the second second.
  path = clips.write_clip(
    tmp_path / 'a.mkv', sound=sound, layout='stereo', sound_codec='pcm_f32le'
  )
  problems = []
  waveform, _ = load_waveform(path, problems=problems)
  np.testing.assert_allclose(waveform, tone, atol=1e-6)
  assert problems == [
    'sound: the channels cancel each other for 2 s; the loudest is used there'
  ]


@pytest.mark.parametrize('layout, channels', [('stereo', 2), ('5.1', 6)])
def test_one_channel_alone_does_not_count_as_cancelled(
  tmp_path, layout, channels
):
  sound = np.zeros((channels, 32000), np.float32)
  sound[0] = clips.tone(2)
  path = clips.write_clip(
    tmp_path / 'a.mkv', sound=sound, layout=layout, sound_codec='pcm_f32le'
  )
  problems = []
  waveform, _ = load_waveform(path, problems=problems)
  np.testing.assert_allclose(waveform, sound.mean(axis=0), atol=1e-6)
  assert problems == []


def _without_decoder(path, kind, old, new):
  """Renames the codec of a stream of an MP4 to one without a decoder."""
  content = bytearray(path.read_bytes())
  for before, after in zip(old, new, strict=True):
    at = content.find(before, content.find(b'stsd', content.find(kind)))
    content[at : at + 4] = after
  path.write_bytes(content)


def test_sound_without_a_decoder_is_silence_and_is_reported(tmp_path):
  path = clips.write_clip(
    tmp_path / 'a.mp4', frames=range(20), sound=clips.tone(0.8)
  )
  _without_decoder(path, b'soun', [b'mp4a', b'esds'], [b'apac', b'dapa'])
  reader, _, _, numbers = read(path)
  assert numbers == list(range(20))
  assert reader.sound() is None
  assert reader.problems == ['sound: no decoder for stream 1']
  with pytest.raises(ValueError, match='1 audio \\(no decoder\\)'):
    load_waveform(path, stream=1)


def test_video_without_a_decoder_is_refused_in_words(tmp_path):
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(20))
  _without_decoder(path, b'vide', [b'avc1', b'avcC'], [b'xxxx', b'yyyy'])
  with pytest.raises(ValueError, match='no decoder for its video'):
    open_source(path)


@pytest.mark.parametrize('rate', [8000, 11025])
def test_mp3_that_an_mp4_does_not_take_is_encoded(tmp_path, rate):
  path = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=range(50),
    sound=clips.tone(2, rate),
    sound_rate=rate,
    sound_codec='libmp3lame',
  )
  with (
    open_source(path) as reader,
    OverlayWriter(tmp_path / 'o.mp4', reader.info) as writer,
  ):
    for frame in reader:
      writer.write(frame.image, frame.time)
  with av.open(str(tmp_path / 'o.mp4')) as overlay:
    assert overlay.streams.audio[0].name == 'aac'
  waveform, _ = load_waveform(tmp_path / 'o.mp4')
  assert 0.2 < np.std(waveform[8000:24000]) < 0.5


def test_names_that_are_not_utf8(tmp_path):
  source = clips.write_clip(
    tmp_path / 'a.mp4', frames=range(10), sound=clips.tone(0.4)
  )
  path = os.path.join(os.fsencode(tmp_path), b'caf\xe9.mp4')
  os.rename(source, path)
  reader, _, _, numbers = read(os.fsdecode(path))
  assert numbers == list(range(10))
  assert reader.sound().duration == pytest.approx(0.4, abs=0.1)
  folder = os.path.join(os.fsencode(tmp_path), b'd\xe9')
  target = os.path.join(os.fsdecode(folder), 'o.mp4')
  with OverlayWriter(target, reader.info) as writer:
    for frame in reader:
      writer.write(frame.image, frame.time)
  assert read(target)[3] == list(range(10))


def test_suffixes_and_hidden_files(tmp_path):
  for name in ('b.MTS', 'a.flv', '._a.flv', 'c.txt', '.d.mp4'):
    (tmp_path / name).touch()
  assert [path.name for path in videos_in(tmp_path)] == ['a.flv', 'b.MTS']


def test_hidden_files_of_macos_beside_frames_are_ignored(tmp_path):
  folder = tmp_path / 'frames_25'
  folder.mkdir()
  for number in range(3):
    image = Image.fromarray(clips.picture(number))
    image.save(folder / f'{number}.png')
  for name in ('._0.png', '._sound.wav'):
    (folder / name).write_bytes(b'\0\5\x16\7')
  with open_source(folder) as reader:
    assert [clips.number(frame.image) for frame in reader] == [0, 1, 2]
  assert reader.info.sound_path is None
  assert reader.problems == []
