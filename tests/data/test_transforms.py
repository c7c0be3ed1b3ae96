"""Tests of windows as arrays: the right frame, place and sound."""

import numpy as np
import pytest

from dave_jax.data.transforms import DataError, Reading, WindowReader
from dave_jax.datasets.density import gaussian_density
from dave_jax.media import audio, clock
from tests.data import sets
from tests.media.clips import number


def reader(dataset, split='train', **changes):
  settings = {
    'frame_size': sets.FRAME_SIZE,
    'alignment': 'exact',
    'sigma': None,
    'fixation_map': True,
  }
  return WindowReader(dataset, split, Reading(**settings | changes))


def clip_named(read, name):
  return next(clip for clip in read.clips if clip.name == name)


@pytest.mark.parametrize('last', [0, 3, 15, 16, 30, 31, 32, 47, 48, 49])
def test_frames_are_the_sixteen_up_to_the_one_asked_for(videos, last):
  read = reader(videos)
  frames = read(clip_named(read, 'loud'), last)['frames']
  assert frames.shape == (16, *sets.FRAME_SIZE, 3)
  wanted = [max(0, n) for n in range(last - 15, last + 1)]
  assert [number(image) for image in frames] == wanted


@pytest.mark.parametrize('alignment', ['exact', 'causal'])
@pytest.mark.parametrize('name', ['loud', 'short', 'silent'])
def test_chunks_hold_the_examples_of_the_whole_sound(videos, name, alignment):
  sounds = {
    'loud': (sets.noise(2.1), np.arange(50) / 25),
    'short': (sets.noise(0.9, 1), 0.013 + np.arange(40) / 24),
    'silent': (np.zeros(0, np.float32), np.arange(17) / 30),
  }
  waveform, times = sounds[name]
  log_mel = audio.log_mel(waveform)
  read = reader(videos, alignment=alignment)
  clip = clip_named(read, name)
  for last in range(clip.frames):
    example = read(clip, last)
    chunk, offsets = example['log_mel'], example['offsets']
    assert chunk.shape == (clock.CHUNK_FRAMES, 64)
    starts = clock.example_starts(
      times[clock.window_frames(last)], alignment=alignment
    )
    np.testing.assert_allclose(
      clock.examples_of_chunk(chunk, offsets),
      clock.cut_examples(log_mel, starts),
      atol=1e-5,
      rtol=0,
    )


def test_chunks_are_cut_on_the_device_as_on_the_host(videos):
  jax = pytest.importorskip('jax')
  read = reader(videos)
  clip = clip_named(read, 'loud')
  windows = [read(clip, last) for last in (0, 16, 31, 49)]
  chunks = np.stack([window['log_mel'] for window in windows])
  offsets = np.stack([window['offsets'] for window in windows])
  cut = jax.jit(jax.vmap(clock.examples_of_chunk))(chunks, offsets)
  log_mel = audio.log_mel(sets.noise(2.1))
  for examples, last in zip(cut, (0, 16, 31, 49), strict=True):
    starts = clock.example_starts(
      clock.window_frames(last) / 25, alignment='exact'
    )
    wanted = clock.cut_examples(log_mel, starts)
    np.testing.assert_allclose(examples, wanted, atol=1e-5, rtol=0)


def test_sound_between_frames_far_apart_is_not_mixed_up(tmp_path):
  # Two records, 2 s without a frame between them; frames 2 to 17 are shown at
  # 0.08 to 2.64 s, so that examples span 256 + 64 log-mel frames.
  times = np.r_[np.arange(16) / 25, 2.6 + np.arange(4) / 25]
  waveform = sets.noise(4)
  dataset = sets.write_set(
    tmp_path,
    'gap',
    [sets.make_clip('gap', frames=20, times=times, waveform=waveform)],
  )
  read = reader(dataset)
  example = read(read.clips[0], 17)
  starts = clock.example_starts(times[2:18], alignment='exact')
  np.testing.assert_allclose(
    clock.examples_of_chunk(example['log_mel'], example['offsets']),
    clock.cut_examples(audio.log_mel(waveform), starts),
    atol=1e-5,
    rtol=0,
  )


def test_a_fixation_is_in_its_cell_of_the_targets(videos):
  read = reader(videos)
  clip = clip_named(read, 'loud')
  for frame in (0, 15, 16, 40):
    example = read(clip, frame)
    x, y = sets.fixation_at(frame)
    cell = int(y * 8 / sets.SIZE[0]), int(x * 12 / sets.SIZE[1])
    assert np.argwhere(example['fixations']).tolist() == [list(cell)]
    density = example['density']
    assert density.shape == (8, 12)
    assert density.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(density.argmax(), density.shape) == cell


def test_the_record_has_a_sigma_that_may_be_replaced(videos):
  read, wider = reader(videos), reader(videos, sigma=60.0)
  clip = clip_named(read, 'loud')
  for reading, sigma in ((read, 20.0), (wider, 60.0)):
    wanted = gaussian_density(
      np.array([sets.fixation_at(9)], np.float32),
      sigma=sigma,
      height=sets.SIZE[0],
      width=sets.SIZE[1],
      size=(8, 12),
    )
    np.testing.assert_allclose(reading(clip, 9)['density'], wanted, atol=1e-6)


