"""Tests of voices."""

import numpy as np
import pytest

from dave_jax.data.labelled_audio import sounds_of_folder
from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.voices import (
  LEVEL,
  VOICES,
  ambience,
  voice,
  write_voices,
)
from dave_jax.media.audio import log_mel
from dave_jax.media.clock import EXAMPLE_FRAMES


def _example(name, rng):
  """A log-mel example from the middle of a turn."""
  sound = voice(name, 2.0, rng) + ambience(32_000, rng)
  mel = log_mel(sound)
  first = rng.integers(len(mel) - EXAMPLE_FRAMES)
  return mel[first : first + EXAMPLE_FRAMES]


def test_every_kind_has_a_voice_of_its_own():
  assert sorted(kind.voice for kind in KINDS) == sorted(VOICES)


def test_any_example_tells_the_voice():
  rng = np.random.default_rng(0)

  def look(name):
    example = _example(name, rng)
    return np.concatenate([example.mean(axis=0), example.std(axis=0)])

  centres = {
    name: np.mean([look(name) for _ in range(6)], axis=0) for name in VOICES
  }
  for name in VOICES:
    for _ in range(8):
      found = look(name)
      nearest = min(centres, key=lambda n: np.sum((centres[n] - found) ** 2))
      assert nearest == name


def test_a_voice_is_never_silent_for_an_example():
  # Rhythms leave no 0.4 s without sound.
  rng = np.random.default_rng(1)
  for name in VOICES:
    sound = voice(name, 2.0, rng)
    parts = sound[: len(sound) // 6400 * 6400].reshape(-1, 6400)
    assert np.abs(parts).max(axis=1).min() > 0.3 * LEVEL, name


def test_voices_are_about_equally_loud():
  rng = np.random.default_rng(2)
  for name in VOICES:
    levels = [voice(name, 1.5, rng).std() for _ in range(5)]
    # 2 dB either way, and fades of 0.02 s.
    assert np.all(np.abs(20 * np.log10(np.array(levels) / LEVEL)) < 2.3)
    assert np.abs(voice(name, 1.5, rng)).max() < 1


def test_an_unknown_voice_is_refused():
  with pytest.raises(
    ValueError, match=r"expected a voice of .*hum.*, got 'moo'"
  ):
    voice('moo', 1.0, np.random.default_rng(0))


def test_voices_are_a_folder_of_labelled_sounds(tmp_path):
  out = tmp_path / 'voices'
  write_voices(out, 12, seed=0)
  train, held_out = sounds_of_folder(out, held_out=(), held_out_field=0)
  assert len(held_out) == 7 * 2
  assert sorted(train.labels) == sorted([*VOICES, 'nobody'])
  assert len(train) + len(held_out) == 7 * 12
  assert train.waveform(0).shape == (16_000,)
  silent = train.labels.index('nobody')
  for number in range(0, len(train), 7):
    loud = np.std(train.waveform(number)) > 0.03
    assert loud == (train.classes[number] != silent)


def test_the_same_seed_gives_the_same_files(tmp_path):
  for name in 'ab':
    write_voices(tmp_path / name, 1, seed=3)
  for path in (tmp_path / 'a').rglob('*.wav'):
    twin = tmp_path / 'b' / path.relative_to(tmp_path / 'a')
    assert path.read_bytes() == twin.read_bytes()


def test_no_files_are_refused(tmp_path):
  with pytest.raises(ValueError, match='1 or more'):
    write_voices(tmp_path, 0, seed=0)
