"""The network in three implementations, and how they are timed.

`ours` is this project, `plain` is this project with `lax_kernels=True`, and
`PyTorch` is `torch_twin.py` with the same weights.
"""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accelerator_steps import training_loss
from benchmarks.torch_twin import DaveTwin
from dave_jax.kernels import conv_cpu
from dave_jax.models.dave import DAVE
from dave_jax.weights.conversion import dave_from_torch


def networks() -> tuple[DaveTwin, dict]:
  """Returns a PyTorch twin with random weights, and variables with the same."""
  torch.manual_seed(0)
  twin = DaveTwin()
  # As in the published initialisation, so that no map is zero everywhere.
  torch.nn.init.constant_(twin.saliency.bias, 1.0)
  state_dict = {k: v.numpy() for k, v in twin.state_dict().items()}
  variables, _ = dave_from_torch(state_dict)
  return twin, jax.tree.map(jnp.asarray, variables)


def torch_inputs(video, audio, memory_format) -> tuple[torch.Tensor, ...]:
  """Returns the same inputs in the layout of PyTorch."""
  video = torch.from_numpy(video).permute(0, 4, 1, 2, 3)
  audio = torch.from_numpy(audio)[:, None].expand(-1, 3, -1, -1, -1)
  return tuple(
    x.contiguous(memory_format=memory_format) for x in (video, audio)
  )


def jitted_forward(*, lax_kernels: bool) -> Callable[..., jax.Array]:
  """Returns the network's forward pass, compiled at its first call."""
  model = DAVE(lax_kernels=lax_kernels)
  return _blocking(
    jax.jit(lambda variables, v, a: model.apply(variables, v, a, train=False))
  )


def jitted_gradient(*, lax_kernels: bool) -> Callable:
  """Returns forward and backward pass in training."""
  loss = training_loss(DAVE(lax_kernels=lax_kernels))
  gradient = jax.value_and_grad(loss, has_aux=True)
  return _blocking(
    jax.jit(gradient, compiler_options=conv_cpu.COMPILER_OPTIONS)
  )


def _blocking(function):
  return lambda *args: jax.block_until_ready(function(*args))


def torch_forward(twin, video, audio) -> np.ndarray:
  """Returns PyTorch's maps [b, h / 8, w / 8] in inference."""
  twin.eval()
  with torch.inference_mode():
    return twin(video, audio)[:, 0].numpy()


def torch_gradient(twin, video, audio, targets) -> None:
  """Runs PyTorch's forward and backward pass in training."""
  twin.train()
  twin.zero_grad(set_to_none=True)
  maps = twin(video, audio)[:, 0]
  (maps - targets).pow(2).mean().backward()


def flop(twin, video, audio) -> int:
  """Returns the number of operations of a forward pass, from its shapes.

  Counts two operations for each product and sum of convolutions and matrix
  products, including taps that meet padding; an implementation that skips some
  has a higher rate.
  """
  counter = FlopCounterMode(display=False)
  with counter, torch.inference_mode():
    twin.eval()(video, audio)
  return counter.get_total_flops()


def matrix_product(size: int = 2048) -> tuple[Callable[[], None], int]:
  """Returns a matrix product by XLA, and its number of operations."""
  x = jax.random.normal(jax.random.key(0), (size, size))
  multiply = jax.jit(jnp.matmul)
  return lambda: jax.block_until_ready(multiply(x, x)), 2 * size**3


def take_turns(
  calls: dict[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
  """Returns the median seconds of each call; the first round warms up.

  The calls alternate within each round, so that other load on the machine
  affects all of them.
  """
  seconds = {name: [] for name in calls}
  for turn in range(rounds + 1):
    for name, call in calls.items():
      begin = time.perf_counter()
      call()
      if turn:
        seconds[name].append(time.perf_counter() - begin)
  return {name: statistics.median(values) for name, values in seconds.items()}
