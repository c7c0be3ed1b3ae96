"""Tests of the voices as files."""

import numpy as np

from dave_jax.data.labelled_audio import sounds_of_folder
from dave_jax.datasets.simulation import voice_files
from dave_jax.datasets.simulation.voices import VOICES


def test_voices_are_a_folder_of_labelled_sounds(tmp_path):
  out = tmp_path / 'voices'
  assert voice_files.main([f'--out={out}', '--each=12']) == 0
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
    voice_files.write_voices(tmp_path / name, 1, seed=3)
  for path in (tmp_path / 'a').rglob('*.wav'):
    twin = tmp_path / 'b' / path.relative_to(tmp_path / 'a')
    assert path.read_bytes() == twin.read_bytes()


def test_no_files_are_refused(tmp_path, capsys):
  assert voice_files.main([f'--out={tmp_path}', '--each=0']) == 1
  assert 'wanted 1 or more' in capsys.readouterr().err
