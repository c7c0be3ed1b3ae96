"""Frames and sound pushed one at a time."""

import jax
import numpy as np
import pytest

from dave_jax import LiveSaliency, SaliencyModel
from dave_jax.media.audio import load_waveform
from dave_jax.media.source import open_source
from dave_jax.models.dave import DAVE
from tests.conftest import random_variables


@pytest.fixture(scope='module')
def watched(model, clip):
  """The clip's frames and waveform."""
  with open_source(clip, size=model.frame_size) as reader:
    frames = list(reader)
  waveform, start = load_waveform(clip)
  assert start == 0
  return frames, waveform


@pytest.fixture(scope='module')
def frame_model():
  """A network that encodes frames one by one, and mixes all of a window."""
  module = DAVE(
    video_backbone='efficientnet_lite0', depth=10, width=2, frame_size=(64, 96)
  )
  variables = random_variables(module)
  rng = np.random.default_rng(1)
  mixing = variables['params']['frame_mixing']
  for name, leaf in mixing.items():
    mixing[name] = rng.normal(0, 0.3, leaf.shape).astype(np.float32)
  return SaliencyModel(module, variables, origin={}, fingerprint='frames')


def _watch(live, frames, waveform, first=0):
  """Hears what there is up to each frame's time, then sees it."""
  maps = []
  heard = round(16000 * frames[first - 1].time) if first else 0
  for frame in frames[first:]:
    now = round(16000 * frame.time)
    live.hear(waveform[heard:now])
    heard = max(heard, now)
    maps.append(live.see(frame.image, frame.time))
  return np.stack(maps)


@pytest.mark.parametrize('name', ['model', 'frame_model'])
def test_live_maps_are_the_causal_maps(name, request, clip, watched):
  model = request.getfixturevalue(name)
  maps = _watch(LiveSaliency(model), *watched)
  expected = [
    s
    for _, s in model.predict(
      clip, alignment='causal', size='network', values='network'
    )
  ]
  np.testing.assert_allclose(maps, expected, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize('name', ['model', 'frame_model'])
def test_resumes_from_a_saved_state(name, request, watched, tmp_path):
  model = request.getfixturevalue(name)
  frames, waveform = watched
  whole = _watch(LiveSaliency(model), frames, waveform)
  live = LiveSaliency(model)
  _watch(live, frames[:25], waveform)
  live.save(tmp_path / 'state.npz')
  again = LiveSaliency.restore(model, tmp_path / 'state.npz')
  rest = _watch(again, frames, waveform, first=25)
  np.testing.assert_array_equal(rest, whole[25:])


def test_memory_does_not_grow(model, watched):
  """Once a window's first example begins after the sound, 0.66 s and 16 frames
  from the start, the state has the size that it keeps."""
  frames, waveform = watched
  live, sizes = LiveSaliency(model), []
  _watch(live, frames[:33], waveform)
  for first in range(33, 40):
    _watch(live, frames[: first + 1], waveform, first=first)
    sizes.append(sum(np.size(leaf) for leaf in jax.tree.leaves(live.state)))
  # The log-mel frames kept vary by a few with the frames' times.
  assert max(sizes) - min(sizes) <= 5 * 64 + 400


def test_frames_of_another_size_are_refused(model):
  with pytest.raises(ValueError, match=r'expected RGB uint8 \(64, 96, 3\)'):
    LiveSaliency(model).see(np.zeros((64, 64, 3), np.uint8), 0.0)


def test_a_state_of_another_model_is_refused(
  model, single_modality_model, tmp_path
):
  LiveSaliency(single_modality_model).save(tmp_path / 'state.npz')
  with pytest.raises(ValueError, match='another model'):
    LiveSaliency.restore(model, tmp_path / 'state.npz')


def test_time_that_goes_backwards_is_refused(model, watched):
  frames, _ = watched
  live = LiveSaliency(model)
  live.see(frames[1].image, 0.04)
  for time in (0.04, 0.0, float('nan')):
    with pytest.raises(ValueError, match=r'expected more than 0\.04 s'):
      live.see(frames[2].image, time)


def test_sound_of_several_channels_is_refused(model):
  with pytest.raises(ValueError, match=r'expected mono \[samples\]'):
    LiveSaliency(model).hear(np.zeros((2, 1600), np.float32))
