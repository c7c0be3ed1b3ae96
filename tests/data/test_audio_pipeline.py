"""Labelled sounds: which are held out, where they lie, what changes them."""

import numpy as np
import pytest

from dave_jax.data import audio_pipeline as sounds
from dave_jax.data.batches import Loading
from dave_jax.data.labelled_audio import (
  UNKNOWN,
  sounds_of_folder,
  sounds_of_tfds,
)
from dave_jax.media import audio, clock
from tests.data import sets
from tests.media import clips

UNCHANGED = {'seed': 0, 'speed': 0.0, 'gain': 0.0, 'noise': 0.0}


def _loading(batch_size, index=0, count=1):
  return Loading(batch_size, index, count, workers=0, prefetch=0)


def _write(path, seconds=0.3, hertz=440):
  path.parent.mkdir(parents=True, exist_ok=True)
  clips.write_clip(
    path, sound=clips.tone(seconds, hertz=hertz), sound_codec='pcm_s16le'
  )


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """{digit}_{speaker}_{take}.wav: two digits, three speakers, two takes."""
  folder = tmp_path_factory.mktemp('digits')
  for digit in '01':
    for n, speaker in enumerate(('ann', 'bob', 'eve')):
      for take in '01':
        name = f'{digit}_{speaker}_{take}.wav'
        _write(folder / name, 0.2 + 0.1 * n, 300 * (1 + int(digit)))
  return folder


def _find(folder, *held_out, field=1):
  """Returns the sounds to train on and those held out."""
  return sounds_of_folder(folder, held_out=held_out, held_out_field=field)


def _train(folder):
  return _find(folder, 'bob')[0]


def test_no_speaker_is_on_both_sides(folder):
  kept, away = _find(folder, 'bob')
  assert away.names == (
    *('0_bob_0.wav', '0_bob_1.wav'),
    *('1_bob_0.wav', '1_bob_1.wav'),
  )
  assert len(kept) == 8
  assert not any('bob' in name for name in kept.names)
  assert kept.labels == away.labels == ('0', '1')
  assert away.classes.tolist() == [0, 0, 1, 1]


def test_takes_are_held_out_by_their_field(folder):
  _, away = _find(folder, '1', field=2)
  assert len(away) == 6
  assert all(name.endswith('_1.wav') for name in away.names)


def test_folders_are_labels_and_lists_are_followed(tmp_path):
  """The layout of Warden, arXiv 1804.03209; a name may hold a space."""
  for name in ('up/a_nohash_0', 'up/b two', 'no/a_nohash_0', 'no/c_1'):
    _write(tmp_path / f'{name}.wav')
  _write(tmp_path / '_background_noise_' / 'rain.wav')
  (tmp_path / 'validation_list.txt').write_text('up/b two.wav\n')
  (tmp_path / 'testing_list.txt').write_text('no/c_1.wav\n')
  kept, away = _find(tmp_path)
  assert kept.names == ('up/a_nohash_0.wav', 'no/a_nohash_0.wav')[::-1]
  assert away.names == ('up/b two.wav',)
  assert kept.labels == ('no', 'up')


def test_labels_beside_the_words_are_one(folder):
  kept, _ = _find(folder, 'bob')
  known = kept.of_words(['1'])
  assert known.labels == ('1', UNKNOWN)
  np.testing.assert_array_equal(known.classes, 1 - kept.classes)
  assert kept.of_words(['0', '1']).labels == kept.labels
  with pytest.raises(ValueError, match='expected words of 0, 1, got 7'):
    kept.of_words(['7'])


@pytest.mark.parametrize('held_out', [(), ('zoe',), ('ann', 'bob', 'eve')])
def test_nothing_or_all_held_out_is_refused(folder, held_out):
  with pytest.raises(ValueError, match='are held out for validation'):
    _find(folder, *held_out)


def test_folder_without_sounds_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError, match=r'expected LABEL/\*\.wav'):
    _find(tmp_path, 'bob')


def test_held_out_sounds_come_once_and_in_the_middle(folder):
  _, away = _find(folder, 'bob')
  batches = list(sounds.held_out_sounds(away, _loading(3)))
  mask = np.concatenate([batch['mask'] for batch in batches])
  assert mask.tolist() == [True] * 4 + [False] * 2
  assert np.concatenate([b['label'] for b in batches])[mask].tolist() == [
    *(0, 0, 1, 1)
  ]
  # 0.3 s of sound in 1.255 s: 0.4775 s of silence before and after it.
  silent = (batches[0]['log_mel'][0] == np.float32(clock.SILENCE)).all(axis=1)
  heard = np.flatnonzero(~silent)
  assert abs(heard[0] - 45.25) <= 1
  assert abs(heard[-1] - 77.75) <= 1


