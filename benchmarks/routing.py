"""Times training steps: routes, kinds of routing, and PyTorch.

  python benchmarks/routing.py --batch=2 --rounds=3 --json=rows.json

Whole steps of the paper's network with Adam, from bytes on the host to updated
weights; implementations alternate within one run. Compares routing on the host
('static') with `lax.cond`, the visual route with a network without an audio
branch, and the audio-visual route with PyTorch, whose inputs are prepared
beforehand.
"""

import argparse

import jax
import numpy as np
import torch
from contestants import channels_last, networks, take_turns, torch_inputs
from report import Row, report

from dave_jax.data.fake import fake_batches
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import model_inputs
from dave_jax.training import steps
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import adam
from dave_jax.training.routing import CompiledSteps
from dave_jax.training.sharding import make_mesh, place_state
from dave_jax.training.steps import AUDIO_VISUAL, VISUAL
from dave_jax.training.task import TrainState


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--batch', type=int, default=2)
  parser.add_argument('--height', type=int, default=256)
  parser.add_argument('--width', type=int, default=320)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--json')
  args = parser.parse_args()
  size = args.height, args.width
  batches = {
    route: _batch(args.batch, size, still=route == VISUAL)
    for route in (AUDIO_VISUAL, VISUAL)
  }
  whole, seeing = DAVE(frame_size=size), DAVE(modality='video', frame_size=size)
  static = Contestant(whole, batches, 'static')
  cond = Contestant(whole, batches, 'cond')
  video = Contestant(seeing, batches, 'static')
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

  def row(name, ours, against, theirs):
    return Row(
      f'{name}, an example',
      1e3 * seconds[ours] / args.batch,
      'ms',
      against,
      seconds[theirs] / seconds[ours],
    )

  report(
    [
      row('audio-visual step', 'static, both', 'PyTorch', 'PyTorch'),
      row('audio-visual step', 'static, both', 'lax.cond', 'cond, both'),
      row('visual step', 'static, visual', 'lax.cond', 'cond, visual'),
      row('visual step', 'static, visual', 'video network', 'video network'),
      row('visual step', 'static, visual', 'both branches', 'static, both'),
    ],
    args.json,
  )


class Contestant:
  """A network in training; each call takes a step."""

  def __init__(self, model, batches, routing):
    optimizer = adam(
      steps.groups(model),
      learning_rate=1e-3,
      schedule='constant',
      warmup=0.0,
      steps=1000,
      b1=0.9,
      b2=0.999,
      epsilon=1e-8,
      weight_decay=0.0,
      clip_norm=0.0,
    )
    objective = Objective(1.0, 0.0, 0.0, 0.0, epsilon=1e-3)
    mesh = make_mesh(-1)
    self._batches = batches
    self._step = CompiledSteps(
      steps.RoutedSteps(model, optimizer, objective, 1),
      mesh,
      routing=routing,
      shard_optimizer=False,
      dummy_batches={
        route: {key: (v.shape, v.dtype) for key, v in batch.items()}
        for route, batch in batches.items()
      },
    )
    variables = model.initialise(0)
    params = variables['params']
    params['saliency']['bias'] += 1.0
    self._state = place_state(
      mesh,
      TrainState(
        step=np.int32(0),
        params=params,
        batch_stats=variables['batch_stats'],
        opt_state=optimizer.init(params),
      ),
      shard_optimizer=False,
    )

  def __call__(self, route):
    self._state, facts = self._step(self._state, route, self._batches[route])
    jax.block_until_ready((self._state, facts))


def _batch(b, size, still):
  return next(
    fake_batches(
      batch_size=b,
      frame_size=size,
      still=still,
      fixation_map=False,
      examples=b,
      seed=0,
      process_index=0,
      process_count=1,
      start_batch=0,
    )
  )


def _torch_step(batch, model):
  """Returns a step of PyTorch, channels last, on the same batch."""
  twin = channels_last(networks()[0]).train()
  video, audio = model_inputs(model, batch, visual_only=False)
  video, audio = torch_inputs(
    np.array(video), np.array(audio), torch.channels_last_3d
  )
  density = torch.from_numpy(batch['density'])
  descent = torch.optim.Adam(twin.parameters(), lr=1e-3)

  def step():
    descent.zero_grad(set_to_none=True)
    maps = twin(video, audio)[:, 0] + 1e-6
    share = maps / maps.sum(dim=(1, 2), keepdim=True)
    loss = (density * (density.clamp_min(1e-12) / share).log()).sum(dim=(1, 2))
    loss.mean().backward()
    descent.step()

  return step


if __name__ == '__main__':
  main()
