"""Tests of voices."""

import numpy as np
import pytest

from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.voices import LEVEL, VOICES, ambience, voice
from dave_jax.media.audio import log_mel
from dave_jax.media.clock import EXAMPLE_FRAMES


def _example(name, rng):
  """An example that the network hears, out of the midst of a turn."""
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


def test_every_part_of_an_example_length_is_heard():
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


def test_an_unknown_voice_is_said():
  with pytest.raises(ValueError, match="got voice 'moo', wanted one of hum"):
    voice('moo', 1.0, np.random.default_rng(0))
