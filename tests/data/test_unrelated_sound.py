"""Sounds that say nothing about a picture."""

import numpy as np
import pytest
import scipy.io.wavfile

from dave_jax.data.unrelated_sound import KINDS, UnrelatedSound, read_speech
from dave_jax.media import clock


class _Kind(np.random.Generator):
  """Draws the kind first, then at random."""

  def __init__(self, kind):
    super().__init__(np.random.PCG64(0))
    self._first = [KINDS.index(kind)]

  def integers(self, *args, **kwargs):
    if self._first:
      return self._first.pop()
    return super().integers(*args, **kwargs)


@pytest.fixture(scope='module')
def sounds():
  """{kind: what it adds to an example}."""
  speech = [np.sin(np.arange(8000) * f).astype(np.float32) for f in (0.2, 0.3)]
  add = UnrelatedSound(speech)
  return {kind: add({'density': 1}, _Kind(kind)) for kind in KINDS}


def test_each_kind_fills_the_window_except_silence(sounds):
  for kind, example in sounds.items():
    assert example['density'] == 1
    assert example['log_mel'].shape == (clock.CHUNK_FRAMES, clock.MEL_BANDS)
    # 16 frames at 25 a second, each 4 log-mel frames after the one before.
    np.testing.assert_array_equal(example['offsets'], 4 * np.arange(16))
    heard = example['log_mel'][: 4 * 15 + clock.EXAMPLE_FRAMES]
    loud = (heard > clock.SILENCE + 0.1).any(axis=1)
    assert loud.any() == (kind != 'silence')
    if kind in ('noise', 'speech'):
      assert loud.all(), kind


def test_without_recordings_there_is_no_speech():
  """Three kinds, of which the last drawn, 2, is chords."""
  add = UnrelatedSound(())
  kinds = []

  class Draws(np.random.Generator):
    def integers(self, high, *args):
      if not kinds:
        kinds.append(high)
      return super().integers(high, *args)

  add({}, Draws(np.random.PCG64(0)))
  assert kinds == [3]


def test_speech_is_read_from_folders_of_recordings(tmp_path):
  for n in range(3):
    path = tmp_path / f'speaker{n}' / 'word.wav'
    path.parent.mkdir()
    level = np.full(1600, 0.1 * (n + 1), np.float32)
    scipy.io.wavfile.write(path, 16000, level)
  speech = read_speech(tmp_path)
  assert [wave.size for wave in speech] == [1600] * 3
  np.testing.assert_allclose(
    [w[800] for w in speech], [0.1, 0.2, 0.3], rtol=1e-3
  )


def test_a_folder_without_recordings_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r'data\.speech.*expected WAV'):
    read_speech(tmp_path)
