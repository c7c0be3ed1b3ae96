"""Bounds what sound can add on the simulated sounding_shapes.

  python benchmarks/gain_of_sound.py --clips=96

Prints the NSS by category of maps computed from the scripts of the clips, which
know how gaze was simulated: from what is visible alone, with the sound, and
with the sound of another clip; beside the mean eye position of the training
split, and half of the viewers against the others. These bound what a network
can reach with and without sound. No frame is drawn.
"""

import argparse

import numpy as np
from tqdm import tqdm

from dave_jax.datasets.density import gaussian_density
from dave_jax.datasets.simulation import viewers
from dave_jax.datasets.simulation.scenario import CATEGORY, Scenario
from dave_jax.datasets.simulation.scene import ASPECT
from dave_jax.datasets.simulation.sounding_shapes import ShapesSource
from dave_jax.datasets.simulation.viewers import watch
from dave_jax.scoring import metrics

_HEIGHT, _WIDTH = 128, 160
_EVERY = 8  # Scores every 8th frame.
# Seconds since the target of the present fixation was chosen: a reaction time,
# a saccade, part of a fixation.
_AGO = np.linspace(0.28, 0.62, 5)
_MEDIAN = viewers.Viewer(
  sound=40.0,
  motion=2.0,
  interest=0.0,
  centre=0.5,
  alert=0.95,
  fixation=0.26,
  offset=np.zeros(2),
)
_MAPS = ('MEP', 'seen', 'seen, heard', 'wrong sound', 'Human Infinite')


def main() -> None:
  """Prints the tables."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--clips', type=int, default=48, help='clips of each split'
  )
  parser.add_argument('--seed', type=int, default=0, help='seed of the set')
  args = parser.parse_args()
  source = ShapesSource(
    train=args.clips, val=0, test=args.clips, seed=args.seed
  )
  clips, _ = source.find(None)
  scenarios = {
    split: [source.scenario(c.name) for c in clips if c.split == split]
    for split in ('train', 'test')
  }
  _print_scores(_scores(**scenarios))


def _scores(train, test):
  """Returns {sort: [clips, maps] of NSS}."""
  mep = np.mean([_density(watch(scenario).xy) for scenario in train], axis=0)
  scores: dict[str, list] = {}
  for number, scenario in enumerate(tqdm(test, desc='scoring', unit='clip')):
    other = test[(number + 2) % len(test)]
    rows = _clip_scores(scenario, other, mep)
    scores.setdefault(scenario.sort, []).append(rows)
  return {sort: np.array(rows) for sort, rows in scores.items()}


def _clip_scores(scenario, other, mep):
  gaze = watch(scenario)
  frames = np.arange(0, scenario.frames, _EVERY)
  rows = []
  for frame in frames:
    here = gaze.when == frame
    time = frame / scenario.rate
    fixated = _counts(gaze.xy[here])
    maps = [
      mep,
      _expected(scenario, time, None),
      _expected(scenario, time, scenario),
      _expected(scenario, time, other),
    ]
    row = [_nss(saliency, fixated) for saliency in maps]
    halves = [gaze.xy[here & (gaze.viewer % 2 == half)] for half in (0, 1)]
    human = [_nss(_density(a), _counts(b)) for a, b in (halves, halves[::-1])]
    rows.append([*row, np.nanmean(human)])
  return np.nanmean(rows, axis=0)


def _expected(scenario: Scenario, time: float, sound: Scenario | None):
  """Returns the expected gaze density, [h, w]."""
  shot = scenario.shot_at(time)
  objects = shot.scene.objects
  chance, centre = np.zeros(len(objects)), 0.0
  for ago in _AGO:
    if time - ago < shot.begin:
      centre += 1
      continue
    middle, pull = viewers.pulls(
      scenario, _MEDIAN, time - ago, deaf=sound is not scenario
    )
    if sound is not None and sound is not scenario:
      for turn in sound.turns:
        # The sound of the other clip goes with the object of the same index.
        on = turn.begin <= time - ago < turn.end
        if (
          on
          and turn.object_index is not None
          and turn.object_index < len(objects)
        ):
          pull[turn.object_index] += _MEDIAN.sound
    total = middle + pull.sum()
    chance, centre = chance + pull / total, centre + middle / total
  now = np.array([time])
  x, y = (
    (np.arange(_WIDTH) + 0.5) / _WIDTH,
    (np.arange(_HEIGHT) + 0.5) / _HEIGHT,
  )

  def blob(middle, spread_x, spread_y):
    across = np.exp(-(((x - middle[0]) / spread_x) ** 2) / 2) / spread_x
    down = np.exp(-(((y - middle[1]) / spread_y) ** 2) / 2) / spread_y
    return np.outer(down, across)

  spread = viewers._CENTRE_SPREAD if time > 0.6 else 0.04
  result = centre * blob((0.5, 0.5), spread, spread)
  for item, share in zip(objects, chance, strict=True):
    # A network learns densities, fixations blurred by one degree.
    spread = np.hypot(viewers._LANDING * item.diameter, 1 / 16)
    place = item.eyes(now)[0]
    result = result + share * blob(place, spread / ASPECT, spread)
  return result


def _density(xy):
  return gaussian_density(
    xy * [_WIDTH, _HEIGHT],
    sigma=_HEIGHT / 16,
    height=_HEIGHT,
    width=_WIDTH,
    size=(_HEIGHT, _WIDTH),
  )


def _counts(xy):
  pixels = np.floor(xy * [_WIDTH, _HEIGHT]).astype(int)
  counts = np.zeros((_HEIGHT, _WIDTH), int)
  inside = np.all((pixels >= 0) & (pixels < [_WIDTH, _HEIGHT]), axis=1)
  np.add.at(counts, (pixels[inside, 1], pixels[inside, 0]), 1)
  return counts


def _nss(saliency, fixated):
  return metrics.nss(saliency[None], fixated[None])[0]


def _print_scores(scores):
  print(f'{"NSS":<10}{"clips":>6}' + ''.join(f'{m:>16}' for m in _MAPS))
  groups: dict[str, list] = {}
  for sort, rows in scores.items():
    groups.setdefault(CATEGORY[sort], []).append(rows)
    if CATEGORY[sort] == 'Misc':
      groups.setdefault(f'- {sort}', []).append(rows)
  groups['all'] = list(scores.values())
  for name, parts in groups.items():
    rows = np.concatenate(parts)
    cells = ''.join(f'{value:>16.2f}' for value in np.nanmean(rows, axis=0))
    print(f'{name:<10}{len(rows):>6}{cells}')


if __name__ == '__main__':
  main()
