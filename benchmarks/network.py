"""Times the network on a CPU, against PyTorch and plain XLA.

  python -m benchmarks.network forward --batch=1 --rounds=7 --json=rows.json
  python -m benchmarks.network gradient --batch=2 --rounds=3
  python -m benchmarks.network step --batch=2 --rounds=3

`forward` is inference, `gradient` the forward and backward pass in training
with the mean squared error, both in float32 with random weights. `step` is a
whole step of training with Adam, from bytes on the host to updated weights; it
compares routing on the host ('static') with `lax.cond`, the visual route with a
network without an audio branch, and the audio-visual route with PyTorch and its
fused Adam, whose inputs are prepared beforehand. In the first two, PyTorch runs
with channels first and channels last; the faster one counts. Implementations
alternate.
"""

import argparse

import jax
import numpy as np
import torch

from benchmarks.accelerator_steps import first_state, inputs, routed_steps
from benchmarks.contestants import (
  flop,
  jitted_forward,
  jitted_gradient,
  matrix_product,
  networks,
  take_turns,
  torch_forward,
  torch_gradient,
  torch_inputs,
)
from benchmarks.report import Row, report
from benchmarks.torch_twin import channels_last
from dave_jax.data.batches import Loading, batch_shapes
from dave_jax.data.fake import fake_batches
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import model_inputs
from dave_jax.training.routing import CompiledSteps
from dave_jax.training.sharding import make_mesh, place_state
from dave_jax.training.steps import AUDIO_VISUAL, VISUAL


def forward(args) -> list[Row]:
  twin, twin_last, variables = _networks()
  (video, audio, _), first, last = _inputs(args)
  ours, plain = _ours_and_plain(jitted_forward)
  expected = torch_forward(twin, *first)
  error = np.abs(ours(variables, video, audio) - expected).max()
  print(f'largest difference: {error / np.ptp(expected):.1e} of the range')
  multiply, product = matrix_product()
  seconds = take_turns(
    {
      'ours': lambda: ours(variables, video, audio),
      'first': lambda: torch_forward(twin, *first),
      'last': lambda: torch_forward(twin_last, *last),
      'plain': lambda: plain(variables, video, audio),
      'matrix product': multiply,
    },
    args.rounds,
  )
  peak = product / seconds['matrix product'] / 1e9
  rate = flop(twin, *first) / seconds['ours'] / 1e9
  return [
    *_compared('forward, a window', seconds, args.batch),
    Row('matrix product', peak, 'GFLOP/s'),
    Row('forward', rate, 'GFLOP/s', 'matrix product', rate / peak),
  ]


def gradient(args) -> list[Row]:
  twin, twin_last, variables = _networks()
  (video, audio, targets), first, last = _inputs(args)
  ours, plain = _ours_and_plain(jitted_gradient)
  torch_targets = torch.from_numpy(targets)
  weights = variables['params'], variables['batch_stats']
  arrays = *weights, video, audio, targets
  torch_gradient(twin, *first, torch_targets)
  theirs = twin.video_branch.conv1.weight.grad.permute(2, 3, 4, 1, 0).numpy()
  kernel = ours(*arrays)[1]['video_encoder']['stem']['kernel']
  cosine = (kernel * theirs).sum() / (
    np.linalg.norm(kernel) * np.linalg.norm(theirs)
  )
  # Not 1: rounding moves a few ReLUs across zero and a few maxima to a
  # neighbour, which sends their gradients elsewhere.
  print(f"first kernel's gradient: cosine {cosine:.6f} with PyTorch's")
  seconds = take_turns(
    {
      'ours': lambda: ours(*arrays),
      'first': lambda: torch_gradient(twin, *first, torch_targets),
      'last': lambda: torch_gradient(twin_last, *last, torch_targets),
    }
    | ({'plain': lambda: plain(*arrays)} if args.plain else {}),
    args.rounds,
  )
  return list(_compared('forward and backward, a window', seconds, args.batch))


def _networks():
  """Returns PyTorch's network, the same channels last, and its weights."""
  twin, variables = networks()
  return twin, channels_last(networks()[0]), variables


def _inputs(args):
  """Returns the inputs, and PyTorch's with channels first and last."""
  arrays = inputs(args.batch, args.height, args.width)
  forms = torch.contiguous_format, torch.channels_last_3d
  return arrays, *(torch_inputs(*arrays[:2], form) for form in forms)


