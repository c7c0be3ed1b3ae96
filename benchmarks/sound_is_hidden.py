"""Tests whether the frames of the simulated sounding_shapes tell what sounds.

  python -m benchmarks.sound_is_hidden --clips=400

At each moment in which an object on the screen sounds, a conditional logistic
regression ranks the objects by their visible features: kind, position, size,
speed, rotation and liveliness, at the moment and up to a second before and
after. It is fitted on the training split; its hit rate on the test split should
differ from guessing by at most two standard errors. As a control, the same
regression also gets whether the object sounded shortly before, and should
nearly always be right. No frame is drawn.
"""

import argparse

import numpy as np
from scipy import optimize, special

from dave_jax.datasets.simulation.kinds import KINDS
from dave_jax.datasets.simulation.scene import ASPECT
from dave_jax.datasets.simulation.sounding_shapes import ShapesSource

_EVERY = 5  # Frames between moments.
_AROUND = (-1.0, -0.5, 0.0, 0.5, 1.0)  # Seconds from the moment.
_MOST = 4  # Largest number of objects.
_RIDGE = 1e-3


def main() -> None:
  """Prints the hit rates."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--clips', type=int, default=400, help='clips of each split'
  )
  parser.add_argument('--seed', type=int, default=0, help='seed of the set')
  args = parser.parse_args()
  source = ShapesSource(
    train=args.clips, val=0, test=args.clips, seed=args.seed
  )
  clips, _ = source.find(None)
  train, test = (
    _moments(
      [
        source.scenario(clip.name)
        for clip in clips
        if clip.split == split and clip.name.endswith('_social')
      ]
    )
    for split in ('train', 'test')
  )
  _report('the picture', train, test, slice(0, -1))
  _report('what sounded 0.2 s before (cheating)', train, test, slice(-1, None))


def _report(name, train, test, columns):
  features, there, sounding, _ = train
  features = features[..., columns]
  mean, spread = features[there].mean(axis=0), features[there].std(axis=0)
  spread = np.maximum(spread, 1e-6)
  weights = _fit((features - mean) / spread, there, sounding)
  features, there, sounding, clip = test
  ranks = ((features[..., columns] - mean) / spread) @ weights
  hit = np.where(there, ranks, -np.inf).argmax(axis=1) == sounding
  chance = 1 / there.sum(axis=1)
  surplus = [(hit - chance)[clip == n].mean() for n in np.unique(clip)]
  error = np.std(surplus, ddof=1) / np.sqrt(len(surplus))
  print(
    f'{name}: right {hit.mean():.3f}, by guessing {chance.mean():.3f}; '
    f'difference over {len(surplus)} clips {np.mean(surplus):+.3f}, standard '
    f'error {error:.3f}'
  )


def _moments(scenarios):
  """Returns features [n, 4, k], there [n, 4], sounding [n], clip [n]."""
  columns = []
  for number, scenario in enumerate(scenarios):
    frames, sounding = scenario.sounding()
    before = dict(zip(frames.tolist(), sounding.tolist(), strict=True))
    frames, sounding = frames[::_EVERY], sounding[::_EVERY]
    objects = scenario.shots[0].scene.objects
    features = np.zeros((len(frames), _MOST, _width()))
    for i, item in enumerate(objects):
      features[:, i] = _seen(item, frames / scenario.rate)
      earlier = frames - round(0.2 * scenario.rate)
      features[:, i, -1] = [before.get(int(f)) == i for f in earlier]
    there = np.broadcast_to(np.arange(_MOST) < len(objects), features.shape[:2])
    clip = np.full(len(frames), number)
    columns.append((features, there, sounding, clip))
  return tuple(map(np.concatenate, zip(*columns, strict=True)))


def _width():
  return len(KINDS) + 1 + 5 * len(_AROUND) + 1


def _seen(item, time):
  """Returns the visible features of an object, [n, k]; the last one is 0."""
  step = 0.04
  parts = [np.eye(len(KINDS))[[KINDS.index(item.kind)] * len(time)]]
  parts.append(np.full((len(time), 1), item.diameter))
  for around in _AROUND:
    now = time + around
    place = item.places(now)
    moved = (item.places(now + step) - place) * [ASPECT, 1.0] / step
    turned = np.abs(item.angles(now + step) - item.angles(now)) / step
    parts += [
      np.abs(place - 0.5),
      np.linalg.norm(moved, axis=1)[:, None],
      turned[:, None],
      item.liveliness(now)[:, None],
    ]
  return np.hstack([*parts, np.zeros((len(time), 1))])


def _fit(features, there, sounding):
  """Returns the weights [k] of largest likelihood."""
  rows = np.arange(len(sounding))

  def loss(weights):
    ranks = np.where(there, features @ weights, -np.inf)
    logs = special.log_softmax(ranks, axis=1)
    slope = np.exp(logs)
    slope[rows, sounding] -= 1
    gradient = np.einsum('nt,ntk->k', slope, features) / len(rows)
    value = -logs[rows, sounding].mean() + _RIDGE * weights @ weights
    return value, gradient + 2 * _RIDGE * weights

  start = np.zeros(features.shape[-1])
  return optimize.minimize(loss, start, jac=True, method='L-BFGS-B').x


if __name__ == '__main__':
  main()
