"""Brightness of videos of maps, as builders read it."""

import numpy as np
import pytest

from dave_jax.media import map_video
from tests.media.clips import write_clip
from tests.media.map_videos import write_map_video


@pytest.mark.parametrize('pixels', ['yuv420p', 'yuv420p10le', 'gray'])
def test_luma_is_the_mean_of_the_colours(tmp_path, pixels):
  """`read_frames` gives what FFmpeg's PNG files hold."""
  rng = np.random.default_rng(0)
  maps = rng.integers(0, 256, (3, 6, 8), np.uint8).repeat(4, 1).repeat(4, 2)
  path = tmp_path / 'maps.mp4'
  write_map_video(path, maps, pixels)
  frames = list(map_video.read_frames(path, np.arange(3)))
  luma = list(map_video.read_luma(path))
  assert len(luma) == 3
  white = 65535 if max(f.max() for f in frames) > 255 else 255
  for expected, found in zip(frames, luma, strict=True):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected / white, atol=1.5 / 219)
  assert map_video.size_and_rate(path) == ((24, 32), 25)


def test_video_without_brightness_is_refused(tmp_path):
  path = write_clip(
    tmp_path / 'a.avi', frames=range(2), codec='rawvideo', pixel_format='bgr24'
  )
  with pytest.raises(ValueError, match='expected grey or YUV video, got bgr24'):
    list(map_video.read_luma(path))


def test_what_is_no_video_is_refused(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'no video')
  for read in (map_video.size_and_rate, map_video.count_frames):
    with pytest.raises(ValueError, match='FFmpeg cannot read it'):
      read(path)