def _ours_and_plain(make):
  return (make(lax_kernels=lax_kernels) for lax_kernels in (False, True))


def _compared(name, seconds, batch):
  others = {'PyTorch': min(seconds['first'], seconds['last'])}
  if 'plain' in seconds:
    others["XLA's convolutions"] = seconds['plain']
  for against, other in others.items():
    milliseconds = 1e3 * seconds['ours'] / batch
    yield Row(name, milliseconds, 'ms', against, other / seconds['ours'])


def step(args) -> list[Row]:
  size = args.height, args.width
  batches = {
    route: _batch(args.batch, size, still=route == VISUAL)
    for route in (AUDIO_VISUAL, VISUAL)
  }
  whole, visual = DAVE(frame_size=size), DAVE(modality='video', frame_size=size)
  static = _Trained(whole, batches, 'static')
  cond = _Trained(whole, batches, 'cond')
  video = _Trained(visual, batches, 'static')
  seconds = take_turns(
    {
      'static, both': lambda: static(AUDIO_VISUAL),
      'static, visual': lambda: static(VISUAL),
      'cond, both': lambda: cond(AUDIO_VISUAL),
      'cond, visual': lambda: cond(VISUAL),
      'video network': lambda: video(VISUAL),
      'PyTorch': _torch_step(batches[AUDIO_VISUAL], whole),
    },
    args.rounds,
  )
  return [
    Row(
      f'{name}, an example',
      1e3 * seconds[ours] / args.batch,
      'ms',
      against,
      seconds[theirs] / seconds[ours],
    )
    for name, ours, against, theirs in (
      ('audio-visual step', 'static, both', 'PyTorch', 'PyTorch'),
      ('audio-visual step', 'static, both', 'lax.cond', 'cond, both'),
      ('visual step', 'static, visual', 'lax.cond', 'cond, visual'),
      ('visual step', 'static, visual', 'video network', 'video network'),
      ('visual step', 'static, visual', 'both branches', 'static, both'),
    )
  ]


class _Trained:
  """A network in training; each call takes a step."""

  def __init__(self, model, batches, routing):
    steps = routed_steps(model, learning_rate=1e-3)
    mesh = make_mesh(-1)
    self._batches = batches
    self._step = CompiledSteps(
      steps,
      mesh,
      routing=routing,
      shard_optimizer=False,
      dummy_batches={
        route: {key: (v.shape, v.dtype) for key, v in batch.items()}
        for route, batch in batches.items()
      },
    )
    state = first_state(model, steps)
    self._state = place_state(mesh, state, shard_optimizer=False)

  def __call__(self, route):
    self._state, metrics = self._step(self._state, route, self._batches[route])
    jax.block_until_ready((self._state, metrics))


def _batch(b, size, still):
  shapes = batch_shapes(
    batch_size=b,
    frame_size=size,
    still=still,
    fixation_map=False,
    evaluation=False,
  )
  loading = Loading(b, 0, 1, workers=0, prefetch=0)
  return next(fake_batches(shapes, loading, examples=b, seed=0))


def _torch_step(batch, model):
  """Returns a step of PyTorch, channels last, on the same batch."""
  twin = channels_last(networks()[0]).train()
  video, audio = model_inputs(model, batch, visual_only=False)
  video, audio = torch_inputs(
    np.array(video), np.array(audio), torch.channels_last_3d
  )
  density = torch.from_numpy(batch['density'])
  descent = torch.optim.Adam(twin.parameters(), lr=1e-3, fused=True)

  def take_step():
    descent.zero_grad(set_to_none=True)
    maps = twin(video, audio)[:, 0] + 1e-6
    share = maps / maps.sum(dim=(1, 2), keepdim=True)
    loss = (density * (density.clamp_min(1e-12) / share).log()).sum(dim=(1, 2))
    loss.mean().backward()
    descent.step()

  return take_step


SECTIONS = {'forward': forward, 'gradient': gradient, 'step': step}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('section', choices=SECTIONS)
  parser.add_argument('--batch', type=int, default=2)
  parser.add_argument('--height', type=int, default=256)
  parser.add_argument('--width', type=int, default=320)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument(
    '--plain', action='store_true', help="time XLA's gradients too, slow"
  )
  parser.add_argument('--json')
  args = parser.parse_args()
  report(SECTIONS[args.section](args), args.json)


if __name__ == '__main__':
  main()
