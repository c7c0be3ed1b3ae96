"""Maps of windows and of video files."""

import itertools
import threading

import numpy as np
import pytest

import dave_jax
from dave_jax.media.source import open_source
from dave_jax.weights import model_folder as store
from tests.media import clips


def _predict(model, clip, **settings):
  raw = {'size': 'network', 'values': 'network'}
  return dict(model.predict(clip, **(raw | settings)))


@pytest.fixture(scope='module')
def maps(model, clip):
  return _predict(model, clip)


def _largest_difference(one, other):
  """Largest difference over the maps of both, as a share of their range."""
  assert one.keys() & other.keys()
  span = np.ptp(np.stack(list(one.values())))
  return max(
    np.abs(one[time] - other[time]).max() / span
    for time in one.keys() & other.keys()
  )


def test_a_map_for_every_frame(maps):
  assert list(maps) == pytest.approx(np.arange(40) / 25)
  assert {saliency.shape for saliency in maps.values()} == {(8, 12)}
  # Neither the picture nor the sound stands still.
  values = list(maps.values())
  assert all(np.any(a != b) for a, b in itertools.pairwise(values))


def test_maps_are_those_of_the_windows_they_stand_for(model, clip, maps):
  """By hand: frames k-15..k and the sound at each one's time."""
  with open_source(clip, size=model.frame_size) as reader:
    frames, sound = list(reader), reader.sound()
  padded = np.pad(
    sound.log_mel, ((100, 100), (0, 0)), constant_values=np.log(0.01)
  )
  chosen = (0, 7, 39)
  video, audio = [], []
  for last in chosen:
    window = [frames[max(0, i)] for i in range(last - 15, last + 1)]
    video.append(dave_jax.normalise(np.stack([f.image for f in window])))
    times = [frame.time - sound.start_time for frame in window]
    starts = np.floor(100 * np.array(times) + 0.5).astype(int)
    audio.append(np.stack([padded[100 + s : 164 + s] for s in starts]))
  expected = model(np.stack(video), np.stack(audio))
  found = [maps[frames[last].time] for last in chosen]
  np.testing.assert_allclose(found, expected, atol=1e-5 * np.ptp(expected))


def test_inputs_of_a_file_give_its_maps(model, clip, maps):
  times = [0.0, 0.3, 1.57]
  video, audio = model.inputs(clip, times)
  assert video.shape == (3, 16, 64, 96, 3)
  assert audio.shape == (3, 16, 64, 64)
  # The frames shown then are 0, 7 and 39.
  expected = [maps[time] for time in np.array(list(maps))[[0, 7, 39]]]
  np.testing.assert_allclose(
    model(video, audio), expected, atol=1e-5 * np.ptp(expected)
  )
  with pytest.raises(ValueError, match=r'shows no frame at \[9\]'):
    model.inputs(clip, [9])


def test_batch_size_does_not_change_the_maps(model, clip, maps):
  """Of 40 frames, batches of 3 leave one over."""
  other = _predict(model, clip, batch_size=3)
  assert other.keys() == maps.keys()
  assert _largest_difference(other, maps) < 1e-5


@pytest.mark.parametrize('stride', [2, 3])
def test_stride_leaves_out_frames_and_changes_nothing(
  model, clip, maps, stride
):
  """Small strides go through the stream, large ones window by window."""
  other = _predict(model, clip, stride=stride)
  assert list(other) == list(maps)[::stride]
  assert _largest_difference(other, maps) < 1e-5


def test_start_and_end_cut_without_a_change(model, clip, maps):
  """The frames before the start are still what came before."""
  other = _predict(model, clip, start=0.9, end=1.2)
  assert list(other) == [time for time in maps if 0.9 <= time < 1.2]
  assert _largest_difference(other, maps) < 1e-5


def test_alignments_hear_different_sound(model, clip, maps):
  causal = _predict(model, clip, alignment='causal')
  assert causal.keys() == maps.keys()
  assert _largest_difference(causal, maps) > 1e-3


def test_single_modality_networks_predict(single_modality_model, clip):
  maps = _predict(single_modality_model, clip, stride=10)
  assert len(maps) == 4
  assert all(saliency.shape == (8, 12) for saliency in maps.values())


@pytest.mark.parametrize('seconds', [None, 0.8])
def test_missing_sound_is_silence_and_the_picture_goes_on(
  model, tmp_path, seconds
):
  """The original froze the picture where the sound ended."""
  rng = np.random.default_rng(1)
  pictures = rng.integers(0, 255, (40, 64, 96, 3), np.uint8)
  sound = None if seconds is None else clips.tone(seconds)
  path = clips.write_clip(tmp_path / 'a.mp4', frames=pictures, sound=sound)
  maps = list(_predict(model, path, stride=1).values())
  assert len(maps) == 40
  for one, next_one in itertools.pairwise(maps[20:]):
    assert np.any(one != next_one)


def test_closing_early_ends_the_threads_that_decode(model, clip):
  before = set(threading.enumerate())
  predictions = model.predict(clip)
  next(predictions)
  predictions.close()
  for thread in set(threading.enumerate()) - before:
    thread.join(timeout=10)
    assert not thread.is_alive(), thread.name


@pytest.mark.parametrize('setting', [{'stride': 0}, {'batch_size': 0}])
def test_invalid_settings_are_refused(model, clip, setting):
  with pytest.raises(ValueError, match='1 or more'):
    next(model.predict(clip, **setting))


def test_encoders_alone_are_not_a_model(tmp_path, model):
  encoders = {
    collection: {'video_encoder': tree['video_encoder']}
    for collection, tree in model.variables.items()
  }
  store.save(
    tmp_path / 'e', model.module, encoders, origin={}, contents='encoders'
  )
  with pytest.raises(ValueError, match='got video_encoder alone'):
    dave_jax.load(tmp_path / 'e')