def test_the_density_map_of_the_source_goes_before_fixations(tmp_path):
  image = np.zeros((64, 96), np.uint8)
  image[40:48, 16:24] = 200  # Cell row 5, column 2.
  path = sets.write_grey(tmp_path / 'map.png', image)
  dataset = sets.write_set(
    tmp_path, 'mapped', [sets.make_clip('a', rate=0.0, density=[path])]
  )
  read = reader(dataset)
  density = read(read.clips[0], 0)['density']
  assert np.unravel_index(density.argmax(), density.shape) == (5, 2)
  assert density.sum() == pytest.approx(1, abs=1e-5)


def test_a_still_image_is_one_frame_without_sound(stills):
  read = reader(stills, fixation_map=False)
  example = read(read.clips[3], 0)
  assert {k: v.shape for k, v in example.items()} == {
    'frames': (1, *sets.FRAME_SIZE, 3),
    'density': (8, 12),
  }


def test_frames_nobody_looked_at_have_no_density(videos):
  read = reader(videos, 'test')
  assert not read(read.clips[0], 5)['density'].any()
  assert not read(read.clips[0], 5)['fixations'].any()


def test_neither_map_nor_sigma_is_an_error(tmp_path):
  dataset = sets.write_set(
    tmp_path, 'bare', [sets.make_clip('a', rate=0.0, sigma=0.0)]
  )
  read = reader(dataset)
  with pytest.raises(ValueError, match='clip a, frame 0 has neither'):
    read(read.clips[0], 0)
  assert reader(dataset, sigma=5.0)(read.clips[0], 0)['density'].any()


def test_clips_of_any_rate_get_the_sound_that_predict_gets(tmp_path):
  """Of a window that spans more than a chunk, the newest part is heard."""
  waveform = sets.noise(20)
  log_mel = audio.log_mel(waveform)
  times = {
    'webcam': np.arange(20) / 15,
    'film': np.r_[np.arange(10), np.arange(11, 21)] * 1001 / 24000,
    'pause': np.r_[np.arange(16) / 25, 1.14 + np.arange(4) / 25],
    'slides': np.arange(20) * 0.9,
  }
  dataset = sets.write_set(
    tmp_path,
    'any',
    [
      sets.make_clip(
        name, frames=20, rate=19 / stamps[-1], times=stamps, waveform=waveform
      )
      for name, stamps in times.items()
    ],
  )
  read = reader(dataset)
  for name, stamps in times.items():
    example = read(clip_named(read, name), 19)
    starts = clock.example_starts(stamps[4:], alignment='exact')
    if name == 'slides':
      # By hand: 384 - 64 log-mel frames before the last example at 1710.
      assert starts.max() == 1710
      starts = np.maximum(starts, 1390)
    np.testing.assert_allclose(
      clock.examples_of_chunk(example['log_mel'], example['offsets']),
      clock.cut_examples(log_mel, starts),
      atol=1e-5,
      rtol=0,
    )


def test_alignment_of_the_published_code_needs_files(videos):
  with pytest.raises(ValueError, match="got 'reference'"):
    reader(videos, alignment='reference')


def test_a_damaged_frame_is_named(tmp_path):
  clip = sets.make_clip('hurt', frames=20)
  clip._jpegs[17] = clip._jpegs[17][:200]
  dataset = sets.write_set(tmp_path, 'hurt', [clip])
  read = reader(dataset)
  assert read(read.clips[0], 16)['frames'].any()
  with pytest.raises(
    DataError, match=r'made/hurt, train: clip hurt, frame 17 cannot be decoded'
  ):
    read(read.clips[0], 18)


def test_a_truncated_file_is_named(tmp_path):
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 256, (64, *sets.FRAME_SIZE, 3), np.uint8)
  dataset = sets.write_set(
    tmp_path, 'cut', [sets.make_clip('cut', frames=64, pictures=pictures)]
  )
  read = reader(dataset)
  (path,) = dataset.folder.glob('*.array_record*')
  damaged = bytearray(path.read_bytes())
  middle = len(damaged) // 2
  damaged[middle : middle + 3000] = bytes(3000)
  path.write_bytes(damaged)
  with pytest.raises(
    DataError, match=r'clip cut, frame \d+ cannot be read'
  ) as e:
    for frame in range(64):
      read(read.clips[0], frame)
  assert 'build it again' in str(e.value)


def test_a_fixation_that_float32_rounds_to_the_edge_is_in_the_last_cell(
  tmp_path,
):
  height, width = sets.SIZE
  edge = sets.make_clip('edge', xy=[(width - 1e-6, height - 1e-6)])
  read = reader(sets.write_set(tmp_path, 'edge', [edge]))
  fixations = read(read.clips[0], 0)['fixations']
  assert np.argwhere(fixations).tolist() == [
    [pixels - 1 for pixels in fixations.shape]
  ]
