"""From PyTorch files to checkpoint folders and back, on the command line."""

import json

import jax
import numpy as np
import pytest
from flax import traverse_util

import dave_jax
from dave_jax import convert
from dave_jax.models.dave import DAVE, Upscale
from dave_jax.weights import conversion, model_folder, torch_names, weight_files

torch = pytest.importorskip(
  'torch', reason="needs PyTorch: pip install 'dave-jax[convert]'"
)


def _random_entries(places, shapes, rng):
  state_dict = {}
  for key, place in places.items():
    shape = shapes[place.path]
    if place.axes is not None:
      shape = tuple(shape[i] for i in np.argsort(place.axes))
    state_dict[key] = rng.standard_normal(shape, dtype=np.float32)
    if key.endswith('.running_var'):
      state_dict[key] = np.abs(state_dict[key]) + 0.5
      count = key.replace('running_var', 'num_batches_tracked')
      state_dict[count] = np.array(7)
  return state_dict


@pytest.fixture(scope='module')
def published():
  """A state dict as published: every key, random numbers."""
  rng = np.random.default_rng(0)
  shapes = DAVE().variable_shapes()
  state_dict = _random_entries(torch_names.dave_places(), shapes, rng)
  for key, shape in torch_names.DAVE_UNUSED.items():
    state_dict[key] = rng.standard_normal(shape, dtype=np.float32)
  for i in (1, 2):
    state_dict[f'upscale{i}.bn.num_batches_tracked'] = np.array(3)
  return state_dict


def _encoder_state_dict(depth, shortcut, classes):
  module = DAVE(modality='video', depth=depth, shortcut=shortcut)
  shapes = {
    (path[0], *path[2:]): shape
    for path, shape in module.variable_shapes().items()
    if path[1] == 'video_encoder'
  }
  places = torch_names.encoder_places(depth, shortcut)
  state_dict = _random_entries(places, shapes, np.random.default_rng(1))
  features = 2048 if depth == 50 else 512
  state_dict['fc.weight'] = np.zeros((classes, features), np.float32)
  state_dict['fc.bias'] = np.zeros(classes, np.float32)
  return state_dict


def _write(path, state_dict, prefix='', bare=False):
  tensors = {prefix + k: torch.from_numpy(v) for k, v in state_dict.items()}
  torch.save(tensors if bare else {'epoch': 3, 'state_dict': tensors}, path)
  return str(path)


def test_published_keys_are_the_ones_converted(goldens, published):
  names = np.load(goldens / 'dave_forward.npz')['names']
  assert set(published) == set(names)


