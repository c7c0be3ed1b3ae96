"""How the cost of a step grows with batch, frame size and chips.

  python -m benchmarks.scaling --out=docs/images

Calculated, not compiled: operations of the training step of configs/davos.py
as it is written, sent gradients, and published rates of chips. Compiled plans
of a machine come from --mode=plan. Writes OUT/scaling.png and prints tables in
Markdown; OUT/scaling.json keeps the costs, and is read where it is there.
"""

import argparse
import json
import math
import pathlib

import jax

from dave_jax.configs import davos
from dave_jax.planning.chips import CHIPS
from dave_jax.planning.estimate import gradient_size
from dave_jax.planning.programs import lower_steps
from dave_jax.planning.roofline import Costs, roofline
from dave_jax.report import style
from dave_jax.training.sharding import make_mesh
from dave_jax.training.steps import AUDIO_VISUAL, VISUAL

# Route, examples, frame size.
_STEPS = (
  (AUDIO_VISUAL, 1, (256, 320)),
  (AUDIO_VISUAL, 2, (256, 320)),
  (AUDIO_VISUAL, 1, (512, 640)),
  (VISUAL, 1, (256, 320)),
)
_CHIPS = tuple(2**n for n in range(9))


def costs_as_written() -> list[dict]:
  """Returns operations and bytes of gradients of each of _STEPS."""
  found = []
  mesh = make_mesh(1, jax.devices('cpu')[:1])
  for route, examples, size in _STEPS:
    config = davos.get_config()
    config.train.batch_size = examples
    config.model.frame_size = size
    other = 'images' if route == AUDIO_VISUAL else 'audio_visual'
    config.data[other] = ''
    config.model.lax_kernels = True
    lowered = lower_steps(config, mesh, routing='static')[route]
    found.append(
      {
        'route': route,
        'examples': examples,
        'frame_size': size,
        'flops': lowered.cost_analysis()['flops'],
        'gradients': gradient_size(lowered, route),
      }
    )
    print(found[-1], flush=True)
  return found


def bound(step: dict, chip: str, chips: int, examples: float):
  """Returns the roofline, without memory, of some examples a chip."""
  costs = Costs(
    flops=examples * step['flops'] / step['examples'],
    bytes_moved=0,
    bytes_sent=2 * step['gradients'] * (chips - 1) / chips,
  )
  return roofline(costs, CHIPS[chip], dtype='float32', chips=chips)


def print_tables(steps: list[dict]) -> None:
  """Prints what docs/scaling.md shows."""
  print('| route | examples | frames | TFLOP | gradients, MB |')
  print('| --- | --- | --- | --- | --- |')
  for step in steps:
    h, w = step['frame_size']
    print(
      f'| {step["route"]} | {step["examples"]} | {h}x{w} | '
      f'{step["flops"] / 1e12:.3f} | {step["gradients"] / 1e6:.1f} |'
    )
  print('\n| chip | compute, ms an example | network, ms | enough examples |')
  print('| --- | --- | --- | --- |')
  for name, chip in CHIPS.items():
    chips = chip.machine or 256
    found = bound(steps[0], name, chips, 1)
    print(
      f'| {name}, {chips} | {1e3 * found.compute:.2f} | '
      f'{1e3 * found.network:.2f} | '
      f'{math.ceil(found.network / found.compute)} |'
    )
  print('\n| chips | examples a chip | compute ms | network ms | limit |')
  print('| --- | --- | --- | --- | --- |')
  for batch in (16, 256):
    for chips in _CHIPS:
      found = bound(steps[0], 'v5e', chips, batch / chips)
      print(
        f'| {chips} | {batch} / {chips} | {1e3 * found.compute:.2f} | '
        f'{1e3 * found.network:.2f} | {found.limit} |'
      )


def draw(steps: list[dict], path: pathlib.Path) -> None:
  """Draws compute against network time over chips."""
  with style.new_figure(style.WIDTH, 2.6) as figure:
    axes = figure.subplots(1, 2, sharey=True)
    small, large = steps[0], steps[2]
    for axis, step in zip(axes, (small, large), strict=True):
      for colour, batch in zip(style.COLOURS, (16, 64, 256), strict=False):
        times = [bound(step, 'v5e', n, batch / n).compute for n in _CHIPS]
        axis.plot(
          _CHIPS,
          [1e3 * t for t in times],
          color=colour,
          label=f'compute, batch {batch}',
        )
        # From here on there are no more examples to share: rows are split.
        axis.plot(batch, 1e3 * times[_CHIPS.index(batch)], 'o', color=colour)
      sent = [1e3 * bound(step, 'v5e', n, 1).network for n in _CHIPS[1:]]
      axis.plot(_CHIPS[1:], sent, 'k--', label='gradients, any batch')
      axis.set(
        xscale='log',
        yscale='log',
        xlabel='v5e chips',
        title='frames of {}x{}'.format(*step['frame_size']),
        xticks=_CHIPS,
        xticklabels=_CHIPS,
      )
      axis.minorticks_off()
    axes[0].set_ylabel('ms a step, at least (calculated)')
    axes[0].legend()
    figure.savefig(path)


def main() -> None:
  """Calculates, prints and draws."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--out', type=pathlib.Path, required=True)
  out = parser.parse_args().out
  kept = out / 'scaling.json'
  if not kept.exists():
    kept.write_text(json.dumps(costs_as_written(), indent=2) + '\n')
  steps = json.loads(kept.read_text())
  print_tables(steps)
  draw(steps, out / 'scaling.png')


if __name__ == '__main__':
  main()
