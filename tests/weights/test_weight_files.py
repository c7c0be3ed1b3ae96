"""Files of weights as programs save them: nested, damaged, or harmful."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from dave_jax import convert
from dave_jax.weights import weight_files

torch = pytest.importorskip(
  'torch', reason="needs PyTorch: pip install 'dave-jax[convert]'"
)


def _convert(source):
  return convert.main([f'--source={source}', f'--out={source}.out'])


def test_unrecognised_keys_are_refused(tmp_path, capsys):
  torch.save({'a.weight': torch.zeros(3)}, tmp_path / 'other.pth')
  assert _convert(tmp_path / 'other.pth') == 1
  assert 'got 1 other keys: a.weight' in capsys.readouterr().err


class _Code:
  """Pickles as a call that makes a file."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (self.path,)


@pytest.mark.parametrize('writer', ['torch', 'pickle'])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, capsys, writer):
  trace, source = tmp_path / 'trace', tmp_path / 'evil.pth'
  content = {'state_dict': _Code(str(trace))}
  if writer == 'torch':
    torch.save(content, source)
  else:
    source.write_bytes(pickle.dumps(content))
  assert convert.main([f'--source={source}', f'--out={tmp_path}/out']) == 1
  assert 'Nothing in it was run' in capsys.readouterr().err
  assert not trace.exists()


def test_a_pickled_network_is_refused_by_name(tmp_path, capsys):
  """torch.save(model) instead of torch.save(model.state_dict())."""
  torch.save(torch.nn.Linear(2, 2), tmp_path / 'whole.pth')
  assert _convert(tmp_path / 'whole.pth') == 1
  said = capsys.readouterr().err
  assert 'would run torch.nn.modules.linear.Linear' in said
  assert 'torch.save(model.state_dict(), FILE)' in said


@pytest.mark.parametrize(
  'nest',
  [
    lambda weights: {'model': weights, 'epoch': 3},
    lambda weights: {'net': weights, 'optimizer': {'lr': 0.1}},
    lambda weights: {'state_dict': weights, 'best': np.float64(0.5)},
    lambda weights: {'state_dict': weights, 'ema': weights},
    lambda weights: {f'module.{k}': v for k, v in weights.items()},
    lambda weights: {f'_orig_mod.{k}': v for k, v in weights.items()},
    lambda weights: {f'model.{k}': v for k, v in weights.items()},
  ],
)
def test_weights_are_found_wherever_they_are_kept(nest, tmp_path):
  path = tmp_path / 'nested.pth'
  weights = {'conv1.weight': torch.arange(3.0), 'steps': torch.tensor(2)}
  torch.save(nest(weights), path)
  found = weight_files.read_state_dict(path)
  assert {k: v.tolist() for k, v in found.items()} == {
    'conv1.weight': [0, 1, 2],
    'steps': 2,
  }
  assert found['conv1.weight'].dtype == np.float32


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_safetensors_are_read(dtype, tmp_path):
  """0.5, 1 and -2 are exact in either type."""
  safetensors = pytest.importorskip('safetensors.torch')
  path = tmp_path / 'weights.safetensors'
  weights = torch.tensor([0.5, 1, -2], dtype=dtype)
  safetensors.save_file({'module.conv1.weight': weights}, path)
  (array,) = weight_files.read_state_dict(path).values()
  assert array.dtype == np.float32
  assert array.tolist() == [0.5, 1, -2]
  path.write_bytes(path.read_bytes()[:20])
  with pytest.raises(ValueError, match='not readable as a safetensors file'):
    weight_files.read_state_dict(path)


@pytest.mark.parametrize('inner', ['', 'model'])
def test_an_unpacked_file_is_read(inner, tmp_path):
  torch.save({'a': torch.arange(3.0)}, tmp_path / 'model.pth')
  folder = tmp_path / 'unpacked'
  with zipfile.ZipFile(tmp_path / 'model.pth') as archive:
    archive.extractall(folder)
  found = weight_files.read_state_dict(
    folder if inner == '' else folder / inner
  )
  assert found['a'].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
  ('content', 'found'),
  [
    ([1, 2], 'expected a state dict, got list'),
    ({}, 'got a dict of nothing'),
    ({'epoch': 3, 'lr': 0.1}, 'got a dict of epoch (int), lr (float)'),
    (
      {'a.weight': torch.zeros(1), 'epoch': 3},
      'got a dict of a.weight (Tensor), epoch (int)',
    ),
    (
      {'model': {'a': torch.zeros(1)}, 'ema': {'a': torch.zeros(1)}},
      'expected one state dict, got 2 (model, ema)',
    ),
  ],
)
def test_other_contents_are_refused_by_what_was_found(
  content, found, tmp_path, capsys
):
  torch.save(content, tmp_path / 'other.pth')
  assert _convert(tmp_path / 'other.pth') == 1
  assert found in capsys.readouterr().err


@pytest.mark.parametrize(
  'content, message',
  [
    (b'', 'not readable'),
    (b'PK\x03\x04broken', 'not readable'),
    (b'some text\n', 'not readable as a PyTorch file'),
    (b'\n<!DOCTYPE html><html>', 'got a web page'),
    (None, 'no such file'),
  ],
)
def test_damaged_files_are_refused(tmp_path, capsys, content, message):
  source = tmp_path / 'broken.pth'
  if content is not None:
    source.write_bytes(content)
  assert _convert(source) == 1
  assert message in capsys.readouterr().err


def test_a_folder_of_other_things_is_refused(tmp_path, capsys):
  (tmp_path / 'photos').mkdir()
  (tmp_path / 'photos' / 'cat.jpg').touch()
  assert _convert(tmp_path / 'photos') == 1
  assert 'got a folder of cat.jpg' in capsys.readouterr().err
