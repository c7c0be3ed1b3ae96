"""The three networks: shapes, routes, and goldens of the published code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.models.resnet3d import ResNet3D
from dave_jax.models.upsampling import double_bilinear
from dave_jax.weights import conversion
from tests.conftest import random_variables

pytestmark = pytest.mark.usefixtures('quick_to_compile')


def _apply(model, variables, video, audio=None, **route):
  def apply(variables, video, audio):
    return model.apply(variables, video, audio, train=False, **route)

  # These compile sooner; these tests do not depend on how to convolve.
  model = model.clone(lax_kernels=True)
  return jax.jit(apply)(variables, video, audio)


def _inputs(b=1, h=64, w=96, seed=0):
  rng = np.random.default_rng(seed)
  video = rng.standard_normal((b, 16, h, w, 3), dtype=np.float32)
  audio = rng.standard_normal((b, 16, 64, 64), dtype=np.float32)
  return video, audio


@pytest.fixture(scope='module')
def golden(goldens):
  return np.load(goldens / 'dave_forward.npz')


@pytest.fixture(scope='module')
def published_variables(reference):
  """The golden's seeded weights, converted."""
  return conversion.dave_from_torch(reference.golden_state_dict())[0]


@pytest.mark.parametrize(
  'size', ['64x96', pytest.param('256x320', marks=pytest.mark.slow)]
)
def test_agrees_with_the_published_network(
  golden, reference, published_variables, size
):
  video, audio = reference.reference_inputs(*map(int, size.split('x')))
  # Weights inside the program would be compiled with it.
  saliency, seen = jax.jit(
    lambda weights, v, a: DAVE().apply(
      weights, v, a, train=False, mutable='intermediates'
    )
  )(published_variables, video.transpose(0, 2, 3, 4, 1), audio[:, 0])
  seen = seen['intermediates']
  expected = golden[f'saliency_{size}'][:, 0]
  np.testing.assert_allclose(saliency, expected, atol=1e-4 * np.ptp(expected))
  for stage in ('stem', 'layer1', 'layer2', 'layer3', 'layer4'):
    name = 'stem_output' if stage == 'stem' else stage
    (x,) = seen['video_encoder'][name]
    moments = [x.mean(), x.std(), jnp.abs(x).max()]
    np.testing.assert_allclose(
      moments, golden[f'{stage}_moments_{size}'], rtol=1e-4
    )
    corner = golden[f'{stage}_corner_{size}']
    np.testing.assert_allclose(
      x[0, :, :3, :3, :4].transpose(3, 0, 1, 2), corner, atol=1e-4 * x.max()
    )
  video_features = golden[f'video_features_{size}'][0, :, 0]
  (x,) = seen['video_features']
  x = x[0].transpose(2, 0, 1)[:: x.shape[-1] // len(video_features)]
  np.testing.assert_allclose(
    x, video_features, atol=1e-4 * video_features.max()
  )
  (x,) = seen['audio_features']
  expected = golden[f'audio_features_{size}'].reshape(1, -1)
  np.testing.assert_allclose(x, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize('modality', ['audio_visual', 'video', 'audio'])
@pytest.mark.parametrize('decoder_batch_norm', [False, True])
def test_maps_are_an_eighth_of_the_frame(modality, decoder_batch_norm):
  model = DAVE(
    modality=modality,
    width=4,
    depth=10,
    decoder_batch_norm=decoder_batch_norm,
    frame_size=(64, 96),
  )
  video, audio = _inputs(b=2)
  variables = random_variables(model)
  saliency = _apply(
    model,
    variables,
    None if modality == 'audio' else video,
    None if modality == 'video' else audio,
  )
  assert saliency.shape == (2, 8, 12)
  assert saliency.dtype == jnp.float32
  assert saliency.min() >= 0
  names = set(variables['params'])
  assert ('combined_embedding' in names) == (modality == 'audio_visual')
  has_batch_norm = 'bn' in variables['params']['upscale1']
  assert has_batch_norm == decoder_batch_norm


def test_audio_only_map_depends_on_position_by_what_was_learned():
  """Fresh, it is flat but for the borders; a place raised shows in the map."""
  model = DAVE(modality='audio', width=4, depth=10, frame_size=(192, 256))
  variables = random_variables(model)
  places = np.zeros((6, 8, 32), np.float32)
  assert variables['params']['position']['map'].shape == places.shape
  _, audio = _inputs()

  def predict(places):
    params = variables['params'] | {'position': {'map': places}}
    return _apply(model, variables | {'params': params}, None, audio)[0]

  flat = predict(places)
  inside = flat[6:-6, 6:-6]
  np.testing.assert_allclose(inside, inside[0, 0], rtol=1e-4, atol=1e-5)
  places[2, 5] = 1.0
  change = np.abs(predict(places) - flat)
  row, column = np.unravel_index(change.argmax(), change.shape)
  # Each place covers 4x4 of the 24x32 outputs.
  assert abs(row - 9.5) < 4 and abs(column - 21.5) < 4


def test_visual_only_route_skips_audio_encoder_and_mixing():
  """It equals the video-only network with the remaining modules' weights."""
  model = DAVE(width=4, depth=10)
  variables = random_variables(model)
  video, _ = _inputs()
  routed = _apply(model, variables, video, visual_only=True)
  remaining = {
    collection: {
      name: leaf
      for name, leaf in tree.items()
      if name not in ('audio_encoder', 'combined_embedding')
    }
    for collection, tree in variables.items()
  }
  alone = DAVE(modality='video', width=4, depth=10)
  np.testing.assert_array_equal(routed, _apply(alone, remaining, video))


def test_audio_features_reach_every_position_alike():
  """With no visual features, a map depends on the audio and not on position.

  Zero padding changes a border of one point in the first 3x3 convolution; the
  upsampling spreads it to three points and the second convolution to four.
  """
  model = DAVE(width=4, depth=10)
  variables = random_variables(model, seed=1)
  kernel = variables['params']['combined_embedding']['kernel']
  kernel[:, :, : kernel.shape[-1]] = 0  # Visual features come first.
  video, audio = _inputs(h=128, w=128)
  one, other = (_apply(model, variables, video, a) for a in (audio, audio + 1))
  for maps in (one, other):
    inner = maps[:, 4:-4, 4:-4]
    assert np.ptp(inner) <= 1e-5 * inner.max()
  assert np.abs(one - other).max() > 1e-3 * one.max()


@pytest.mark.parametrize('depth, shortcut', [(34, 'B'), (50, 'A'), (50, 'B')])
def test_other_depths_and_shortcuts(depth, shortcut):
  encoder = ResNet3D(depth=depth, width=4, shortcut=shortcut)
  x = _inputs(h=32, w=64)[0]
  shapes = jax.eval_shape(
    lambda x: encoder.init_with_output(jax.random.key(0), x, train=False), x
  )
  assert shapes[0].shape == (1, 1, 1, 2, encoder.features)
  projected = [
    path
    for path in traverse_util.flatten_dict(shapes[1]['params'])
    if 'downsample' in path and path[-1] == 'kernel'
  ]
  # One for each stage, but the first stage of basic blocks needs none.
  expected = {('34', 'B'): 3, ('50', 'A'): 0, ('50', 'B'): 4}
  assert len(projected) == expected[str(depth), shortcut]


def test_parameter_count_is_the_published_one():
  """69,747,485 without what the published code holds but never uses.

  That is two classifiers (512 x 400 + 400 and 512 x 12 + 12) and the decoder's
  two batch norms (2 x 512, 2 x 128).
  """
  shapes = DAVE().variable_shapes()
  total = sum(
    int(np.prod(shape)) for path, shape in shapes.items() if path[0] == 'params'
  )
  assert total == 69_747_485 - (512 * 412 + 412) - 2 * (512 + 128)


def test_initialisation_is_he_and_depends_on_the_seed():
  """Deviation sqrt(2 / fan-out) in encoders, sqrt(2 / fan-in) elsewhere."""
  model = DAVE(modality='video', depth=10, width=16)
  params = model.initialise(0)['params']
  kernel = params['video_encoder']['layer3_0']['conv2']['kernel']
  assert kernel.std() == pytest.approx((2 / (27 * 64)) ** 0.5, rel=0.01)
  kernel = params['upscale2']['combine']['kernel']
  assert kernel.std() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
  assert np.all(params['saliency']['bias'] == 0)
  other = model.initialise(1)['params']['upscale2']['combine']['kernel']
  assert np.any(kernel != other)


@pytest.mark.slow
def test_gradients_agree_with_lax_kernels():
  """To 1e-4 of a leaf's largest value, in training.

  Wide networks differ by more, where rounding moves a ReLU: the float32
  gradients of lax kernels are up to 5e-3 from float64 (width 64, 64x96).
  """
  variables = random_variables(DAVE(depth=10, width=16))
  video, audio = _inputs(b=2)
  targets = np.random.default_rng(2).random((2, 8, 12), dtype=np.float32)

  def loss(params, lax_kernels):
    model = DAVE(depth=10, width=16, lax_kernels=lax_kernels)
    maps, _ = model.apply(
      {**variables, 'params': params},
      video,
      audio,
      train=True,
      mutable=['batch_stats'],
    )
    return ((maps - targets) ** 2).mean()

  gradient = jax.jit(jax.grad(loss), static_argnums=1)
  ours, lax = (
    traverse_util.flatten_dict(gradient(variables['params'], lax_kernels))
    for lax_kernels in (False, True)
  )
  for path, expected in lax.items():
    scale = np.abs(expected).max()
    assert scale > 0, path
    np.testing.assert_allclose(
      ours[path], expected, atol=1e-4 * scale, rtol=0, err_msg=str(path)
    )


def _encoder_variables():
  variables = random_variables(DAVE(modality='video', depth=10, width=4))
  return {c: tree['video_encoder'] for c, tree in variables.items()}


def test_detached_shortcut_stops_the_gradient_and_nothing_else():
  """With the last scale of each block zero, only shortcuts carry a signal."""
  x = jnp.asarray(_inputs(h=32, w=32)[0])
  flat = traverse_util.flatten_dict(_encoder_variables())
  for path in flat:
    if path[-2:] == ('bn2', 'scale'):
      flat[path] = np.zeros_like(flat[path])
  variables = traverse_util.unflatten_dict(flat)

  def total_and_gradient(detach):
    encoder = ResNet3D(
      depth=10, width=4, detach_shortcut=detach, lax_kernels=True
    )
    total = jax.value_and_grad(
      lambda x: encoder.apply(variables, x, train=False).sum()
    )
    return jax.jit(total)(x)

  total, gradient = total_and_gradient(detach=False)
  detached_total, detached_gradient = total_and_gradient(detach=True)
  assert total == detached_total
  assert jnp.abs(gradient).max() > 0
  assert jnp.abs(detached_gradient).max() == 0


def test_one_channel_stands_for_three_equal_ones():
  variables = _encoder_variables()
  x = jnp.asarray(_inputs(h=32, w=32)[0][..., :1])
  encoder = ResNet3D(depth=10, width=4, lax_kernels=True)
  apply = jax.jit(lambda x: encoder.apply(variables, x, train=False))
  one, three = apply(x), apply(jnp.repeat(x, 3, axis=-1))
  np.testing.assert_allclose(one, three, atol=1e-5 * three.max())


def test_double_bilinear_keeps_the_corners():
  """By hand: two points become four, a third of their distance apart."""
  x = jnp.array([0.0, 3.0]).reshape(1, 1, 2, 1)
  doubled = double_bilinear(x)
  assert doubled.shape == (1, 2, 4, 1)
  np.testing.assert_allclose(doubled[0, :, :, 0], [[0, 1, 2, 3]] * 2, atol=1e-6)


@pytest.mark.parametrize(
  'video, audio, message',
  [
    ((1, 16, 60, 64, 3), (1, 16, 64, 64), r'got \(1, 16, 60, 64, 3\)'),
    (
      (1, 15, 64, 64, 3),
      (1, 16, 64, 64),
      r'expected video of shape \[b, 16, h, w, 3\]',
    ),
    (
      (1, 16, 64, 64, 3),
      (1, 16, 64, 32),
      r'expected audio .* got \(1, 16, 64, 32\)',
    ),
    ((1, 16, 64, 64, 3), None, 'expected audio .* got None'),
    (None, (1, 16, 64, 64), 'expected video .* got None'),
  ],
)
def test_rejects_inputs_that_do_not_fit(video, audio, message):
  model = DAVE(width=4, depth=10)
  arrays = [None if s is None else jnp.zeros(s) for s in (video, audio)]
  with pytest.raises(ValueError, match=message):
    model.init(jax.random.key(0), *arrays, train=False)


def test_rejects_unknown_choices():
  with pytest.raises(ValueError, match=r"one of .* got 'sound'"):
    DAVE(modality='sound').init(jax.random.key(0), None, train=False)
  with pytest.raises(ValueError, match=r'depth: expected .* got 20'):
    DAVE(depth=20).initialise(0)
  with pytest.raises(ValueError, match=r"shortcut: expected .* got 'C'"):
    DAVE(shortcut='C').initialise(0)