def test_conversion_and_back_is_exact(tmp_path, published, capsys):
  source = _write(tmp_path / 'model.pth.tar', published, 'module.')
  folder, back = str(tmp_path / 'dave'), str(tmp_path / 'back.pth')
  assert convert.main([f'--source={source}', f'--out={folder}']) == 0
  printed = capsys.readouterr().out
  assert 'not used by the network: audio_branch.fc_new.bias' in printed
  assert 'not used by the network: upscale2.bn.running_var' in printed
  assert convert.main([f'--checkpoint={folder}', f'--to_torch={back}']) == 0
  assert 'filled in' not in capsys.readouterr().out
  returned = weight_files.read_state_dict(back)
  assert set(returned) == set(published)
  for key, array in published.items():
    assert returned[key].dtype == array.dtype, key
    np.testing.assert_array_equal(returned[key], array, err_msg=key)


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_converted_weights_give_the_originals_maps(
  goldens, reference, tmp_path
):
  """From a file as published, through the command, to `dave_jax.load`."""
  golden = np.load(goldens / 'dave_forward.npz')
  state_dict = reference.golden_state_dict()
  source = _write(tmp_path / 'model.pth.tar', state_dict, 'module.')
  folder = tmp_path / 'dave'
  assert convert.main([f'--source={source}', f'--out={folder}']) == 0
  model = dave_jax.load(folder)
  video, audio = reference.reference_inputs(64, 96)
  saliency = model(video.transpose(0, 2, 3, 4, 1), audio[:, 0])
  expected = golden['saliency_64x96'][:, 0]
  np.testing.assert_allclose(saliency, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize(
  'depth, shortcut, classes',
  [(18, 'A', 400), (18, 'B', 700), (34, 'A', 400), (50, 'B', 1039)],
)
def test_kinetics_networks_are_recognised(depth, shortcut, classes):
  state_dict = _encoder_state_dict(depth, shortcut, classes)
  variables, fields, unused = conversion.encoder_from_torch(
    state_dict, 'resnet3d'
  )
  assert fields == {'depth': depth, 'shortcut': shortcut}
  counters = {key for key in unused if key.endswith('.num_batches_tracked')}
  assert unused.keys() - counters == {'fc.weight', 'fc.bias'}
  kernel = variables['params']['layer2_0']['conv1']['kernel']
  np.testing.assert_array_equal(
    kernel.transpose(4, 3, 0, 1, 2), state_dict['layer2.0.conv1.weight']
  )


def test_kinetics_network_becomes_both_encoders(tmp_path, capsys):
  state_dict = _encoder_state_dict(18, 'A', 400)
  source = _write(tmp_path / 'r3d.pth', state_dict)
  folder = tmp_path / 'encoders'
  names = 'video_encoder,audio_encoder'
  arguments = [f'--source={source}', f'--out={folder}', f'--encoders={names}']
  assert convert.main(arguments) == 0
  assert 'not used by the network: fc.weight' in capsys.readouterr().out
  stored = model_folder.load(folder)
  assert stored.contents == 'encoders'
  assert stored.module.depth == 18
  assert stored.module.shortcut == 'A'
  for encoder in names.split(','):
    kernel = stored.variables['params'][encoder]['layer2_0']['conv1']['kernel']
    np.testing.assert_array_equal(
      kernel.transpose(4, 3, 0, 1, 2), state_dict['layer2.0.conv1.weight']
    )
  assert convert.main([f'--checkpoint={folder}', '--to_torch=x.pth']) == 1
  assert 'got encoders alone' in capsys.readouterr().err


def test_every_wrong_key_is_listed(tmp_path, published, capsys):
  wrong = dict(published)
  del wrong['saliency.bias']
  del wrong['video_branch.bn1.running_mean']
  wrong['upscale1.attention'] = np.zeros(3, np.float32)
  wrong['combinedEmbedding.weight'] = np.zeros((512, 512, 1, 1), np.float32)
  source = _write(tmp_path / 'wrong.pth', wrong)
  folder = tmp_path / 'out'
  assert convert.main([f'--source={source}', f'--out={folder}']) == 1
  printed = capsys.readouterr().err
  assert '4 keys do not fit' in printed
  assert 'saliency.bias: missing' in printed
  assert 'video_branch.bn1.running_mean: missing' in printed
  assert 'upscale1.attention: unknown' in printed
  assert (
    'combinedEmbedding.weight: shape (512, 512, 1, 1), expected '
    '(512, 1024, 1, 1)' in printed
  )
  assert not folder.exists()


def test_kind_is_enforced(tmp_path, published, capsys):
  source = _write(tmp_path / 'model.pth', published)
  arguments = [f'--source={source}', f'--out={tmp_path}/out']
  assert convert.main([*arguments, '--kind=resnet3d']) == 1
  assert (
    'expected a 3D ResNet of depth 10, 18, 34 or 50' in capsys.readouterr().err
  )


@pytest.mark.usefixtures('quick_to_compile')
def test_decoder_batch_norm_is_folded(tmp_path, published):
  """Folded weights give the maps of the network with batch norm."""
  plain, _ = conversion.dave_from_torch(published)
  flat = traverse_util.flatten_dict(plain)
  for name in ('upscale1', 'upscale2'):
    for collection, leaf, theirs in [
      ('params', 'scale', 'weight'),
      ('params', 'bias', 'bias'),
      ('batch_stats', 'mean', 'running_mean'),
      ('batch_stats', 'var', 'running_var'),
    ]:
      array = published[f'{name}.bn.{theirs}']
      flat[collection, name, 'bn', leaf] = array
    flat['batch_stats', name, 'bn', 'var'] = np.abs(array) + 0.5
  module = DAVE(decoder_batch_norm=True)
  normed = traverse_util.unflatten_dict(flat)
  state_dict, filled_in = conversion.dave_to_torch(module, normed, {})
  assert 'upscale1.bn.weight' in filled_in
  folded, _ = conversion.dave_from_torch(state_dict)

  def decode(variables, x, batch_norm):
    for name, width in [('upscale1', 512), ('upscale2', 128)]:
      layer = {c: variables[c].get(name, {}) for c in variables}
      block = Upscale(width, batch_norm, np.float32)
      x = block.apply(layer, x, train=False)
    return x

  decode = jax.jit(decode, static_argnums=2)
  x = np.random.default_rng(2).standard_normal((1, 2, 2, 512), np.float32)
  expected = decode(normed, x, True)
  np.testing.assert_allclose(
    decode(folded, x, False), expected, atol=1e-5 * expected.max()
  )


def test_other_networks_cannot_go_back():
  module = DAVE(width=32, depth=10)
  with pytest.raises(ValueError, match=r'depth 10 \(expected 18\)'):
    conversion.dave_to_torch(module, {}, {})


def test_model_file_tells_what_the_weights_are(tmp_path, published):
  source = _write(tmp_path / 'model.pth', published)
  convert.from_torch(source, tmp_path / 'dave')
  description = json.loads((tmp_path / 'dave' / 'model.json').read_text())
  assert description['origin'] == {'file': 'model.pth', 'kind': 'dave'}
  assert description['network']['decoder_batch_norm'] is False
