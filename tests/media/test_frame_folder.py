import clips
import cv2
import numpy as np
import pytest

from dave_jax.media.source import open_source
from dave_jax.media.video import VideoReader


@pytest.fixture
def folder(tmp_path):
  folder = tmp_path / 'clip_9_25'
  folder.mkdir()
  clips.write_clip(
    folder / 'sound.wav', sound=clips.tone(2), sound_codec='pcm_s16le'
  )
  return folder


def write_images(folder, names):
  for i, name in enumerate(names):
    image = clips.picture(i)[..., ::-1]
    assert cv2.imwrite(str(folder / name), image)


def read(folder, **options):
  with open_source(folder, **options) as reader:
    frames = list(reader)
  numbers = [clips.number(frame.image) for frame in frames]
  return reader, frames, numbers


def test_images_come_in_the_order_of_their_numbers(folder):
  # Names sort otherwise: img_10 before img_9.
  write_images(
    folder,
    [
      f'img_{i}.{s}'
      for i, s in zip(range(1, 13), ['jpg', 'JPEG', 'png'] * 4, strict=True)
    ],
  )
  reader, frames, numbers = read(folder)
  assert numbers == [frame.index for frame in frames] == list(range(12))
  np.testing.assert_allclose([f.time for f in frames], np.arange(12) / 25)
  assert reader.problems == []
  assert reader.info.rate == 25
  assert reader.info.frames == 12
  assert (reader.info.height, reader.info.width) == (64, 96)
  assert reader.sound().duration == 2


def test_rate_is_taken_of_the_argument_before_the_name(folder):
  write_images(folder, ['1.jpg', '2.jpg'])
  assert read(folder, rate=29.97)[1][1].time == pytest.approx(1 / 29.97)
  unnamed = folder.rename(folder.with_name('frames'))
  with pytest.raises(ValueError, match='give the rate'):
    open_source(unnamed)
  with pytest.raises(ValueError, match='rate above 0, got'):
    open_source(unnamed, rate=0)


def test_images_are_resized_as_video_is(folder, tmp_path):
  generator = np.random.default_rng(0)
  pictures = generator.integers(0, 256, (2, 120, 160, 3), np.uint8)
  for i, picture in enumerate(pictures):
    cv2.imwrite(str(folder / f'{i}.png'), picture[..., ::-1])
  video = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=pictures,
    size=(120, 160),
    codec='ffv1',
    pixel_format='bgr0',
  )
  with VideoReader(video, size=(48, 80)) as reader:
    expected = [frame.image for frame in reader]
  _, frames, _ = read(folder, size=(48, 80))
  np.testing.assert_allclose(
    [f.image.astype(int) for f in frames], expected, atol=1
  )


def test_start_end_and_lead(folder):
  write_images(folder, [f'{i:07d}.png' for i in range(1, 31)])
  _, frames, numbers = read(folder, start=0.8, end=1.0, lead=4)
  assert numbers == [frame.index for frame in frames] == list(range(16, 25))


def test_stray_files_gaps_and_damage_are_reported(folder):
  write_images(folder, [f'{i:07d}.jpg' for i in (1, 2, 3, 5)])
  (folder / 'Thumbs.db').touch()
  (folder / '0000006.jpg').write_bytes(b'no image')
  reader, frames, numbers = read(folder)
  assert numbers == [0, 1, 2, 3]
  assert [frame.index for frame in frames] == [0, 1, 2, 3]
  assert reader.counts == {
    'frames': 4,
    'damaged_frames': 1,
    'stray_files': 1,
    'missing_numbers': 1,
    'other_sizes': 0,
  }
  assert any('Thumbs.db' in problem for problem in reader.problems)
  assert len(reader.problems) == 3


def test_folder_without_sound_is_silent(tmp_path):
  write_images(tmp_path, ['1.jpg'])
  assert open_source(tmp_path, rate=25).sound() is None


def test_folders_that_are_no_video_are_refused(folder):
  with pytest.raises(ValueError, match='holds no numbered images'):
    open_source(folder)
  write_images(folder, ['1.jpg', '1.png'])
  with pytest.raises(ValueError, match=r'1\.png have the same number'):
    open_source(folder)
  (folder / '1.png').unlink()
  (folder / 'other.WAV').touch()
  with pytest.raises(ValueError, match=r'got other\.WAV, sound\.wav'):
    open_source(folder)
  with pytest.raises(ValueError, match='stream 0 of an image or folder'):
    open_source(folder, stream=0)
