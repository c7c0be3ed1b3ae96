"""Checkpoint folders: whole or refused."""

import json
import shutil

import jax
import numpy as np
import pytest

from dave_jax.models.dave import DAVE
from dave_jax.weights import model_folder
from tests.conftest import random_variables


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  folder = tmp_path_factory.mktemp('store') / 'small'
  module = DAVE(width=2, depth=10, decoder_batch_norm=True)
  variables = random_variables(module)
  model_folder.save(folder, module, variables, origin={'made': 'for a test'})
  return folder, module, variables


@pytest.fixture
def copied(saved, tmp_path):
  return shutil.copytree(saved[0], tmp_path / 'copy')


def test_round_trip_is_exact(saved):
  folder, module, variables = saved
  stored = model_folder.load(folder)
  assert stored.module == module
  assert stored.contents == 'network'
  assert stored.origin == {'made': 'for a test'}
  jax.tree.map(np.testing.assert_array_equal, stored.variables, variables)


def test_dtype_is_chosen_on_loading(saved):
  assert (
    model_folder.load(saved[0], dtype=np.float16).module.dtype == np.float16
  )


def _largest_file(folder):
  files = [p for p in (folder / 'variables').rglob('*') if p.is_file()]
  return max(files, key=lambda p: p.stat().st_size)


def test_a_flipped_bit_is_found(copied):
  path = _largest_file(copied)
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  with pytest.raises(ValueError, match=f'{path.name}: damaged'):
    model_folder.load(copied)


def test_half_a_checkpoint_is_refused(copied):
  path = _largest_file(copied)
  path.write_bytes(path.read_bytes()[:100])
  with pytest.raises(ValueError, match='damaged'):
    model_folder.load(copied)
  path.unlink()
  with pytest.raises(ValueError, match=f'{path.name}: missing'):
    model_folder.load(copied)


def test_an_unfinished_checkpoint_is_refused(copied):
  (copied / 'model.json').unlink()
  with pytest.raises(FileNotFoundError, match=r'without model\.json'):
    model_folder.load(copied)


@pytest.mark.parametrize('value', [None, ['a'], 3])
def test_a_description_of_other_types_is_refused(copied, value):
  path = copied / 'model.json'
  description = json.loads(path.read_text())
  path.write_text(json.dumps(description | {'checksums': value}))
  with pytest.raises(ValueError, match="expected a dict 'checksums', got"):
    model_folder.load(copied)


def test_another_networks_variables_are_refused(copied):
  path = copied / 'model.json'
  description = json.loads(path.read_text())
  description['network']['width'] = 4
  path.write_text(json.dumps(description))
  with pytest.raises(
    ValueError, match=r'saliency/kernel: shape \(1, 1, 4, 1\)'
  ):
    model_folder.load(copied)
  description['network']['attention'] = True
  path.write_text(json.dumps(description))
  with pytest.raises(ValueError, match='attention'):
    model_folder.load(copied)


def test_files_and_missing_folders_are_told_apart(tmp_path):
  with pytest.raises(FileNotFoundError, match='no such folder'):
    model_folder.load(tmp_path / 'nowhere')
  (tmp_path / 'model.pth').write_bytes(b'')
  with pytest.raises(FileNotFoundError, match=r'dave_jax\.convert --source'):
    model_folder.load(tmp_path / 'model.pth')


def test_nothing_is_overwritten(saved):
  folder, module, variables = saved
  with pytest.raises(FileExistsError, match='is not empty'):
    model_folder.save(folder, module, variables, origin={})