def test_batch_has_the_examples_of_a_window_at_25_frames_a_second(folder):
  batch = next(sounds.train_sounds(_train(folder), _loading(4), **UNCHANGED))
  starts = clock.example_starts(np.arange(16) / 25, alignment='exact')
  assert batch['log_mel'].shape == (4, clock.chunk_length(starts), 64)
  np.testing.assert_array_equal(batch['offsets'], np.tile(starts, (4, 1)))
  assert batch['log_mel'].dtype == np.float32


def test_training_sounds_are_placed_anywhere_and_whole(folder):
  batches = sounds.train_sounds(_train(folder), _loading(16), **UNCHANGED)
  batch = next(batches)
  heard = (batch['log_mel'] != np.float32(clock.SILENCE)).any(axis=2)
  assert len(set(heard.argmax(axis=1))) > 8
  # A frame hears 25 ms every 10 ms: 0.2 s and 0.4 s are 22 and 42 of them.
  lengths = heard.sum(axis=1)
  inside = ~heard[:, 0] & ~heard[:, -1]
  assert set(lengths[inside]) <= {*range(20, 24), *range(40, 44)}


def test_long_sound_is_cut_to_its_middle(tmp_path):
  _write(tmp_path / 'a_x_0.wav', 3.0)
  _write(tmp_path / 'a_y_0.wav', 3.0)
  (batch,) = sounds.held_out_sounds(_find(tmp_path, 'y')[1], _loading(1))
  waveform, _ = audio.load_waveform(tmp_path / 'a_y_0.wav')
  first = (waveform.size - sounds.SAMPLES) // 2
  for begin in (first, first + 1):
    wanted = audio.log_mel(waveform[begin : begin + sounds.SAMPLES])
    if np.allclose(batch['log_mel'][0], wanted, atol=1e-5):
      return
  raise AssertionError('not the middle')


def test_speed_moves_the_pitch(tmp_path):
  """Up to a quarter faster or slower: 600 Hz becomes 480 to 750."""
  _write(tmp_path / 'a_x_0.wav', 0.6, 600)
  _write(tmp_path / 'a_y_0.wav')
  found, _ = _find(tmp_path, 'y')
  settings = UNCHANGED | {'speed': 0.25}
  batch = next(sounds.train_sounds(found, _loading(32), **settings))
  loudest = batch['log_mel'].max(axis=1).argmax(axis=1)
  low, high = (
    audio.mel_matrix()[round(hertz / 16000 * 512)].argmax()
    for hertz in (480, 750)
  )
  assert len(set(loudest)) > 3
  assert low - 1 <= loudest.min() < loudest.max() <= high + 1


@pytest.mark.parametrize('count', [1, 2])
def test_resumed_order_is_that_of_an_unbroken_run(folder, count):
  """Whatever the number of processes, and with everything drawn at random."""
  settings = {'seed': 3, 'speed': 0.1, 'gain': 6.0, 'noise': 0.01}

  def make(index):
    return sounds.train_sounds(
      _train(folder),
      _loading(4, index, count),
      **settings,
    )

  whole = make(count - 1)
  for _ in range(3):
    next(whole)
  again = make(count - 1)
  again.restore(whole.state())
  wanted, found = next(whole), next(again)
  for key, values in wanted.items():
    np.testing.assert_array_equal(found[key], values)


def test_another_gain_is_another_order(folder):
  found = _train(folder)
  saved = sounds.train_sounds(found, _loading(2), **UNCHANGED)
  other = sounds.train_sounds(found, _loading(2), **(UNCHANGED | {'gain': 3.0}))
  with pytest.raises(ValueError, match=r'gain was 0\.0, is 3\.0'):
    other.restore(saved.state())


def test_prepared_speech_commands_is_read_without_tensorflow(tmp_path):
  """Records as TFDS writes them: 16-bit samples and a label."""
  builder = sets.SpeechCommands(data_dir=tmp_path, file_format='array_record')
  builder.download_and_prepare()
  found = sounds_of_tfds(tmp_path, 'speech_commands', 'train')
  assert found.labels == ('down', 'go')
  by_size = sorted(range(3), key=lambda n: found.waveform(n).size)
  assert found.classes[by_size].tolist() == [0, 1, 0]
  for n, number in enumerate(by_size):
    np.testing.assert_array_equal(
      found.waveform(number), np.full(100 + n, 0.25 * n, np.float32)
    )
  with pytest.raises(ValueError, match=r"expected a split of .*, got 'test'"):
    sounds_of_tfds(tmp_path, 'speech_commands', 'test')
