"""What speed is measured against is the published network, and ours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from dave_jax.models.dave import DAVE
from dave_jax.weights import conversion

torch = pytest.importorskip('torch', reason='PyTorch is not installed')

from benchmarks.torch_twin import DaveTwin  # noqa: E402


def _twin():
  torch.manual_seed(0)
  twin = DaveTwin()
  # A random last layer often gives nothing but zeros; this keeps it open.
  torch.nn.init.constant_(twin.saliency.bias, 5.0)
  return twin


def _variables(twin, tensors):
  """Returns tensors, by a twin's keys, laid out as our variables."""
  arrays = {
    key: tensors.get(key, torch.zeros_like(value)).numpy()
    for key, value in twin.state_dict().items()
  }
  return conversion.dave_from_torch(arrays)[0]


def test_agrees_with_the_published_network(goldens, reference):
  golden = np.load(goldens / 'dave_forward.npz')
  state_dict = {
    key: torch.from_numpy(np.asarray(value))
    for key, value in reference.golden_state_dict().items()
  }
  twin = DaveTwin().eval()
  # Strict: each key of the published state dict, and no other.
  twin.load_state_dict(state_dict)
  video, audio = map(torch.from_numpy, reference.reference_inputs(64, 96))
  with torch.inference_mode():
    saliency = twin(video, audio)
  expected = golden['saliency_64x96']
  np.testing.assert_allclose(saliency, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_trains_as_our_network_does():
  """Maps, running statistics and gradients, from the same weights.

  Gradients to 2% in norm: rounding moves a ReLU now and then. Shortcuts that
  let none through, as in the published code, would be tens of percents off.
  """
  rng = np.random.default_rng(0)
  video = rng.standard_normal((2, 16, 64, 64, 3), dtype=np.float32)
  audio = rng.standard_normal((2, 16, 64, 64), dtype=np.float32)
  targets = rng.random((2, 8, 8), dtype=np.float32)
  twin = _twin()
  variables = jax.tree.map(jnp.asarray, _variables(twin, twin.state_dict()))

  def loss(params):
    maps, state = DAVE(lax_kernels=True).apply(
      {**variables, 'params': params},
      video,
      audio,
      train=True,
      mutable=['batch_stats'],
    )
    return ((maps - targets) ** 2).mean(), (maps, state['batch_stats'])

  gradients, (maps, statistics) = jax.jit(jax.grad(loss, has_aux=True))(
    variables['params']
  )

  their_maps = twin.train()(
    torch.from_numpy(video).permute(0, 4, 1, 2, 3),
    torch.from_numpy(audio)[:, None].expand(-1, 3, -1, -1, -1),
  )[:, 0]
  (their_maps - torch.from_numpy(targets)).pow(2).mean().backward()
  their_maps = their_maps.detach().numpy()
  np.testing.assert_allclose(
    maps, their_maps, atol=1e-4 * np.abs(their_maps).max()
  )
  theirs = _variables(twin, twin.state_dict())['batch_stats']
  for path, mean in traverse_util.flatten_dict(statistics).items():
    if path[-1] == 'mean':  # The variance of PyTorch is the unbiased one.
      expected = traverse_util.flatten_dict(theirs)[path]
      np.testing.assert_allclose(mean, expected, atol=1e-4, err_msg=str(path))
  theirs = traverse_util.flatten_dict(
    _variables(
      twin,
      {k: p.grad for k, p in twin.named_parameters() if p.grad is not None},
    )['params']
  )
  for path, gradient in traverse_util.flatten_dict(gradients).items():
    off = np.linalg.norm(gradient - theirs[path])
    assert off < 0.02 * np.linalg.norm(theirs[path]), path
