"""Reading from a moment on."""

import numpy as np
import pytest

from dave_jax.media import clock
from dave_jax.media.source import open_source
from tests.media import clips
from tests.media.reading import read


@pytest.mark.parametrize(
  'name, codec',
  [
    ('a.mp4', 'libx264'),
    ('a.mkv', 'libx264'),
    ('a.mpg', 'mpeg2video'),
    ('a.webm', 'libvpx'),
    ('a.h264', 'libx264'),
  ],
)
@pytest.mark.parametrize('lead', [0, 3, 15])
def test_start_and_end_give_the_frames_of_the_whole(
  tmp_path, name, codec, lead
):
  path = clips.write_clip(
    tmp_path / name, frames=range(60), codec=codec, keyframes=10
  )
  _, _, times, _ = read(path)
  _, indices, got, numbers = read(
    path, start=times[37] - 0.001, end=times[45], lead=lead
  )
  assert indices == numbers == list(range(37 - lead, 45))
  assert got == times[37 - lead : 45]


def test_start_between_open_groups_of_pictures(tmp_path):
  # After a key frame come frames that are shown before it and refer back.
  path = clips.write_clip(
    tmp_path / 'a.mp4',
    frames=range(60),
    keyframes=10,
    options={'crf': '10', 'x264-params': 'open-gop=1:bframes=3:b-adapt=0'},
  )
  for start in range(60):
    reader, indices, _, numbers = read(path, start=start / 25 - 0.001)
    assert indices == numbers == list(range(start, 60))
    assert reader.problems == []


def test_start_in_a_variable_frame_rate(tmp_path):
  times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 80))
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(80), times=times)
  _, indices, _, numbers = read(path, start=times[50] - 0.001, lead=15)
  assert indices == numbers == list(range(35, 80))


def test_start_past_the_end_gives_nothing(tmp_path):
  path = clips.write_clip(tmp_path / 'a.mp4', frames=range(10))
  assert read(path, start=7, lead=15)[1] == []


def test_picture_and_sound_of_a_frame_belong_together_after_a_minute(tmp_path):
  # 30 frames a second for 61 s; a click when frame 1800, at 60 s, is shown.
  # The film begins with the picture, the sound 0.4 s later.
  sound = np.zeros(round(60.6 * 16000), np.float32)
  sound[round((60 - 0.4) * 16000) + 80] = 1
  path = clips.write_clip(
    tmp_path / 'a.mkv',
    frames=np.arange(1830) % 1024,
    rate=30,
    size=(16, 32),
    sound=sound,
    sound_codec='pcm_s16le',
    sound_start=0.4,
  )
  with open_source(path, start=60 - 0.001) as reader:
    frame = next(iter(reader))
    heard = reader.sound()
  assert frame.index == 1800
  (start,) = clock.example_starts(
    [frame.time - heard.start_time], alignment='exact'
  )
  (example,) = clock.cut_examples(heard.log_mel, [start])
  loud = (example > clock.SILENCE + 1).any(axis=1)
  assert loud[:2].any() and not loud[2:].any()
